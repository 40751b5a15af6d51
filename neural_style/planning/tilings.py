"""The tilings to choose from: stages, tile sides, and what the backward pass recomputes."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import combinations_with_replacement, pairwise, product
from typing import Any

from loadcaffe.graph import Graph
from neural_style.losses.base import FeatureLoss
from neural_style.network.loss_network import LossNetwork
from neural_style.network.windows import layer_windows, stage_boundaries
from neural_style.planning.features import (
    any_winograd,
    channel_counts,
    is_single_pass,
    layers_of,
)
from neural_style.planning.stage_cost import stage_cost
from neural_style.planning.workload import Workload
from neural_style.tiling.stages import Recompute, Stage, Tiling

# Bytes of a tile's largest tensor, about.  On a GPU it may be larger: small ones do not fill it.
TILE_TENSOR_BYTES = 32 << 20
TILE_TENSOR_BYTES_ON_GPU = 256 << 20
# Tile sides to choose from, as multiples of that whose largest tensor has those bytes.
TILE_FACTORS = ((4, 2, 1), (2, 1), (1,), (0.5,), (0.25,))
MIN_TILE_SIDE, TILE_SIDE_STEP = 64, 32


def can_tile(network: LossNetwork) -> bool:
    """Tell whether a network can be evaluated in tiles: one without branches, on one device."""
    return len(network.devices) == 1 and not isinstance(network.chunks[0], Graph)


def tilings_by_cost(job: Workload) -> list[Tiling]:
    """List tilings, the fastest first, whose last stage may be one tile.

    The features at the lower boundaries are the largest: from some boundary on down there is one
    stage, and no stage saves more for the backward pass than the one above it.
    """
    costs: dict[Tiling, float] = {}
    for stages in _stage_combinations(job):
        for variant in _recompute_variants(job.network, stages):
            costs[Tiling(variant)] = sum(stage_cost(job, x, job.size).cost for x in variant)
    return sorted(costs, key=lambda tiling: costs[tiling])


def _stage_combinations(job: Workload) -> Iterator[list[Stage]]:
    layers = layers_of(job.network)
    starts, first_global = stage_boundaries(layers)
    ends = [0, *starts[1:], first_global]  # of the tiles
    winograd_options = [True, False] if job.cached(any_winograd, job.extended(job.size)) else [True]
    for number, end in enumerate(ends):
        inner = starts[1:number] if end != first_global else starts[1:]
        for count in range(len(inner) + 1):
            bounds = [0, *inner[count:], end] if end else [0]
            for factors, winograd in product(TILE_FACTORS, winograd_options):
                stages = [_fastest_stage(job, a, b, factors, winograd) for a, b in pairwise(bounds)]
                if end < len(layers):
                    stages.append(Stage(end, len(layers), winograd=winograd))
                yield stages


def _fastest_stage(
    job: Workload, start: int, stop: int, factors: Sequence[float], winograd: bool
) -> Stage:
    """Return the stage with the fastest tiles, of those factors."""
    layers = layers_of(job.network)[start:stop]
    channels = channel_counts(job.network)[start + 1 : stop + 1]
    sides = (_tile_side(layers, channels, job.network, factor) for factor in factors)
    stages = (Stage(start, stop, side, recompute='nothing', winograd=winograd) for side in sides)
    return min(stages, key=lambda stage: stage_cost(job, stage, job.size).cost)


def _tile_side(
    layers: Sequence[Any], channels: Sequence[int], network: LossNetwork, factor: float
) -> int:
    """Return a tile side: `factor` times that whose largest tensor has TILE_TENSOR_BYTES.

    channels: of the layers' outputs.
    """
    on_cpu = network.devices[0].type == 'cpu'
    tensor_bytes = TILE_TENSOR_BYTES if on_cpu else TILE_TENSOR_BYTES_ON_GPU
    stride, values_per_pixel = 1.0, 0.0
    for layer, count in zip(layers, channels, strict=True):
        windows = layer_windows(layer)
        if windows is None:
            break
        stride *= max(window.stride for window in windows)
        values_per_pixel = max(values_per_pixel, count / stride**2)
    pixels = int(tensor_bytes / max(values_per_pixel * network.dtype.itemsize, 1))
    side = int(factor * math.isqrt(pixels))
    return max(MIN_TILE_SIDE, side // TILE_SIDE_STEP * TILE_SIDE_STEP)


def _recompute_variants(
    network: LossNetwork, stages: Sequence[Stage]
) -> Iterator[tuple[Stage, ...]]:
    """Yield the same stages with less or more saved, a stage no less than the one below it."""
    layers = layers_of(network)
    has_losses = [
        not is_single_pass(network, stage)
        and any(isinstance(layer, FeatureLoss) for layer in layers[stage.start : stage.stop])
        for stage in stages
    ]
    levels: tuple[Recompute, ...] = ('everything', 'loss features', 'nothing')
    for combination in combinations_with_replacement(levels, len(stages)):
        yield tuple(
            replace(stage, recompute=level if level != 'loss features' or losses else 'nothing')
            for stage, level, losses in zip(stages, combination, has_losses, strict=True)
        )
