"""What the README tells people to type."""

import re
import shlex
import subprocess

import numpy as np
import pytest
from PIL import Image
from samples import DATA, ROOT

from neural_style.command.process import main

README = (ROOT / 'README.md').read_text()


def blocks(language=''):
    """The fenced blocks of the README, in order."""
    return re.findall(rf'^```{language}\n(.*?)^```$', README, re.M | re.S)


def test_the_first_command_makes_a_picture(tmp_path, monkeypatch):
    setup, _, flags = blocks()[0].partition('.venv/bin/neural_style ')
    assert 'pip install' in setup
    monkeypatch.chdir(ROOT)
    out = tmp_path / 'out.png'
    # As it stands, but for the time it takes and the place of the picture.
    assert main([*shlex.split(flags), '-num_iterations', '3', '-output_image', str(out)]) == 0
    assert np.asarray(Image.open(out)).std() > 20


def test_ci_runs_the_test_command_and_the_slow_tests():
    script = (ROOT / '.ci' / 'run').read_text()
    only_print = script.replace('eval "$1"', ':').replace('$(dirname "$0")/..', str(ROOT))
    assert 'eval' not in only_print
    done = subprocess.run(['bash', '-c', only_print], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(blocks()[1])
    assert '-m pytest' in blocks()[1]
    assert '-m slow' in done.stdout.removeprefix(blocks()[1])


def test_the_python_example_runs(tmp_path, monkeypatch):
    (example,) = blocks('python')
    assert len([line for line in example.splitlines() if line]) == 8
    for name in ('content', 'style'):
        (tmp_path / f'{name}.jpg').symlink_to(DATA / 'inputs' / 'scene.jpg')
    models = tmp_path / 'models'
    models.mkdir()
    for name, own in (
        ('VGG_ILSVRC_19_layers_deploy.prototxt', 'mini_vgg19.prototxt'),
        ('VGG_ILSVRC_19_layers.caffemodel', 'mini_vgg19.caffemodel'),
    ):
        (models / name).symlink_to(DATA / 'models' / own)
    monkeypatch.chdir(tmp_path)
    exec(example.replace('512', '48').replace('num_iterations=500', 'num_iterations=2'), {})
    assert np.asarray(Image.open('out.png')).shape[1] == 48


def test_the_command_for_networks_writes_one_that_loads(tmp_path, monkeypatch, capsys):
    import loadcaffe
    from loadcaffe.__main__ import main as show

    (block,) = re.findall('^python -m loadcaffe .*', README, re.M)
    models = tmp_path / 'models'
    models.mkdir()
    for suffix in ('_deploy.prototxt', '.caffemodel'):
        own = DATA / 'models' / f'mini_vgg19_conv{suffix.removeprefix("_deploy")}'
        (models / f'VGG_ILSVRC_19_layers{suffix}').symlink_to(own)
    monkeypatch.chdir(tmp_path)
    assert show(shlex.split(block)[3:]) == 0
    assert 'conv1_1' in capsys.readouterr().out
    assert len(loadcaffe.load('no', 'models/vgg19_conv.caffemodel')) == 37


@pytest.mark.parametrize('path', re.findall(r'\]\(((?!http)[^)]+)\)', README))
def test_links_lead_somewhere(path):
    assert (ROOT / path).exists()
