"""The plan of a run: the stages, tiles and history of L-BFGS that fit in the memory."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations_with_replacement, pairwise, product
from typing import Any

import torch

from loadcaffe.graph import Graph
from neural_style.losses.base import FeatureLoss
from neural_style.memory import heap
from neural_style.memory.limits import format_bytes, free_memory, parse_memory, used_memory
from neural_style.network.loss_network import LossNetwork
from neural_style.network.windows import layer_windows, stage_boundaries
from neural_style.planning.prediction import (
    Workload,
    any_winograd,
    channels_of,
    is_single_pass,
    item_size,
    layers_of,
    predict,
    stage_cost,
)
from neural_style.tiling.stages import Recompute, Stage, Tiling

MOST = 1 << 62  # bytes: more than there are
# Of a tile's largest tensor, about.  On a GPU it may be larger: small ones do not fill it.
LARGE = 32 << 20
LARGE_ON_GPU = 256 << 20
# The share of a limit that a plan fills: measured peaks were up to 4 % above those predicted.
FILL_SHARE = 0.96
# The share of what is free that a size fills that is named: a little less may be free next time.
SUGGESTION_SHARE = 0.98
# The share of the predicted peak above which what lies free goes back to the system.
TRIM_AT = 0.97


@dataclass(frozen=True)
class Plan:
    """What is done to stay below a limit.

    tiling: None for whole images.  history: dtype of the history of L-BFGS, None for the image's
    own; on_host: whether it lies in the host's memory, not the device's.  peak: bytes, predicted,
    of the process, or of the device's memory where that is a GPU.  plain: nothing differs from what
    is done without a plan.
    """

    tiling: Tiling | None
    history: torch.dtype | None
    on_host: bool
    peak: int
    text: str
    plain: bool

    def reserve(self, size: float) -> None:
        """Give up memory that lies free where so many bytes more would be above the plan."""
        if self.tiling is not None:
            heap.limit_resident(self.tiling.memory_limit, size)


def choose_plan(
    network: LossNetwork,
    size: tuple[int, int],
    style_sizes: Sequence[tuple[int, int]],
    *,
    pairs: int,
    memory: str = '',
    released_bytes: int = 0,
    reparametrized: bool = False,
) -> Plan:
    """The plan that changes least and fits, then the one that is fastest.

    memory: the flag -memory, '' for what is free on the device.  given_up: bytes of the images that
    are there now, but not any more when the first evaluation is done.  reparametrized: of Job.
    Whole images come first, or whole strips for several processes, then tiles, which change nothing
    but the last digits, then a history of L-BFGS on the host, then one in bfloat16.  All processes
    come to the same plan.  Raises ValueError where nothing fits, naming the size that would.
    """
    device, world = network.devices[0], network.world
    heap.release_free_memory()  # what an earlier picture has left is not in use
    limit = parse_memory(memory) if memory else free_memory(device, world.local_world_size)
    used, on_cpu = used_memory(device), device.type == 'cpu'
    if len(network.devices) > 1:  # each has a part of the network; nobody can say which
        limit = math.inf
    if world.size > 1:
        used, limit = world.max(used), -world.max(-int(min(limit, MOST)))
    job = Workload(
        network,
        size,
        tuple(style_sizes),
        pairs,
        used,
        released_bytes if on_cpu else 0,
        reparametrized,
    )
    room = FILL_SHARE * limit
    found = _fitting(job, room)
    if found is not None:
        return found
    leanest = min(_plans(job), key=lambda plan: plan.peak)
    needed = leanest.peak / FILL_SHARE
    given = f'-memory {memory}:' if memory else f'-image_size: {format_bytes(limit)} are free, and'
    height, width = size
    fits = _largest(job, room if memory else SUGGESTION_SHARE * room, leanest)
    remedy = f'-image_size {fits} would fit' if fits else 'no size would fit'
    if not _can_tile(network):
        remedy += '; a network with branches runs whole, without tiles'
    if pairs:
        remedy += '; or try -optimizer adam, or a smaller -lbfgs_num_correction'
    raise ValueError(
        f'{given} an image of {width} x {height} pixels needs {format_bytes(needed)}; {remedy}'
    )


def _fitting(job: Workload, room: float) -> Plan | None:
    return next((plan for plan in _plans(job) if plan.peak <= room), None)


def _largest(job: Workload, room: float, leanest: Plan) -> int:
    """The longer side, a multiple of 16, of the largest image that fits; 0 for none.

    leanest: the plan that needs least for the image that does not fit.
    """

    def scaled(number: int) -> Workload:
        return job.scaled(16 * number / max(job.size))

    # With the leanest plan first, for all plans of a size take a while.
    top = max(job.size) // 16
    low, high = 0, top
    while high - low > 1:
        middle = (low + high) // 2
        tiling, history, on_host = leanest.tiling, leanest.history, leanest.on_host
        fits = predict(scaled(middle), tiling, history, on_host) <= room
        low, high = (middle, high) if fits else (low, middle)
    step = 1
    while step:
        fits = low + step < top and _fitting(scaled(low + step), room) is not None
        low, step = (low + step, 2 * step) if fits else (low, step // 2)
    return 16 * low


def _plans(job: Workload) -> Iterator[Plan]:
    """All plans, the best first."""
    on_gpu = job.network.devices[0].type != 'cpu'
    tilings: list[Tiling | None] = []
    kinds: list[tuple[torch.dtype | None, bool]] = [(None, False)]
    if job.pairs:
        kinds += [(None, True)] if on_gpu else []
        kinds += [(torch.bfloat16, on_gpu)]
    for history, on_host in kinds:
        yield _plan(job, job.network.tiling, history, on_host)
        if _can_tile(job.network):
            tilings = tilings or _tilings(job)
        for tiling in tilings:
            yield _plan(job, tiling, history, on_host)


def _can_tile(network: LossNetwork) -> bool:
    return len(network.devices) == 1 and not isinstance(network.chunks[0], Graph)


def _tilings(job: Workload) -> list[Tiling | None]:
    """Stages with a whole top or none, the fastest first.

    The features at the lower cuts are the largest: from some cut down there is one stage, and no
    stage keeps more for the way down than the one above it.
    """
    layers = layers_of(job.network)
    begins, local = stage_boundaries(layers)
    tops = [0, *begins[1:], local]
    kinds = [True, False] if job.once(any_winograd, job.size) else [True]
    cost: dict[Tiling | None, float] = {}
    for number, top in enumerate(tops):
        inner = begins[1:number] if top != local else begins[1:]
        for count in range(len(inner) + 1):
            bounds = [0, *inner[count:], top] if top else [0]
            all_factors = ((4, 2, 1), (2, 1), (1,), (0.5,), (0.25,))
            for factors, winograd in product(all_factors, kinds):
                plain = [_quickest(job, a, b, factors, winograd) for a, b in pairwise(bounds)]
                if top < len(layers):
                    plain.append(Stage(top, len(layers), winograd=winograd))
                for stages in _recompute_variants(job.network, plain):
                    cost[Tiling(stages)] = sum(
                        stage_cost(job, stage, job.size).cost for stage in stages
                    )
    return sorted(cost, key=lambda tiling: cost[tiling])


def _quickest(
    job: Workload, start: int, stop: int, factors: Sequence[float], winograd: bool
) -> Stage:
    """A stage whose tiles are as large as is quickest."""
    layers, widths = layers_of(job.network)[start:stop], channels_of(job.network)[start : stop + 1]
    stages = [
        Stage(
            start,
            stop,
            _side(layers, widths, job.network, factor),
            recompute='nothing',
            winograd=winograd,
        )
        for factor in factors
    ]
    return min(stages, key=lambda stage: stage_cost(job, stage, job.size).cost)


def _recompute_variants(
    network: LossNetwork, stages: Sequence[Stage]
) -> Iterator[tuple[Stage, ...]]:
    """The same stages with less or more saved for the backward pass, a stage no less than the one
    below it."""
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


def _side(layers: Sequence[Any], widths: Sequence[int], network: LossNetwork, factor: float) -> int:
    """Of a tile, a multiple of 32: factor times that whose largest tensor is not above LARGE."""
    large = LARGE if network.devices[0].type == 'cpu' else LARGE_ON_GPU
    stride, most = 1.0, 0.0
    for layer, channels in zip(layers, widths[1:], strict=True):
        windows = layer_windows(layer)
        if windows is None:
            break
        stride *= max(window.stride for window in windows)
        most = max(most, channels / stride**2)
    side = int(factor * math.isqrt(int(large / max(most * item_size(network), 1))))
    return max(64, side // 32 * 32)


def _plan(job: Workload, tiling: Tiling | None, history: torch.dtype | None, on_host: bool) -> Plan:
    peak = predict(job, tiling, history, on_host)
    height, width = job.size
    processes, on_cpu = job.network.world.size, job.network.devices[0].type == 'cpu'
    words = [f'{width} x {height} pixels', 'whole' if tiling is None else _words(job, tiling)]
    if processes > 1:
        words.insert(1, f'shared by {processes} processes')
    if job.pairs:
        kind = 'bfloat16' if history is not None else 'float32'
        place = ' in host memory' if on_host else ''
        words.append(f'L-BFGS history of {job.pairs} pairs in {kind}{place}')
    text = f'{", ".join(words)}; predicted peak {format_bytes(peak)}' + ' each' * (processes > 1)
    plain = tiling is job.network.tiling and history is None and not on_host
    if tiling is not None and not plain and on_cpu:
        loads = [stage_cost(job, stage, job.size) for stage in tiling.stages]
        takes = tuple((load.up | load.down).heap for load in loads)
        tiling = replace(tiling, memory_limit=TRIM_AT * peak, heap_bytes=takes)
    return Plan(tiling, history, on_host, peak, text, plain)


def _words(job: Workload, tiling: Tiling) -> str:
    if tiling is job.network.tiling:
        return 'in strips'
    single = 'whole' if job.network.world.size == 1 else 'in strips'
    # as Torch7 numbers them, where losses of the image are the first layers
    before = len(job.network.image_losses)
    parts = [
        f'layers {stage.start + 1 + before * (stage.start > 0)} to {stage.stop + before} '
        + (f'in tiles of {stage.side} pixels' if stage.side else single)
        + (' (calculated twice)' if stage.side and stage.recompute == 'everything' else '')
        for stage in tiling.stages
    ]
    if not tiling.stages[0].winograd:
        parts.append("without Winograd's kernels")
    return ', '.join(parts)
