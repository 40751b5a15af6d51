"""-memory: how much a run will need, and the stages, tiles and history that fit."""

import math
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import nn

from style_transfer.losses import ContentLoss
from style_transfer.network import LossNetwork
from style_transfer.tiling import Stage, Tiling, cuts, is_local, output_sizes, window

# Bytes that an evaluation takes for every element of the convolutions' output, and vectors of the
# image's size, float32, beside the history of L-BFGS: for bytes_per_pixel.  From 512 x 384 to
# 1024 x 768 on a CPU, 8.1 were measured with VGG-19 (6.9 with bf16), 7.4 (5.9) with the embedded
# network.
EVALUATION, VECTORS = 8.5, 8
UNITS = {'': 0, 'k': 10, 'm': 20, 'g': 30, 't': 40}
# Tensors above this come from the system and go back to it; with tiles below it, what they need
# is kept for the next one (see LARGE in the command).  The most that glibc takes.
LARGE = 32 << 20
# On a GPU a tile's largest tensor may be larger: small ones do not fill it.
LARGE_ON_GPU = 256 << 20
# Kernels that oneDNN compiles, threads, buffers: what a run needs beside its tensors, and with
# tiles, for which there are more of them.
OVERHEAD, OVERHEAD_OF_TILES = 60 << 20, 60 << 20
# Where everything is kept for the next evaluation, gaps remain: beside each tensor's bytes.
GAPS = 1.5


@dataclass(frozen=True)
class Plan:
    """What is done to stay below a limit.

    tiling: None for whole images.  history: dtype of the history of L-BFGS, None for the image's
    own; on_host: whether it lies in the host's memory, not the device's.  peak: bytes, predicted,
    of the process, or of the device's memory where that is a GPU.
    """

    tiling: Tiling | None
    history: torch.dtype | None
    on_host: bool
    peak: int
    text: str

    @property
    def plain(self) -> bool:
        """Whether nothing differs from what is done without a plan."""
        return self.tiling is None and self.history is None and not self.on_host


@dataclass(frozen=True)
class Job:
    """What is to be run: sizes (H, W) of the image and the style images, and the optimiser.

    pairs: of the history of L-BFGS, 0 for Adam.  used: bytes in use already, on the device.
    """

    network: LossNetwork
    size: tuple[int, int]
    style_sizes: tuple[tuple[int, int], ...]
    pairs: int
    used: int

    def scaled(self, factor: float) -> 'Job':
        """The same for images of other sizes."""
        sizes = [
            (max(1, int(height * factor)), max(1, int(width * factor)))
            for height, width in (self.size, *self.style_sizes)
        ]
        used = self.used
        if self.network.devices[0].type == 'cpu':  # the images are there already, in float64
            before, after = (
                sum(24 * math.prod(size) for size in some)
                for some in ((self.size, *self.style_sizes), sizes)
            )
            used += after - before
        return Job(self.network, sizes[0], tuple(sizes[1:]), self.pairs, max(used, 0))


def choose_plan(
    network: LossNetwork,
    size: tuple[int, int],
    style_sizes: Sequence[tuple[int, int]],
    *,
    pairs: int,
    memory: str = '',
) -> Plan:
    """The plan that changes least and fits, then the one that is fastest.

    memory: the flag -memory, '' for what is free on the device.  Whole images come first, then
    tiles, which change nothing but the last digits, then a history of L-BFGS on the host, then
    one in bfloat16.  Raises ValueError where nothing fits, naming the size that would.
    """
    device = network.devices[0]
    limit = parse_memory(memory) if memory else free_memory(device)
    if len(network.devices) > 1:  # each has a part of the network; nobody can say which
        limit = math.inf
    job = Job(network, size, tuple(style_sizes), pairs, used_memory(device))
    found = _fitting(job, limit)
    if found is not None:
        return found
    needed = min((plan.peak for plan in _plans(job)), default=0)
    flag = f'-memory {memory}' if memory else f'-image_size: {written(limit)} are free, and'
    height, width = size
    fits = _largest(job, limit)
    remedy = f'-image_size {fits} would fit' if fits else 'no size would fit'
    if not _can_tile(network):
        remedy += '; a network with branches runs whole, without tiles'
    if pairs:
        remedy += '; or try -optimizer adam, or a smaller -lbfgs_num_correction'
    raise ValueError(
        f'{flag}: an image of {width} x {height} pixels needs {written(needed)}; {remedy}'
    )


def _fitting(job: Job, limit: float) -> Plan | None:
    return next((plan for plan in _plans(job) if plan.peak <= limit), None)


def _largest(job: Job, limit: float) -> int:
    """The longer side, a multiple of 16, of the largest image that fits; 0 for none."""
    longer = max(job.size)
    low, high = 0, longer // 16
    while high - low > 1:
        middle = (low + high) // 2
        fits = _fitting(job.scaled(16 * middle / longer), limit) is not None
        low, high = (middle, high) if fits else (low, middle)
    return 16 * low


def _plans(job: Job) -> Iterator[Plan]:
    """All plans, the best first."""
    on_gpu = job.network.devices[0].type != 'cpu'
    tilings: list[Tiling | None] = []
    kinds: list[tuple[torch.dtype | None, bool]] = [(None, False)]
    if job.pairs:
        kinds += [(None, True)] if on_gpu else []
        kinds += [(torch.bfloat16, on_gpu)]
    for history, on_host in kinds:
        yield _plan(job, None, history, on_host)
        if _can_tile(job.network):
            tilings = tilings or _tilings(job)
        for tiling in tilings:
            yield _plan(job, tiling, history, on_host)


def _can_tile(network: LossNetwork) -> bool:
    return len(network.devices) == 1 and not hasattr(network.chunks[0], 'run')


def _tilings(job: Job) -> list[Tiling | None]:
    """Stages with a whole top or none, the fastest first.

    The features at the lower cuts are the largest: from some cut down there is one stage.
    """
    layers = _layers(job.network)
    begins, local = cuts(layers)
    tops = [*begins[1:], local]
    widths = _channels(job.network)
    cost: dict[Tiling | None, float] = {}
    for number, top in enumerate(tops, start=1):
        inner = begins[1:number] if top != local else begins[1:]
        for count in range(len(inner) + 1):
            bounds = [0, *inner[count:], top]
            for shrink in (1, 4):
                stages = [
                    Stage(a, b, _side(layers[a:b], widths[a : b + 1], job.network, shrink))
                    for a, b in pairwise(bounds)
                ]
                if top < len(layers):
                    stages.append(Stage(top, len(layers)))
                tiling = Tiling(tuple(stages))
                cost[tiling] = sum(_cost(stage, layers, widths, job.size) for stage in stages)
    return sorted(cost, key=lambda tiling: cost[tiling])


def _side(layers: Sequence[Any], widths: Sequence[int], network: LossNetwork, shrink: int) -> int:
    """Of a tile whose largest tensor is not above LARGE; a multiple of 32."""
    large = LARGE if network.devices[0].type == 'cpu' else LARGE_ON_GPU
    stride, most = 1.0, 0.0
    for layer, channels in zip(layers, widths[1:], strict=True):
        if not is_local(layer):
            break
        stride *= max(window(layer, axis)[1] for axis in (0, 1))
        most = max(most, channels / stride**2)
    side = math.isqrt(int(large / max(most * _item(network), 1))) // shrink
    return max(64, side // 32 * 32)


def _cost(stage: Stage, layers: list[Any], widths: list[int], size: tuple[int, int]) -> float:
    """Multiplications of the convolutions, up and down; tiles go up twice, and overlap."""
    total, stride, halo = 0.0, _stride(layers[: stage.start]), 0.0
    below = 1.0
    for number in range(stage.start, stage.stop):
        layer = layers[number]
        if not is_local(layer):
            break
        kernel, step, _ = window(layer, 1)
        halo += (kernel - 1) * below
        below *= step
        stride *= step
        if isinstance(layer, nn.Conv2d):
            total += layer.weight.numel() * math.prod(size) / stride**2
    if not stage.side:
        return 2 * total
    return 3 * total * (stage.side / max(stage.side - halo, 1)) ** 2


def _stride(layers: Sequence[Any]) -> float:
    return math.prod(window(layer, 1)[1] for layer in layers)


def _layers(network: LossNetwork) -> list[Any]:
    return [layer for chunk in network.chunks for layer in chunk.children()]


def _channels(network: LossNetwork) -> list[int]:
    """Below the first layer, and above each."""
    found = [3]
    for layer in _layers(network):
        found.append(getattr(layer, 'out_channels', None) or found[-1])
    return found


def _item(network: LossNetwork) -> int:
    return torch.empty(0, dtype=network.dtype).element_size()


def _plan(job: Job, tiling: Tiling | None, history: torch.dtype | None, on_host: bool) -> Plan:
    peak = predict(job, tiling, history, on_host)
    height, width = job.size
    words = [f'{width} x {height} pixels', 'whole' if tiling is None else _words(job, tiling)]
    if job.pairs:
        kind = 'bfloat16' if history is not None else 'float32'
        place = ' in host memory' if on_host else ''
        words.append(f'L-BFGS history of {job.pairs} pairs in {kind}{place}')
    text = f'{", ".join(words)}; predicted peak {written(peak)}'
    return Plan(tiling, history, on_host, peak, text)


def _words(job: Job, tiling: Tiling) -> str:
    parts = [
        f'layers {stage.start + 1} to {stage.stop} '
        + (f'in tiles of {stage.side} pixels' if stage.side else 'whole')
        for stage in tiling.stages
    ]
    return ', '.join(parts)


def predict(
    job: Job, tiling: Tiling | None, history: torch.dtype | None = None, on_host: bool = False
) -> int:
    """Bytes at the peak of a run."""
    network, pixels = job.network, math.prod(job.size)
    on_cpu = network.devices[0].type == 'cpu'
    vector = 3 * 4 * pixels
    kept = 0.0  # of L-BFGS: g, g_old, d; of Adam: m, v, denom; and x
    kept += 4 * vector
    if job.pairs and not on_host:
        item = 4 if history is None else torch.empty(0, dtype=history).element_size()
        kept += 2 * job.pairs * vector * item / 4
    if not on_cpu and history is not None:
        kept += vector  # a piece at a time
    if network.dtype != torch.float32:  # weights, and turned
        weights = sum(
            layer.weight.numel() for layer in network.modules() if isinstance(layer, nn.Conv2d)
        )
        kept += 2 * _item(network) * weights
    targets = sum(_elements(network, loss, job.size) * 4 for loss in network.content_losses)
    image = 24 * pixels if on_cpu else 0  # float64, preprocessed
    phases = [kept + _evaluation(network, tiling, job.size) + vector, image + vector]
    for size in job.style_sizes:
        whole = 36 * math.prod(size) if on_cpu else 12 * math.prod(size)
        phases.append(whole + _forward(network, tiling, size))
    if on_cpu:
        phases.append(kept + 2 * vector + 2 * 24 * pixels + 6 * pixels)  # saving
    overhead = 0
    if on_cpu:
        overhead = OVERHEAD if tiling is None else OVERHEAD + OVERHEAD_OF_TILES
    return int(job.used + overhead + targets + max(phases))


def _elements(network: LossNetwork, loss: ContentLoss, size: tuple[int, int]) -> float:
    layers = _layers(network)
    number = next((k for k, layer in enumerate(layers) if layer is loss), 0)
    return _channels(network)[number] * math.prod(_sizes(layers[:number], size)[-1])


def _sizes(layers: Sequence[Any], size: tuple[int, int]) -> list[tuple[int, int]]:
    """(H, W) below the first layer and above each; layers that are not local keep it."""
    height, width = size
    found = [size]
    for layer in layers:
        if is_local(layer):
            height, width = (
                output_sizes([layer], axis, side)[1] for axis, side in ((0, height), (1, width))
            )
        found.append((max(height, 1), max(width, 1)))
    return found


def _evaluation(network: LossNetwork, tiling: Tiling | None, size: tuple[int, int]) -> float:
    """Bytes that going up and down needs at the peak, the gradient of the image left out."""
    layers = _layers(network)
    if tiling is None:
        gaps = GAPS if network.devices[0].type == 'cpu' else 1
        return gaps * max(_both_ways(network, layers, 3, size))
    widths = _channels(network)
    maps, peaks, held = _maps(network, tiling, size), [0.0], 0.0
    # up: the features below and above a stage, and a tile
    for number, stage in enumerate(tiling.stages):
        part = layers[stage.start : stage.stop]
        tile = _tile(stage, layers, size)
        work = max(_both_ways(network, part, widths[stage.start], tile))
        work *= _gaps(network, part, widths[stage.start], tile)
        held += maps[number]
        above = maps[number + 1] if number + 1 < len(maps) else 0
        # down: the features of the stages below it, both gradients, and a tile
        peaks.append(held + above + maps[number] + work)
    return max(peaks)


def _gaps(
    network: LossNetwork, layers: Sequence[Any], channels: int, size: tuple[int, int]
) -> float:
    """GAPS where all tensors are small enough to be kept, by glibc, for the next one."""
    if network.devices[0].type != 'cpu':
        return 1.0
    most, item = 0.0, _item(network)
    for layer, (height, width) in zip(layers, _sizes(layers, size)[1:], strict=True):
        channels = getattr(layer, 'out_channels', None) or channels
        most = max(most, channels * height * width * item)
    return GAPS if most <= 1.1 * LARGE else 1.0


def _forward(network: LossNetwork, tiling: Tiling | None, size: tuple[int, int]) -> float:
    """Bytes that going up needs at the peak."""
    layers = _layers(network)
    if tiling is None:
        whole = [
            channels * math.prod(area) * _item(network)
            for channels, area in zip(_channels(network), _sizes(layers, size), strict=True)
        ]
        gaps = GAPS if network.devices[0].type == 'cpu' else 1
        return gaps * max(a + b for a, b in pairwise(whole))
    maps, widths, peaks = _maps(network, tiling, size), _channels(network), [0.0]
    for number, stage in enumerate(tiling.stages):
        part = layers[stage.start : stage.stop]
        work = max(_both_ways(network, part, widths[stage.start], _tile(stage, layers, size)))
        peaks.append(sum(maps[number : number + 2]) + work / 2)
    return max(peaks)


def _maps(network: LossNetwork, tiling: Tiling, size: tuple[int, int]) -> list[float]:
    """Bytes of the features below each stage; the image counts elsewhere."""
    layers = _layers(network)
    sizes, widths, item = _sizes(layers, size), _channels(network), _item(network)
    return [
        0.0 if stage.start == 0 else widths[stage.start] * math.prod(sizes[stage.start]) * item
        for stage in tiling.stages
    ]


def _tile(stage: Stage, layers: list[Any], size: tuple[int, int]) -> tuple[int, int]:
    height, width = _sizes(layers[: stage.start], size)[-1]
    return (min(stage.side, height), min(stage.side, width)) if stage.side else (height, width)


def _both_ways(
    network: LossNetwork, layers: Sequence[Any], channels: int, size: tuple[int, int]
) -> Iterator[float]:
    """Bytes in use while layers go up, keeping what the way back takes, and down."""
    item = _item(network)
    sizes = _sizes(layers, size)
    held, below = 0.0, float(channels * math.prod(size) * item)
    yield below
    for number, layer in enumerate(layers, start=1):
        channels = getattr(layer, 'out_channels', None) or channels
        own = float(channels * math.prod(sizes[number]) * item)
        held += _kept(layer, own, item)
        yield held + own + below  # two gradients on the way down
        below = own


def _kept(layer: Any, own: float, item: int) -> float:
    """Bytes that a layer's way back needs, of its output's."""
    if isinstance(layer, nn.MaxPool2d):
        return own * (1 + 8 / item)  # and where each maximum was
    if isinstance(layer, nn.Conv2d | nn.AvgPool2d | nn.LocalResponseNorm):
        return own
    if isinstance(layer, nn.ReLU) and layer.inplace:
        return 0.0
    return own if type(layer).__module__.startswith(('torch', 'loadcaffe')) else 0.0


def parse_memory(memory: str) -> int:
    """Bytes of 4G, 500M, 1.5GiB or a plain number; ValueError for what is none."""
    match = re.fullmatch(r'\s*([0-9]*\.?[0-9]+)\s*([kmgt]?)(?:i?b)?\s*', memory, re.IGNORECASE)
    if match is None or float(match[1]) <= 0:
        raise ValueError(f'-memory {memory}: give bytes, such as 4G or 500M')
    return int(float(match[1]) * 2 ** UNITS[match[2].lower()])


def written(size: float) -> str:
    """Bytes as people write them."""
    if not math.isfinite(size):
        return 'unlimited'
    return f'{size / 2**30:.2f}G' if size >= 2**30 else f'{size / 2**20:.0f}M'


def used_memory(device: torch.device) -> int:
    """Bytes that the process has in use, on a GPU those of tensors."""
    if device.type == 'cuda':
        return torch.cuda.memory_allocated(device)
    try:
        pages = int(Path('/proc/self/statm').read_text().split()[1])
        return pages * os.sysconf('SC_PAGE_SIZE')
    except (OSError, ValueError, IndexError):
        return 500 << 20  # Python and PyTorch


def free_memory(device: torch.device) -> float:
    """Bytes that the process may come to without others' help: what is free and what it has.

    math.inf where nobody can tell.
    """
    if device.type == 'cuda':
        return torch.cuda.mem_get_info(device)[0] + torch.cuda.memory_reserved(device)
    found = [_available(), *_control_groups()]
    return used_memory(device) + min(found) if math.isfinite(min(found)) else math.inf


def _available() -> float:
    try:
        text = Path('/proc/meminfo').read_text()
    except OSError:
        return math.inf
    match = re.search(r'^MemAvailable:\s+(\d+) kB', text, re.MULTILINE)
    return int(match[1]) * 1024 if match else math.inf


def _control_groups() -> Iterator[float]:
    """What the limits of Linux control groups leave: of containers, mostly."""
    root = Path('/sys/fs/cgroup')
    try:
        own = Path('/proc/self/cgroup').read_text().rpartition('0::')[2].splitlines()
    except OSError:
        own = []
    places = [root / own[0].lstrip('/')] if own else []
    names = [('memory.max', 'memory.current')] * len(places)
    places += [root, root / 'memory']
    names += [('memory.max', 'memory.current')]
    names += [('memory.limit_in_bytes', 'memory.usage_in_bytes')]
    for place, (most, used) in zip(places, names, strict=True):
        try:
            left = int((place / most).read_text()) - int((place / used).read_text())
            match = re.search(r'^inactive_file (\d+)$', (place / 'memory.stat').read_text(), re.M)
        except (OSError, ValueError):  # no such group, or no limit
            continue
        yield left + (int(match[1]) if match else 0)  # files in the cache give way


def bytes_per_pixel(cnn: nn.Module, pairs: float) -> float:
    """What a pixel of the image takes, roughly, where nothing is planned.

    pairs: of steps and changes that L-BFGS keeps, 0 for Adam.
    """
    elements, shrunk = 0.0, 1.0  # shrunk: pixels of the image for a position of the layer
    for layer in cnn.modules():
        if isinstance(layer, nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d):
            strides = layer.stride if isinstance(layer.stride, tuple) else (layer.stride,) * 2
            shrunk *= strides[0] * strides[1]
        if isinstance(layer, nn.Conv2d):
            elements += layer.out_channels / shrunk
    return EVALUATION * elements + 12 * (VECTORS + 2 * pairs)
