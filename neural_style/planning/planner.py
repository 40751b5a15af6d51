"""The plan of a run: the stages, tiles and history of L-BFGS that fit in the memory."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch

from neural_style.errors import SettingError
from neural_style.memory import heap
from neural_style.memory.limits import format_bytes, free_memory, parse_memory, used_memory
from neural_style.network.loss_network import LossNetwork
from neural_style.planning.prediction import predict
from neural_style.planning.stage_cost import stage_cost
from neural_style.planning.tilings import can_tile, tilings_by_cost
from neural_style.planning.workload import Workload
from neural_style.tiling.stages import Stage, Tiling

NO_LIMIT = 1 << 62  # bytes: more than there are
# The share of a limit that a plan fills: measured peaks were up to 4 % above those predicted.
FILL_SHARE = 0.96
# A suggested size may use this share of free memory; slightly less may be free next time.
SUGGESTION_SHARE = 0.98
# The share of the predicted peak above which free memory is returned to the OS.
TRIM_AT = 0.97
SIZE_STEP = 16  # of suggested sizes


@dataclass(frozen=True)
class Plan:
    """Says how a run stays below a limit.

    tiling: None for whole images.
    history: dtype of the history of L-BFGS, None for the image's own.
    on_host: whether the history is in the host's memory, not the device's.
    peak: bytes, predicted, of the process, or of the device's memory if that is a GPU.
    is_default: nothing differs from what is done without a plan.
    """

    tiling: Tiling | None
    history: torch.dtype | None
    on_host: bool
    peak: int
    text: str
    is_default: bool

    def reserve(self, size: float) -> None:
        """Release free memory if `size` bytes more would exceed the plan."""
        if self.tiling is not None:
            heap.limit_resident(self.tiling.memory_limit, size)


def choose_plan(
    network: LossNetwork,
    size: tuple[int, int],
    style_sizes: Sequence[tuple[int, int]],
    *,
    vectors: int,
    memory: str = '',
    released_bytes: int = 0,
    reparametrized: bool = False,
    coming_bytes: int = 0,
) -> Plan:
    """Choose the plan that fits and changes least, and of those the fastest.

    memory: the setting, '' for what is free on the device.
    vectors, released_bytes, reparametrized, coming_bytes: of Workload.
    Untiled images come first, or whole strips for several processes, then tiles, which change
    nothing but the last digits, then a history of L-BFGS on the host, then one in bfloat16.  All
    processes choose the same plan.  Raises SettingError if nothing fits, naming the size that
    would.
    """
    device, world = network.devices[0], network.world
    heap.release_free_memory()  # what an earlier image has left is not in use
    limit = parse_memory(memory) if memory else free_memory(device, world.local_world_size)
    used = used_memory(device)
    if len(network.devices) > 1:  # each has a part of the network; nobody can say which
        limit = math.inf
    if world.size > 1:
        used, limit = world.max(used), -world.max(-int(min(limit, NO_LIMIT)))
    if device.type != 'cpu':  # where images are not
        released_bytes = coming_bytes = 0
    sizes = size, tuple(style_sizes)
    job = Workload(network, *sizes, vectors, used, released_bytes, reparametrized, coming_bytes)
    plan = _first_that_fits(job, FILL_SHARE * limit)
    if plan is None:
        raise _too_large(job, limit, memory)
    return plan


def _too_large(job: Workload, limit: float, memory: str) -> SettingError:
    """Say how much memory an image needs, and what would fit."""
    smallest = min(_plans(job), key=lambda plan: plan.peak)
    height, width = job.size
    needed = format_bytes(smallest.peak / FILL_SHARE)
    problem = f'an image of {width} x {height} pixels needs {needed}; '
    if not memory:
        problem = f'{format_bytes(limit)} are free, and {problem}'
    room = FILL_SHARE * limit * (1 if memory else SUGGESTION_SHARE)
    fitting = _largest_size(job, room, smallest)
    if fitting:
        problem += f'`image_size` {fitting} would fit'
    else:
        tiny = job.scaled(min(1, SIZE_STEP / max(job.size)))
        least = min(plan.peak for plan in _plans(tiny)) / (FILL_SHARE * SUGGESTION_SHARE)
        problem += f'no size would fit in less than {format_bytes(least)}'
    if not can_tile(job.network):
        problem += '; a network with branches runs whole, without tiles'
    if job.vectors and fitting:
        problem += '; or try `optimizer` adam, or a smaller `lbfgs_num_correction`'
    return SettingError('memory' if memory else 'image_size', problem, memory or None)


def _first_that_fits(job: Workload, room: float) -> Plan | None:
    return next((plan for plan in _plans(job) if plan.peak <= room), None)


def _largest_size(job: Workload, room: float, smallest: Plan) -> int:
    """Find the longer side, a multiple of 16, of the largest image that fits; 0 for none.

    smallest: the plan that needs least for the image that does not fit.
    """

    def scaled(number: int) -> Workload:
        return job.scaled(SIZE_STEP * number / max(job.size))

    # By the smallest plan first, for all plans of a size take a while.
    upper_limit = max(job.size) // SIZE_STEP
    low, high = 0, upper_limit
    while high - low > 1:
        middle = (low + high) // 2
        tiling, history, on_host = smallest.tiling, smallest.history, smallest.on_host
        fits = predict(scaled(middle), tiling, history, on_host) <= room
        low, high = (middle, high) if fits else (low, middle)
    step = 1
    while step:
        fits = low + step < upper_limit and _first_that_fits(scaled(low + step), room) is not None
        low, step = (low + step, 2 * step) if fits else (low, step // 2)
    return SIZE_STEP * low


def _plans(job: Workload) -> Iterator[Plan]:
    """Yield all plans, the best first."""
    tilings: list[Tiling] = []
    for history, on_host in _history_options(job):
        yield _plan(job, job.network.tiling, history, on_host)
        if can_tile(job.network):
            tilings = tilings or tilings_by_cost(job)
        for tiling in tilings:
            yield _plan(job, tiling, history, on_host)


def _history_options(job: Workload) -> Iterator[tuple[torch.dtype | None, bool]]:
    """Yield the dtypes of the history of L-BFGS, and whether it is on the host, the best first."""
    yield None, False
    if job.vectors:
        if not job.on_cpu:
            yield None, True
        yield torch.bfloat16, not job.on_cpu


def _plan(job: Workload, tiling: Tiling | None, history: torch.dtype | None, on_host: bool) -> Plan:
    peak = predict(job, tiling, history, on_host)
    text = f'{_describe(job, tiling, history, on_host)}; predicted peak {format_bytes(peak)}'
    text += ' each' * (job.network.world.size > 1)
    is_default = tiling is job.network.tiling and history is None and not on_host
    if tiling is not None and not is_default and job.on_cpu:
        stages = [stage_cost(job, stage, job.size) for stage in tiling.stages]
        heap_bytes = tuple((stage.forward | stage.backward).heap for stage in stages)
        tiling = replace(tiling, memory_limit=TRIM_AT * peak, heap_bytes=heap_bytes)
    return Plan(tiling, history, on_host, peak, text, is_default)


def _describe(
    job: Workload, tiling: Tiling | None, history: torch.dtype | None, on_host: bool
) -> str:
    height, width = job.size
    parts = [f'{width} x {height} pixels']
    if job.network.world.size > 1:
        parts.append(f'shared by {job.network.world.size} processes')
    parts.append('whole' if tiling is None else _describe_tiling(job.network, tiling))
    if job.vectors:
        dtype = 'bfloat16' if history is not None else 'float32'
        location = ' in host memory' if on_host else ''
        parts.append(f'L-BFGS history of {job.vectors} vectors in {dtype}{location}')
    return ', '.join(parts)


def _describe_tiling(network: LossNetwork, tiling: Tiling) -> str:
    if tiling is network.tiling:
        return 'in strips'
    parts = [_describe_stage(network, stage) for stage in tiling.stages]
    if not tiling.stages[0].winograd:
        parts.append("without Winograd's kernels")
    return ', '.join(parts)


def _describe_stage(network: LossNetwork, stage: Stage) -> str:
    # as Torch7 numbers them, where losses of the image are the first layers
    before = len(network.image_losses)
    text = f'layers {stage.start + 1 + before * (stage.start > 0)} to {stage.stop + before} '
    if not stage.side:
        return text + ('whole' if network.world.size == 1 else 'in strips')
    twice = ' (calculated twice)' if stage.recompute == 'everything' else ''
    return f'{text}in tiles of {stage.side} pixels{twice}'
