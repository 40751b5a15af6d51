"""Checks before rendering: required layers, image sizes, normalisation."""

import copy
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from neural_style.command.networks import remedy
from neural_style.figures.normalization import is_normalized, mean_activations, normalize
from neural_style.figures.plan import Painting
from neural_style.network.layers import layer_names
from neural_style.network.loss_network import LossNetwork
from neural_style.torch7.cmdline import split
from neural_style.torch7.random import Generator

# Layers that normalize may scale: their output is proportional to their input, biases aside.
HOMOGENEOUS = (nn.Conv2d, nn.ReLU, nn.MaxPool2d, nn.AvgPool2d, nn.Dropout)


def layers(painting: Painting, loss_type: str) -> list[str]:
    """Return the layers of a painting's losses.  kind: content or style."""
    return split(painting.settings[f'{loss_type}_layers'])


def required_layers(paintings: Iterable[Painting]) -> set[str]:
    """Return the layers of the losses of all paintings."""
    return {
        name
        for painting in paintings
        for loss_type in ('content', 'style')
        for name in layers(painting, loss_type)
    }


def shorten(cnn: nn.Sequential, paintings: Sequence[Painting], model_file: str) -> nn.Sequential:
    """Return the network up to the last layer that a loss of any painting needs.

    Raises ValueError, naming -model_file, if it lacks one.
    """
    needed = required_layers(paintings)
    names = layer_names(cnn)
    missing = sorted(needed - set(names))
    if missing:
        raise ValueError(
            f'-model_file {model_file}: the network has no layer {", ".join(missing)}, which this'
            f' figure needs; it has {", ".join(names)}; name a whole VGG-19'
            f' ({remedy()})'
        )
    depth = 1 + max(names.index(name) for name in needed)
    shortened = cnn[:depth]  # with its branches, if it has some
    assert isinstance(shortened, nn.Sequential)
    return shortened


def check_sizes(cnn: nn.Sequential, pooling: str, shapes: Iterable[torch.Size]) -> None:
    """Raise ValueError, naming -image_size, if an image of one of the shapes is too small.

    Nothing is computed: a copy of the network runs on shapes alone.
    """
    network = LossNetwork(
        copy.deepcopy(cnn),
        content_weight=1,
        style_weight=1,
        tv_weight=0,
        content_layers=layer_names(cnn),
        style_layers=[],
        normalize_gradients=False,
        pooling=pooling,
        generator=Generator(),
        devices=['meta'],
        missing_layers='error',
    )
    for shape in shapes:
        network(torch.empty(shape, device='meta'))


def normalize_if_needed(cnn: nn.Sequential, images: Sequence[Tensor], choice: str) -> bool:
    """Scale the network to equal mean activations over the images; tells whether it has.

    choice: always, never, or auto: only a network that is not normalised.
    """
    if choice == 'never':
        return False
    others = [type(layer).__name__ for layer in cnn if not isinstance(layer, HOMOGENEOUS)]
    if others:
        if choice == 'auto':
            return False
        raise ValueError(
            f'-normalize always: the network has a layer of type {others[0]}, and only'
            ' convolutions, ReLU and pooling can be scaled; give -normalize never'
        )
    means = mean_activations(cnn, images)
    if choice == 'auto' and is_normalized(means):
        return False
    normalize(cnn, means)
    return True
