"""The flags of the figures' command."""

from samples import ROOT

from neural_style.figures.figures import FIGURES
from neural_style.figures.flags import command_line


def test_every_flag_and_figure_is_in_the_manual():
    manual = (ROOT / 'docs' / 'figures.md').read_text()
    for word in (*(f'-{name}' for name in command_line().defaults()), *FIGURES):
        assert f'`{word}' in manual or f' {word}`' in manual, word
