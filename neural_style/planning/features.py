"""The features between a loss network's layers: how many channels, which size, what is saved."""

import math
from collections.abc import Sequence
from typing import Any

from torch import nn

from neural_style.kernels.compressed import saved_bits
from neural_style.kernels.footprint import Footprint
from neural_style.losses.base import FeatureLoss
from neural_style.network.fusion import fused_length
from neural_style.network.layers import output_channels
from neural_style.network.loss_network import LossNetwork
from neural_style.network.windows import layer_windows
from neural_style.tiling.stages import Stage


def layers_of(network: LossNetwork) -> list[Any]:
    """List the layers of all chunks, losses included."""
    return [layer for chunk in network.chunks for layer in chunk.children()]


def footprint(network: LossNetwork) -> Footprint:
    """Return the footprint of the network's kernels."""
    return Footprint(network.dtype, network.devices[0])


def channel_counts(network: LossNetwork) -> list[int]:
    """Count the channels of the image and of each layer's output."""
    counts = [3]
    for layer in layers_of(network):
        counts.append(output_channels(layer, counts[-1]))
    return counts


def feature_sizes(layers: Sequence[Any], size: tuple[int, int]) -> list[tuple[int, int]]:
    """Return (H, W) of the first layer's input and of each output.

    Layers that tiles cannot go through keep it.
    """
    height, width = size
    sizes = [size]
    for layer in layers:
        if (windows := layer_windows(layer)) is not None:
            rows, columns = windows
            height, width = rows.output_size(height), columns.output_size(width)
        sizes.append((max(height, 1), max(width, 1)))
    return sizes


def loss_input(network: LossNetwork, loss: FeatureLoss, size: tuple[int, int]) -> tuple[int, int]:
    """Count the channels and the positions that a loss gets from an image of H x W pixels."""
    layers = layers_of(network)
    index = next((index for index, layer in enumerate(layers) if layer is loss), 0)
    return channel_counts(network)[index], math.prod(feature_sizes(layers[:index], size)[-1])


def target_elements(network: LossNetwork, loss: FeatureLoss, size: tuple[int, int]) -> float:
    """Count the features that a loss gets from an image of H x W pixels."""
    return math.prod(loss_input(network, loss, size))


def guide_bytes(network: LossNetwork, loss: FeatureLoss, size: tuple[int, int]) -> float:
    """Count the bytes of a loss's guides for an image of H x W pixels."""
    return loss.guide_bytes(*loss_input(network, loss, size))


def statistic_bytes(network: LossNetwork) -> float:
    """Count the bytes that losses keep beside features and gradients."""
    pairs = zip(layers_of(network), channel_counts(network), strict=False)
    return sum(
        layer.held_bytes(channels) for layer, channels in pairs if isinstance(layer, FeatureLoss)
    )


def any_winograd(network: LossNetwork, size: tuple[int, int]) -> bool:
    """Tell whether any of the convolutions is Winograd's."""
    layers, kernels = layers_of(network), footprint(network)
    sizes = feature_sizes(layers, size)
    return any(map(kernels.uses_winograd, layers, sizes[:-1]))


def is_in_place(layer: Any) -> bool:
    """Tell whether a layer's output is its input's memory."""
    return isinstance(layer, FeatureLoss) or (isinstance(layer, nn.ReLU) and layer.inplace)


def is_single_pass(network: LossNetwork, stage: Stage) -> bool:
    """Tell whether a stage's backward pass follows its forward pass: the last one, in one tile."""
    return not stage.side and stage.stop == len(layers_of(network)) and network.world.size == 1


def fused_relus(layers: Sequence[Any]) -> list[int]:
    """Number, from 1, the ReLUs whose backward pass the layer after them applies."""
    return [index + 2 for index in range(len(layers)) if fused_length(layers, index) == 3]


def bits_saved_at(layer: Any, number: int, fused: Sequence[int]) -> int | None:
    """Return saved_bits of a layer, the number-th of several.

    fused: of fused_relus.  A fused ReLU's bit is counted at the layer after it.
    """
    bits = saved_bits(layer)
    return None if bits is None else bits + (number - 1 in fused) - (number in fused)
