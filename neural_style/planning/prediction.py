"""How much memory a run will need, before anything is run."""

import functools
import math
import operator
from collections.abc import Sequence

import torch
from torch import nn

from neural_style.memory.use import MemoryUse
from neural_style.network.loss_network import LossNetwork
from neural_style.planning.features import (
    channel_counts,
    feature_sizes,
    footprint,
    guide_bytes,
    layers_of,
    statistic_bytes,
    target_elements,
)
from neural_style.planning.passes import both_passes_memory, forward_memory
from neural_style.planning.stage_cost import UNTILED_FRAGMENTATION, stage_cost
from neural_style.planning.workload import Workload
from neural_style.tiling.stages import Stage, Tiling
from neural_style.torch7.convolution import EXACT, EXACT_STYLE, unfolded_bytes

# Memory besides tensors: oneDNN's compiled kernels, threads, buffers.
OVERHEAD = 80 << 20
# Tiles have more kernels, of more sizes, and fragment the heap: by so many bytes, and an eighth of
# those of their tensors, until free memory is released, which keeps it below the limit.
TILE_OVERHEAD, TILE_FRAGMENTATION, MAX_TILE_OVERHEAD = 48 << 20, 0.125, 112 << 20
# Gaps outside of the heap, on a CPU; near the predicted peak they are released.
OFF_HEAP_FRAGMENTATION = 1.05


def predict(
    job: Workload, tiling: Tiling | None, history: torch.dtype | None = None, on_host: bool = False
) -> int:
    """Predict the bytes at the peak of a run.

    history: dtype of the history of L-BFGS, None for the image's own.  on_host: the host keeps it.
    """
    lasting = _optimizer_bytes(job, history, on_host) + _all_weight_bytes(job, tiling)
    lasting -= job.released_bytes
    evaluation = _evaluation_memory(job, tiling)
    phases = [lasting + _edge_bytes(job, job.size) + _total_bytes(job, evaluation)]
    phases.append((24 * job.on_cpu + 12) * math.prod(job.size))  # the content in float64, and not
    phases += [_capture_bytes(job, tiling, size) for size in job.style_sizes]
    guides = _guide_bytes(job, job.size)
    overhead = 0.0
    if job.on_cpu:
        phases.append(lasting + saving_bytes(job.size))
        overhead = OVERHEAD if tiling is None else OVERHEAD + _tile_overhead(evaluation)
    return int(job.used + job.coming_bytes + overhead + guides + _target_bytes(job) + max(phases))


def _edge_bytes(job: Workload, size: tuple[int, int]) -> float:
    """Count the bytes of an image's copy with its edges, if it is made."""
    extended = job.extended(size)
    return 0.0 if extended == size else 3.0 * 4 * math.prod(extended)


def saving_bytes(size: tuple[int, int]) -> float:
    """Count the bytes for saving an image of H x W pixels on a CPU: twice, and in float64."""
    return math.prod(size) * (2 * 3 * 4 + 2 * 24 + 6)


def _optimizer_bytes(job: Workload, history: torch.dtype | None, on_host: bool) -> float:
    """Count the bytes of the image and of the optimiser's vectors, which processes share."""
    vector, processes = 3.0 * 4 * math.prod(job.size), job.network.world.size
    # x, and of L-BFGS g, g_old, d, of Adam m, v
    total = (4.0 if job.vectors else 3.0) * vector / processes
    total += vector * (processes > 1 or job.reparametrized)  # the whole of x
    if job.vectors and not on_host:
        item = 4 if history is None else history.itemsize
        total += job.vectors * vector / processes * item / 4
    if not job.on_cpu and history is not None:
        total += vector / processes  # what is converted at a time
    return total


def _all_weight_bytes(job: Workload, tiling: Tiling | None) -> float:
    """Count the bytes of the convolutions' weights that are kept besides the network's own."""
    network = job.network
    if network.dtype == torch.float32 and not job.on_cpu and tiling is None:
        return 0.0
    largest = max((job.size, *job.style_sizes), key=math.prod)
    is_exact = _is_exact(job, tiling) and math.prod(largest) <= EXACT_STYLE
    untiled = Stage(0, len(layers_of(network)), winograd=not is_exact)
    stages = tiling.stages if tiling else (untiled,)
    return sum(
        job.cached(_weight_bytes, job.extended(largest), stage.start, stage.stop, stage.winograd)
        for stage in stages
    )


def _weight_bytes(
    network: LossNetwork, size: tuple[int, int], start: int, stop: int, winograd: bool
) -> float:
    layers, kernels = layers_of(network), footprint(network)
    pairs = list(zip(layers, feature_sizes(layers, size), strict=False))[start:stop]
    return sum(
        kernels.weight_bytes(layer, input_size, winograd)
        for layer, input_size in pairs
        if isinstance(layer, nn.Conv2d)
    )


def _is_exact(job: Workload, tiling: Tiling | None) -> bool:
    """Tell whether the image is small enough to be rounded as Torch7 does."""
    network = job.network
    is_float32 = network.dtype == torch.float32
    can_be_exact = network.exact and is_float32 and job.on_cpu and tiling is None
    return can_be_exact and math.prod(job.size) <= EXACT


def _target_bytes(job: Workload) -> float:
    """Count the bytes of the content targets, and of the statistics of styles."""
    losses = job.network.content_losses
    targets = sum(job.cached(target_elements, loss, job.extended(job.size)) * 4 for loss in losses)
    # memory that nobody writes to takes none
    targets /= job.network.world.size if job.on_cpu else 1
    return targets + job.cached(statistic_bytes)


def _guide_bytes(job: Workload, size: tuple[int, int]) -> float:
    """Count the bytes of the guides of all style losses; every process has all of them."""
    return sum(
        job.cached(guide_bytes, loss, job.extended(size)) for loss in job.network.style_losses
    )


def _capture_bytes(job: Workload, tiling: Tiling | None, size: tuple[int, int]) -> float:
    """Count the bytes for capturing the targets of a style image of H x W pixels."""
    image = (36.0 if job.on_cpu else 12.0) * math.prod(size) + _edge_bytes(job, size)
    if _is_exact(job, tiling) and math.prod(size) <= EXACT_STYLE:
        image += job.cached(_max_unfolded_bytes, job.extended(size))
    image += _guide_bytes(job, size)
    return image + _total_bytes(job, _forward_memory(job, tiling, size))


def _max_unfolded_bytes(network: LossNetwork, size: tuple[int, int]) -> int:
    layers = layers_of(network)
    inputs = zip(layers, channel_counts(network), feature_sizes(layers, size), strict=False)
    sizes = (unfolded_bytes(*each) for each in inputs if isinstance(each[0], nn.Conv2d))
    return max(sizes, default=0)


def _evaluation_memory(job: Workload, tiling: Tiling | None) -> MemoryUse:
    """Predict what an evaluation needs at its peak."""
    if tiling is None:
        untiled = Stage(0, len(layers_of(job.network)))
        size = job.extended(job.size)
        both = both_passes_memory(job.network, untiled, size)
        gradient = MemoryUse(heap=3.0 * 4 * math.prod(size))
        return gradient + both.with_fragmentation(UNTILED_FRAGMENTATION)
    stages = [stage_cost(job, stage, job.size) for stage in tiling.stages]
    outputs = [stage.input for stage in stages[1:]] + [0.0]
    peaks, held = [], 0.0
    for stage, output in zip(stages, outputs, strict=True):
        features = max(stage.input, stage.held)
        peaks.append(MemoryUse(held + features + output + stage.saved) + stage.forward)
        held += stage.saved + stage.held
        # the gradients of the output and of the input, and a tile
        peaks.append(MemoryUse(held + output + stage.gradient) + stage.backward)
    return _upper_bound(peaks)


def _forward_memory(job: Workload, tiling: Tiling | None, size: tuple[int, int]) -> MemoryUse:
    """Predict what a forward pass alone needs at its peak."""
    if tiling is None:
        untiled = forward_memory(job.network, job.extended(size))
        return untiled.with_fragmentation(UNTILED_FRAGMENTATION)
    stages = [stage_cost(job, stage, size) for stage in tiling.stages]
    outputs = [stage.input for stage in stages[1:]] + [0.0]
    return _upper_bound(
        [
            MemoryUse(stage.input + output) + stage.forward
            for stage, output in zip(stages, outputs, strict=True)
        ]
    )


def _upper_bound(peaks: Sequence[MemoryUse]) -> MemoryUse:
    """Return an upper bound over all moments: the heap never shrinks."""
    return functools.reduce(operator.or_, peaks)


def _total_bytes(job: Workload, use: MemoryUse) -> float:
    """Count all bytes, with the gaps outside of the heap on a CPU."""
    return (OFF_HEAP_FRAGMENTATION if job.on_cpu else 1.0) * use.off_heap + use.heap


def _tile_overhead(evaluation: MemoryUse) -> float:
    """Estimate the bytes that evaluating in tiles takes besides tensors."""
    gaps = TILE_FRAGMENTATION * evaluation.off_heap
    return min(TILE_OVERHEAD + gaps, MAX_TILE_OVERHEAD)
