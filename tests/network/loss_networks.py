"""Loss networks that several tests use."""

import torch
from samples import loss_network, mini_vgg19
from torch import nn

from loadcaffe.graph import Graph
from loadcaffe.layers.branching import Concat


def network(cnn=None, **settings):
    """A loss network with two style losses, of a narrow VGG-19 by default."""
    settings = {'style_layers': ['relu1_1', 'relu2_1']} | settings
    return loss_network(mini_vgg19() if cnn is None else cnn, **settings)


def image(height=33, width=41, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(3, height, width, generator=generator) * 50


def with_targets(net):
    """Give a loss network targets from two random images."""
    net.capture_content(image(seed=1))
    net.capture_style(image(29, 37, seed=2), 1.0)
    return net


def branched_cnn():
    """conv1, then two convolutions side by side, joined and pooled; names as in SqueezeNet."""
    torch.manual_seed(0)
    layers = {
        'conv1': nn.Conv2d(3, 4, 3),
        'relu1': nn.ReLU(),
        'fire2/left': nn.Conv2d(4, 5, 1),
        'fire2/right': nn.Conv2d(4, 6, 3, padding=1),
        'fire2/pool': nn.MaxPool2d(3, 1, 1, ceil_mode=True),
        'fire2/concat': Concat(1),
        'conv3': nn.Conv2d(15, 4, 3),
    }
    for name, layer in layers.items():
        layer.name = name
        layer.requires_grad_(False)
    inputs = [[-1], [0], [1], [1], [1], [2, 3, 4], [5]]
    sources = [[(number, 0) for number in numbers] for numbers in inputs]
    return Graph([(name.replace('.', '_'), layer) for name, layer in layers.items()], sources)


def network_with_branches(cnn=None, **settings):
    settings = {'tv_weight': 0, 'missing_layers': 'error', 'style_layers': []} | settings
    return loss_network(cnn or branched_cnn(), **settings)
