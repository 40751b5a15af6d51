"""What a stage takes: time, as multiplications, and bytes."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn

from neural_style.kernels.convolution import can_be_frozen
from neural_style.kernels.footprint import index_memory
from neural_style.kernels.winograd import Winograd
from neural_style.losses.base import FeatureLoss
from neural_style.memory.allocator import LARGE_TENSOR_BYTES
from neural_style.memory.use import NOTHING, MemoryUse
from neural_style.network.loss_network import LossNetwork
from neural_style.planning.features import (
    bits_saved_at,
    channel_counts,
    feature_sizes,
    footprint,
    fused_relus,
    is_in_place,
    is_single_pass,
    layers_of,
)
from neural_style.planning.overlap import extra_rows, overlaps, tile_count
from neural_style.planning.passes import both_passes_memory, gradient_memory
from neural_style.planning.workload import Workload
from neural_style.tiling.stages import Stage

# To save a bit and to use it takes the time of so many multiplications of a convolution, measured
# in float32 on two cores.
COST_PER_BIT = 100
# So does both passes of a tile, whatever its size.
COST_PER_TILE = 3e8
# Gaps in the heap between the tensors of a whole image, which are of all sizes.
UNTILED_FRAGMENTATION = 1.45


@dataclass(frozen=True)
class StageCost:
    """States what a stage takes.

    cost: multiplications of the convolutions, and what else takes as long.
    input: bytes of its input features.
    held: of those, the bytes kept for the backward pass, with the extra rows of their gradient.
    gradient: bytes of a gradient that does not take their memory.
    saved: bytes of bitmasks and of the features of losses.
    forward, backward: memory of a tile in each pass, the heap's gaps included.
    """

    cost: float
    input: float
    held: float
    gradient: float
    saved: float
    forward: MemoryUse
    backward: MemoryUse


@dataclass(frozen=True)
class _TileLayer:
    """Describes a layer of a stage, in a tile.

    number: its position in the stage, from 1.
    overlap: how many times its output is calculated, where tiles overlap.
    input_channels, input_size: of a tile's input; channels, size: of its output.
    elements: of the output of all tiles, counted once.
    bits: that are saved for an element of the output; None where PyTorch saves tensors.
    """

    layer: Any
    number: int
    overlap: float
    input_channels: int
    channels: int
    input_size: tuple[int, int]
    size: tuple[int, int]
    elements: int
    bits: int | None

    @property
    def calculated(self) -> float:
        """Count the elements of the output of all tiles, overlaps included."""
        return self.overlap * self.elements


def stage_cost(job: Workload, stage: Stage, size: tuple[int, int]) -> StageCost:
    """Estimate what one process takes for a stage, for an image of H x W pixels."""
    size = job.extended(size)
    size = -(-size[0] // job.network.world.size), size[1]
    return job.cached(_stage_cost, stage, size)


def _stage_cost(network: LossNetwork, stage: Stage, size: tuple[int, int]) -> StageCost:
    layers = layers_of(network)
    input_size = feature_sizes(layers[: stage.start], size)[-1]
    side = stage.side or max(input_size)
    tile = (min(side, input_size[0]), min(side, input_size[1]))
    tile_layers = list(_tile_layers(network, stage, input_size, tile))
    recomputed = _recomputed_layers(tile_layers, stage)
    saved = _saved_bytes(network, tile_layers, recomputed)
    if stage.recompute == 'everything' or is_single_pass(network, stage):
        saved = 0.0
    layers = layers[stage.start : stage.stop]
    cost = _multiplications(network, stage, tile_layers, recomputed)
    if stage.side:
        cost += COST_PER_TILE * tile_count(layers, tile, input_size)
    input_bytes = 0.0
    if stage.start:
        channels = channel_counts(network)[stage.start]
        input_bytes = float(channels * math.prod(input_size) * network.dtype.itemsize)
    held, gradient = input_bytes * (stage.recompute != 'nothing'), input_bytes
    if stage.start == 0:
        gradient = 3.0 * math.prod(size) * 4
    elif held and not is_single_pass(network, stage):  # it takes their memory
        held, gradient = held * (1 + extra_rows(layers, tile, input_size) / input_size[0]), 0.0
    forward, backward = _tile_memory(network, stage, tile, tile_layers, recomputed)
    return StageCost(cost, input_bytes, held, gradient, saved, forward, backward)


def _tile_layers(
    network: LossNetwork, stage: Stage, input_size: tuple[int, int], tile: tuple[int, int]
) -> Iterator[_TileLayer]:
    layers = layers_of(network)[stage.start : stage.stop]
    channels = channel_counts(network)[stage.start :]
    all_sizes, sizes = feature_sizes(layers, input_size), feature_sizes(layers, tile)
    fused = fused_relus(layers)
    # as LossNetwork.tiles has it for images of more than one tile
    factors = overlaps(layers, tile, input_size, (True, network.dtype.itemsize >= 4))
    for number, (layer, overlap) in enumerate(zip(layers, factors, strict=True), start=1):
        yield _TileLayer(
            layer,
            number,
            overlap,
            input_channels=channels[number - 1],
            channels=channels[number],
            input_size=sizes[number - 1],
            size=sizes[number],
            elements=channels[number] * math.prod(all_sizes[number]),
            bits=bits_saved_at(layer, number, fused),
        )


def _recomputed_layers(layers: Sequence[_TileLayer], stage: Stage) -> int:
    """Count the layers that run again for the features of losses."""
    if stage.recompute != 'loss features':
        return 0
    return max((x.number for x in layers if isinstance(x.layer, FeatureLoss)), default=0)


def _multiplications(
    network: LossNetwork, stage: Stage, layers: Sequence[_TileLayer], recomputed: int
) -> float:
    """Estimate the time of a stage's passes, without what each tile takes."""
    kernels = footprint(network)
    bitmasks = forward = repeated = 0.0
    for x in layers:
        if isinstance(x.layer, nn.Conv2d):
            pixels = x.elements // x.channels
            multiplications = x.overlap * x.layer.weight.numel() * pixels
            if stage.winograd and kernels.uses_winograd(x.layer, x.input_size):
                multiplications *= Winograd.relative_time(x.layer.weight, network.dtype)
            forward += multiplications
            repeated += multiplications * (x.number <= recomputed)
        elif x.bits and not isinstance(x.layer, FeatureLoss):
            bitmasks += COST_PER_BIT * x.calculated
    if stage.recompute == 'everything' and not is_single_pass(network, stage):
        return 3 * forward
    return bitmasks + (2 * forward + repeated)


def _saved_bytes(network: LossNetwork, layers: Sequence[_TileLayer], recomputed: int) -> float:
    """Count the bytes of bitmasks, and of features, that tiles save for their backward pass."""
    item, kernels, saved = network.dtype.itemsize, footprint(network), 0.0
    for x in layers:
        if isinstance(x.layer, FeatureLoss):
            saved += x.calculated * item * (x.number > recomputed)
        elif x.bits is not None:
            saved += x.calculated * x.bits / 8
        elif not can_be_frozen(x.layer):
            saved += kernels.saved_bytes(x.layer, x.calculated * item)
    return saved


def _tile_memory(
    network: LossNetwork,
    stage: Stage,
    tile: tuple[int, int],
    layers: Sequence[_TileLayer],
    recomputed: int,
) -> tuple[MemoryUse, MemoryUse]:
    """Return the memory of a tile in the forward and in the backward pass."""
    kernels, large = footprint(network), LARGE_TENSOR_BYTES
    channels = channel_counts(network)[stage.start]
    features = kernels.tensor(channels * math.prod(tile) * network.dtype.itemsize)
    forward = backward = features
    recomputed_features = NOTHING
    for x in layers:
        if isinstance(x.layer, FeatureLoss):
            backward |= features + gradient_memory(x.layer, x.channels, features)
            if x.number <= recomputed:
                recomputed_features += features
        elif not is_in_place(x.layer):
            output = kernels.output(x.layer, x.channels, x.size, large)
            gradient = kernels.output(x.layer, x.input_channels, x.input_size, large)
            workspace = kernels.workspace(x.layer, x.input_size, stage.winograd)
            if x.bits is None:
                workspace += index_memory(x.layer, x.channels * math.prod(x.size))
            forward |= features + output + workspace
            backward |= output + gradient + workspace
            features = output
    incoming_gradient = features
    backward += incoming_gradient
    if recomputed:
        backward = (backward | forward) + recomputed_features
    single_pass = is_single_pass(network, stage)
    if single_pass or stage.recompute == 'everything':
        backward = both_passes_memory(network, stage, tile, large) + incoming_gradient
    if single_pass:
        forward, backward = (
            use.with_fragmentation(UNTILED_FRAGMENTATION) for use in (forward, backward)
        )
    return forward, backward
