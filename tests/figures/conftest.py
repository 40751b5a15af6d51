"""Fixtures of the figures: the command on small inputs, and its calls of stylize."""

import math
import shlex

import pytest

from neural_style.figures.__main__ import main
from neural_style.figures.figures import FIGURES
from neural_style.transfer.multiscale import stylize_multiscale


@pytest.fixture
def calls(monkeypatch):
    """Record the keywords of each call of stylize; calls.stop = n interrupts the one after n."""

    class Calls(list):
        stop = math.inf

    calls = Calls()

    def counted(*args, **keywords):
        if len(calls) >= calls.stop:
            raise KeyboardInterrupt
        calls.append(keywords)
        return stylize_multiscale(*args, **keywords)

    monkeypatch.setattr('neural_style.figures.rendering.stylize_multiscale', counted)
    return calls


@pytest.fixture
def command(data, tmp_path, monkeypatch):
    """Run `neural_style-figures FIGURE FLAGS` in an empty folder, small; writes to out/."""
    monkeypatch.chdir(tmp_path)
    models, inputs = data / 'models', data / 'inputs'

    def run_command(figure, flags=''):
        count = FIGURES[figure].min_styles if figure in FIGURES else 1
        styles = [f'{inputs}/{name}.jpg' for name in ('strokes', 'waves')[:count]]
        defaults = {
            '-gpu': '-1',
            '-image_size': '32',
            '-num_iterations': '2',
            '-content_image': f'{inputs}/scene.jpg',
            '-style_image': ','.join(styles),
            '-model_file': f'{models}/mini_vgg19_conv.caffemodel',
            '-proto_file': f'{models}/mini_vgg19_conv.prototxt',
            '-output_dir': 'out',
        }
        explicit = shlex.split(flags)
        argv = [word for pair in defaults.items() if pair[0] not in explicit for word in pair]
        return main([figure, *argv, *explicit])

    return run_command
