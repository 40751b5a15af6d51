"""What is in use while layers run forward, or forward and backward, in one pass."""

from itertools import pairwise
from typing import Any

import torch

from neural_style.kernels.convolution import can_be_frozen
from neural_style.kernels.footprint import index_memory
from neural_style.kernels.options import LARGE_OUTPUT_BYTES
from neural_style.losses.base import FeatureLoss
from neural_style.memory.use import NOTHING, MemoryUse
from neural_style.network.loss_network import LossNetwork
from neural_style.planning.features import (
    bits_saved_at,
    channel_counts,
    feature_sizes,
    footprint,
    fused_relus,
    is_in_place,
    layers_of,
)
from neural_style.tiling.stages import Stage


def forward_memory(network: LossNetwork, size: tuple[int, int]) -> MemoryUse:
    """Predict what a forward pass of an untiled image needs at its peak."""
    layers, kernels = layers_of(network), footprint(network)
    peak = features = NOTHING
    channels, sizes = channel_counts(network)[1:], feature_sizes(layers, size)
    for layer, count, (lower, upper) in zip(layers, channels, pairwise(sizes), strict=True):
        output = features if is_in_place(layer) else kernels.output(layer, count, upper)
        peak |= features + output + kernels.workspace(layer, lower, winograd=True)
        features = output
    return peak


def both_passes_memory(
    network: LossNetwork,
    stage: Stage,
    size: tuple[int, int],
    large_output_bytes: int = LARGE_OUTPUT_BYTES,
) -> MemoryUse:
    """Predict the peak of a forward pass, which saves for the backward pass, and of that.

    size: (H, W) of the stage's input, which is not counted.
    large_output_bytes: of ExecutionOptions.
    """
    layers = layers_of(network)[stage.start : stage.stop]
    channels = channel_counts(network)[stage.start :]
    kernels, sizes = footprint(network), feature_sizes(layers, size)
    fused = fused_relus(layers)
    recomputes = stage.recompute == 'everything'
    # how convolutions are done everywhere but on a GPU in float32
    is_frozen = network.devices[0].type == 'cpu' or network.dtype != torch.float32
    peak = saved = output = NOTHING
    is_saved = True
    for number, layer in enumerate(layers, start=1):
        features, input_is_saved = output, is_saved
        if not is_in_place(layer):
            output = kernels.output(layer, channels[number], sizes[number], large_output_bytes)
            is_saved = False
        bits = None if recomputes else bits_saved_at(layer, number, fused)
        saved += _saved_memory(layer, channels[number], sizes[number], bits)
        needs_no_features = can_be_frozen(layer) or number in fused
        needs_no_features = needs_no_features and (is_frozen or not recomputes)
        if bits is None and not (is_saved or needs_no_features):
            saved, is_saved = saved + output, True
        workspace = kernels.workspace(layer, sizes[number - 1], stage.winograd)
        peak |= (
            saved
            + (NOTHING if is_saved else output)
            + (NOTHING if input_is_saved else features)
            + workspace
        )
        if isinstance(layer, FeatureLoss):
            peak |= saved + output + gradient_memory(layer, channels[number], output)
        elif not is_in_place(layer):
            gradient = kernels.output(
                layer, channels[number - 1], sizes[number - 1], large_output_bytes
            )
            peak |= saved + output + gradient + workspace
    return peak


def _saved_memory(layer: Any, channels: int, size: tuple[int, int], bits: int | None) -> MemoryUse:
    """Return the memory of a layer's bitmasks, or of the positions of its maxima."""
    elements = channels * size[0] * size[1]
    return index_memory(layer, elements) if bits is None else MemoryUse(elements * bits / 8)


def gradient_memory(loss: FeatureLoss, channels: int, features: MemoryUse) -> MemoryUse:
    """Return what a loss takes until its gradient is added to the next layer's."""
    size = loss.gradient_bytes(features.total) + loss.workspace_bytes(channels)
    return MemoryUse(heap=size)
