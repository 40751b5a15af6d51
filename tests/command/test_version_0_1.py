"""Checkpoints and recipes that version 0.1 wrote are still read."""

import conformance
import numpy as np
import pytest
from PIL import Image
from samples import DATA

from neural_style.command.process import main

FOLDER = DATA / 'version_0.1'


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Make a folder like that in which version 0.1 ran."""
    for name in ('models', 'inputs'):
        (tmp_path / name).symlink_to(DATA / name)
    monkeypatch.chdir(tmp_path)


def assert_same_picture(name, recorded):
    pictures = [np.asarray(Image.open(path)).astype(int) for path in (name, recorded)]
    rounding = 0 if conformance.sums_as_recorded() else 2
    assert np.abs(pictures[0] - pictures[1]).max() <= rounding


@pytest.mark.parametrize('optimizer', ['lbfgs', 'adam'])
def test_checkpoint_resumes_to_the_same_bits(optimizer, capsys):
    checkpoint = FOLDER / f'{optimizer}.checkpoint'
    assert main(['-resume', str(checkpoint), '-num_iterations', '8', '-checkpoint', '']) == 0
    assert_same_picture('tmp.png', FOLDER / f'{optimizer}.png')
    if conformance.sums_as_recorded():
        resumed, recorded = (
            text[text.index('Iteration 5 / 8') :]
            for text in (capsys.readouterr().out, (FOLDER / f'{optimizer}.txt').read_text())
        )
        assert resumed == recorded


def test_flags_that_the_checkpoint_does_not_know_have_their_defaults(capsys):
    flags = ['-resume', str(FOLDER / 'lbfgs.checkpoint'), '-num_iterations', '8']
    assert main([*flags, '-style_statistic', 'mean_std']) == 1
    assert 'the run started with -style_statistic gram, not mean_std' in capsys.readouterr().err
    assert main([*flags, '-color', 'match']) == 1
    assert 'the run started without -color, not match' in capsys.readouterr().err
    assert main([*flags, '-checkpoint', '', '-style_statistic', 'gram', '-color', '']) == 0


@pytest.mark.parametrize('optimizer', ['lbfgs', 'adam'])
def test_recipe_gives_the_same_picture(optimizer):
    picture = FOLDER / f'{optimizer}.png'
    inputs = ['-content_image', 'inputs/scene.jpg', '-style_image', 'inputs/strokes.jpg']
    assert main(['-rerun', str(picture), *inputs, '-output_image', 'again.png']) == 0
    assert_same_picture('again.png', picture)
