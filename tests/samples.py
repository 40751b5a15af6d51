"""Paths that tests share, and the small networks that several of them use."""

from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from torch import nn

import loadcaffe
from neural_style import LossNetwork
from neural_style.torch7.random import Generator

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / 'tests' / 'data'  # see its README.md
SHARED = ROOT.parent / 'shared'  # larger recordings and networks, not part of the project
LOCATION = 'neural_style: the picture is in '  # the last line of a run
STYLE_LAYERS = 'relu1_1,relu2_1,relu3_1,relu4_1,relu5_1'.split(',')


def has_fused_multiply_add():
    """Return whether the processor rounds a product and its sum once."""
    x = torch.full((64,), 1 + 2**-13)
    rounded = x * x  # by 2**-26
    return bool(torch.add(-rounded, x, alpha=1 + 2**-13).all())


needs_fma = pytest.mark.skipif(
    not has_fused_multiply_add(),
    reason='the recordings were made with fused multiply-adds, which this CPU lacks',
)


def loss_network(cnn, **settings):
    """Build a loss network with the command's defaults."""
    defaults = {
        'content_weight': 5.0,
        'style_weight': 100.0,
        'tv_weight': 1e-3,
        'content_layers': ['relu4_2'],
        'style_layers': STYLE_LAYERS,
        'normalize_gradients': False,
        'pooling': 'max',
        'generator': Generator(),
    }
    return LossNetwork(cnn, **defaults | settings)


def mini_vgg19():
    """Load the convolutional part of a narrow VGG-19 with random weights."""
    stem = DATA / 'models' / 'mini_vgg19_conv'
    return loadcaffe.load(f'{stem}.prototxt', f'{stem}.caffemodel')


def network_with_dropout():
    """Make a network that draws random numbers in every evaluation, and for the targets."""
    torch.manual_seed(0)
    layers = OrderedDict(relu1_1=nn.Conv2d(3, 4, 3, padding=1), drop=nn.Dropout(0.3))
    return nn.Sequential(layers | {'relu4_2': nn.Conv2d(4, 5, 3, padding=1)})


def without_location(stderr):
    """Return what a run printed on stderr but for where its picture is."""
    lines = stderr.splitlines(keepends=True)
    return ''.join(line for line in lines if not line.startswith(LOCATION))


def noise(*shape, seed=0):
    """Draw uniform noise in [0, 1), float64."""
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(*shape, generator=generator, dtype=torch.float64)


def ink(height=40, width=60):
    """Draw a white sheet with a black bar in the middle."""
    image = torch.full((3, height, width), 0.97, dtype=torch.float64)
    image[:, height // 3 : 2 * height // 3, width // 4 : 3 * width // 4] = 0.1
    return image
