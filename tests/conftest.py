"""Where the tests find the recordings of the original program, and what several of them use."""

import shlex
import subprocess
import sys
from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from torch import nn

import loadcaffe
import neural_style
from style_transfer import LossNetwork
from torch7.random import Generator

# The networks of the tests are small: a second thread gains nothing, and on a busy machine the
# threads wait for each other most of the time.
torch.set_num_threads(1)

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / 'tests' / 'data'
SHARED = ROOT.parent / 'shared'
RELUS = 'relu1_1,relu2_1,relu3_1,relu4_1,relu5_1'.split(',')


def fuses():
    """Whether the processor rounds a product and its sum once."""
    x = torch.full((64,), 1 + 2**-13)
    rounded = x * x  # by 2**-26
    return bool(torch.add(-rounded, x, alpha=1 + 2**-13).all())


needs_fma = pytest.mark.skipif(
    not fuses(), reason='the recordings were made with fused multiply-adds, which this CPU lacks'
)


def loss_network(cnn, **settings):
    """A loss network as the command makes it where nothing else is said."""
    defaults = {
        'content_weight': 5.0,
        'style_weight': 100.0,
        'tv_weight': 1e-3,
        'content_layers': ['relu4_2'],
        'style_layers': RELUS,
        'normalize_gradients': False,
        'pooling': 'max',
        'generator': Generator(),
    }
    return LossNetwork(cnn, **defaults | settings)


def vgg():
    """A little VGG-19 of convolutions."""
    stem = DATA / 'models' / 'mini_vgg19_conv'
    return loadcaffe.load(f'{stem}.prototxt', f'{stem}.caffemodel')


def dropping():
    """A network that draws random numbers in every evaluation, and for the targets."""
    torch.manual_seed(0)
    layers = OrderedDict(relu1_1=nn.Conv2d(3, 4, 3, padding=1), drop=nn.Dropout(0.3))
    return nn.Sequential(layers | {'relu4_2': nn.Conv2d(4, 5, 3, padding=1)})


@pytest.fixture(scope='session')
def data():
    """The recordings that travel with the project: models/, inputs/, runs/."""
    return DATA


@pytest.fixture(scope='session')
def golden():
    """The full recordings, beside the checkout; tests that need them skip elsewhere."""
    folder = SHARED / 'golden'
    if not folder.is_dir():
        pytest.skip(f'needs the recordings in {folder.parent.name}/golden beside the checkout')
    return folder


@pytest.fixture(scope='session')
def wheel(tmp_path_factory):
    """What pip would install: the list of the files in the wheel."""
    folder = tmp_path_factory.mktemp('wheel')
    command = [sys.executable, '-m', 'pip', 'wheel', '-q', '--no-deps', '--no-build-isolation']
    done = subprocess.run(
        [*command, '-w', folder, ROOT], capture_output=True, text=True, timeout=120
    )
    if 'setuptools' in done.stderr and done.returncode:
        pytest.skip('needs setuptools to build a wheel')
    assert done.returncode == 0, done.stderr
    (wheel,) = folder.glob('*.whl')
    return subprocess.run(
        [sys.executable, '-m', 'zipfile', '-l', wheel], capture_output=True, text=True, check=True
    ).stdout


@pytest.fixture
def command(data, tmp_path, monkeypatch):
    """Run `neural_style FLAGS` in an empty folder, on the small network and pictures."""
    monkeypatch.chdir(tmp_path)
    models, inputs = data / 'models', data / 'inputs'
    defaults = {
        '-gpu': '-1',
        '-image_size': '48',
        '-content_image': f'{inputs}/scene.jpg',
        '-style_image': f'{inputs}/strokes.jpg',
        '-proto_file': f'{models}/mini_vgg19_conv.prototxt',
        '-model_file': f'{models}/mini_vgg19_conv.caffemodel',
        '-num_iterations': '2',
        '-seed': '1',
    }

    def run(flags=''):
        words = shlex.split(flags)
        argv = [word for pair in defaults.items() if pair[0] not in words for word in pair]
        return neural_style.main(argv + words)

    return run
