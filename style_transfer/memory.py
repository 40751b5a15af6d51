"""-memory: how much a run will need, and the stages, tiles and history that fit."""

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations_with_replacement, pairwise, product
from pathlib import Path
from typing import Any

import torch
from torch import nn

from style_transfer import heap
from style_transfer.bits import bits_kept
from style_transfer.convolution import FixedConvolution, is_fixed, joined
from style_transfer.losses import ContentLoss, Loss, TVLoss
from style_transfer.network import LossNetwork
from style_transfer.tiling import (
    Inner,
    Stage,
    Tiling,
    cuts,
    is_local,
    output_sizes,
    shrinks,
    window,
)
from style_transfer.winograd import Winograd
from torch7.convolution import EXACT

# Bytes that an evaluation takes for every element of the convolutions' output, and vectors of the
# image's size, float32, beside the history of L-BFGS: for bytes_per_pixel.  From 512 x 384 to
# 1024 x 768 on a CPU, 8.1 were measured with VGG-19 (6.9 with bf16), 7.4 (5.9) with the embedded
# network.
EVALUATION, VECTORS = 8.5, 8
MOST = 1 << 62  # bytes: more than there are
UNITS = {'': 0, 'k': 10, 'm': 20, 'g': 30, 't': 40}
# Of a tile's largest tensor, about.  On a GPU it may be larger: small ones do not fill it.
LARGE = 32 << 20
LARGE_ON_GPU = 256 << 20
# Kernels that oneDNN compiles, threads, buffers: what a run needs beside its tensors, and with
# tiles, for which there are more of them.
OVERHEAD, OVERHEAD_OF_TILES = 60 << 20, 10 << 20
# To keep and to use a bit takes the time of so many multiplications of a convolution, measured in
# float32 on two cores.
BIT = 100
# The share of the predicted peak above which what lies free goes back to the system.
TRIMMED = 0.97
# What the heap takes for a byte of tensors, for gaps remain where others were: with whole images,
# and for tiles, in whose place others come again and again.
GAPS, GAPS_OF_TILES = 1.45, 2.6


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


@dataclass(frozen=True)
class Job:
    """What is to be run: sizes (H, W) of the image and the style images, and the optimiser.

    pairs: of the history of L-BFGS, 0 for Adam.  used: bytes in use already, on the device, by the
    process that has the most of those that share the run.  given_up: of those, the bytes that are
    only needed until the targets are known.  apart: whether the image is made from what is
    optimised, not that itself.
    """

    network: LossNetwork
    size: tuple[int, int]
    style_sizes: tuple[tuple[int, int], ...]
    pairs: int
    used: int
    given_up: int = 0
    apart: bool = False
    known: dict[Any, Any] = field(default_factory=dict, compare=False)

    def once(self, work: Callable[..., Any], *given: Any) -> Any:
        """What work makes of the network and of what is given, worked out once."""
        key = work, *given
        if key not in self.known:
            self.known[key] = work(self.network, *given)
        return self.known[key]

    def scaled(self, factor: float) -> 'Job':
        """The same for images of other sizes."""
        sizes = [
            (max(1, int(height * factor)), max(1, int(width * factor)))
            for height, width in (self.size, *self.style_sizes)
        ]
        used, given_up = self.used, self.given_up
        if self.network.devices[0].type == 'cpu':  # the images are there already, in float64
            before, after = (
                sum(24 * math.prod(size) for size in some)
                for some in ((self.size, *self.style_sizes), sizes)
            )
            used = max(used + after - before, 0)
            given_up = int(given_up * after / before)
        return Job(self.network, sizes[0], tuple(sizes[1:]), self.pairs, used, given_up, self.apart)


def choose_plan(
    network: LossNetwork,
    size: tuple[int, int],
    style_sizes: Sequence[tuple[int, int]],
    *,
    pairs: int,
    memory: str = '',
    given_up: int = 0,
    apart: bool = False,
) -> Plan:
    """The plan that changes least and fits, then the one that is fastest.

    memory: the flag -memory, '' for what is free on the device.  given_up: bytes of the images that
    are there now, but not any more when the first evaluation is done.  apart: of Job.
    Whole images come first, or whole strips for several processes, then tiles, which change nothing
    but the last digits, then a history of L-BFGS on the host, then one in bfloat16.  All processes
    come to the same plan.  Raises ValueError where nothing fits, naming the size that would.
    """
    device, ranks = network.devices[0], network.ranks
    heap.trim()  # what an earlier picture has left is not in use
    limit = parse_memory(memory) if memory else free_memory(device, ranks.neighbours)
    used, on_cpu = used_memory(device), device.type == 'cpu'
    if len(network.devices) > 1:  # each has a part of the network; nobody can say which
        limit = math.inf
    if ranks.size > 1:
        used, limit = ranks.most(used), -ranks.most(-int(min(limit, MOST)))
    job = Job(network, size, tuple(style_sizes), pairs, used, given_up if on_cpu else 0, apart)
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
        yield _plan(job, job.network.tiling, history, on_host)
        if _can_tile(job.network):
            tilings = tilings or _tilings(job)
        for tiling in tilings:
            yield _plan(job, tiling, history, on_host)


def _can_tile(network: LossNetwork) -> bool:
    return len(network.devices) == 1 and not hasattr(network.chunks[0], 'run')


def _tilings(job: Job) -> list[Tiling | None]:
    """Stages with a whole top or none, the fastest first.

    The features at the lower cuts are the largest: from some cut down there is one stage, and no
    stage keeps more for the way down than the one above it.
    """
    layers = _layers(job.network)
    begins, local = cuts(layers)
    tops = [0, *begins[1:], local]
    kinds = [True, False] if job.once(_any_quick, job.size) else [True]
    cost: dict[Tiling | None, float] = {}
    for number, top in enumerate(tops):
        inner = begins[1:number] if top != local else begins[1:]
        for count in range(len(inner) + 1):
            bounds = [0, *inner[count:], top] if top else [0]
            all_factors = ((4, 2, 1), (2, 1), (1,), (0.5,), (0.25,))
            for factors, quick in product(all_factors, kinds):
                plain = [_quickest(job, a, b, factors, quick) for a, b in pairwise(bounds)]
                if top < len(layers):
                    plain.append(Stage(top, len(layers), quick=quick))
                for stages in _keeping(job.network, plain):
                    cost[Tiling(stages)] = sum(_load(job, stage, job.size).cost for stage in stages)
    return sorted(cost, key=lambda tiling: cost[tiling])


def _quickest(job: Job, start: int, stop: int, factors: Sequence[float], quick: bool) -> Stage:
    """A stage whose tiles are as large as is quickest."""
    layers, widths = _layers(job.network)[start:stop], _channels(job.network)[start : stop + 1]
    stages = [
        Stage(start, stop, _side(layers, widths, job.network, factor), again=0, quick=quick)
        for factor in factors
    ]
    return min(stages, key=lambda stage: _load(job, stage, job.size).cost)


def _keeping(network: LossNetwork, stages: Sequence[Stage]) -> Iterator[tuple[Stage, ...]]:
    """The same stages, keeping more or less for the way down."""
    layers, options = _layers(network), []
    for stage in stages:
        inside = [x for x in layers[stage.start : stage.stop] if not isinstance(x, TVLoss)]
        losses = [k for k, layer in enumerate(inside, start=1) if isinstance(layer, Loss)]
        first, last = min(losses, default=0), max(losses, default=0)
        if _at_once(network, stage):
            first = last = 0
        options.append((0, first, last, None))
    for levels in combinations_with_replacement(reversed(range(4)), len(stages)):
        yield tuple(
            replace(stage, again=some[level])
            for stage, some, level in zip(stages, options, levels, strict=True)
        )


def _side(layers: Sequence[Any], widths: Sequence[int], network: LossNetwork, factor: float) -> int:
    """Of a tile, a multiple of 32: factor times that whose largest tensor is not above LARGE."""
    large = LARGE if network.devices[0].type == 'cpu' else LARGE_ON_GPU
    stride, most = 1.0, 0.0
    for layer, channels in zip(layers, widths[1:], strict=True):
        if not is_local(layer):
            break
        stride *= max(window(layer, axis)[1] for axis in (0, 1))
        most = max(most, channels / stride**2)
    side = int(factor * math.isqrt(int(large / max(most * _item(network), 1))))
    return max(64, side // 32 * 32)


@dataclass(frozen=True)
class Load:
    """What a stage takes.

    cost: multiplications of the convolutions, and what else takes as long.  below: bytes of the
    features below it.  holds: whether they are held until the way down.  kept: bytes that are kept
    besides.  up, down: bytes that a tile takes on each way.
    """

    cost: float
    below: float
    holds: bool
    kept: float
    up: float
    down: float


def _load(job: Job, stage: Stage, size: tuple[int, int]) -> Load:
    """Of one process, for an image of a size."""
    size = -(-size[0] // job.network.ranks.size), size[1]
    return job.once(_worked_out, stage, size)


def _at_once(network: LossNetwork, stage: Stage) -> bool:
    """Whether a stage goes up and down at once: the last one, in one tile."""
    return not stage.side and stage.stop == len(_layers(network)) and network.ranks.size == 1


def _worked_out(network: LossNetwork, stage: Stage, size: tuple[int, int]) -> Load:
    layers, widths, item = _layers(network), _channels(network), _item(network)
    part = layers[stage.start : stage.stop]
    again = _counted(part, stage.again)
    whole = _sizes(layers[: stage.stop], size)[stage.start :]
    side = stage.side or max(whole[0])
    tile = (min(side, whole[0][0]), min(side, whole[0][1]))
    sizes = _sizes(part, tile)
    recalled = kept = cost = forward = up = down = second = 0.0
    below = float(widths[stage.start] * math.prod(tile) * item)
    channels = widths[stage.start]
    seeing = _seeing_to_others(part)
    overlaps = _overlaps(part, tile, whole[0], inner=(True, item >= 4))
    for number, (layer, more) in enumerate(zip(part, overlaps, strict=True), start=1):
        channels = getattr(layer, 'out_channels', None) or channels
        elements = channels * math.prod(whole[number])
        own = float(channels * math.prod(sizes[number]) * item)
        if isinstance(layer, nn.Conv2d):
            multiplications = more * layer.weight.numel() * math.prod(whole[number])
            if stage.quick and _is_quick(network, layer, sizes[number - 1]):
                multiplications *= Winograd.share(layer.weight)
            forward += multiplications
            second += multiplications * (number <= again)
        bits = bits_kept(layer)
        if bits is not None:
            bits += (number - 1 in seeing) - (number in seeing)
        if isinstance(layer, Loss):
            if number > again:
                kept += more * elements * item
            else:
                recalled += own
        elif bits is not None:
            kept += more * elements * bits / 8
            cost += BIT * more * elements * (bits > 0)
        elif not is_fixed(layer):
            kept += _kept(layer, more * elements * item, item)
        indices = own * 8 / item if isinstance(layer, nn.MaxPool2d) and bits is None else 0.0
        scratch = _scratch(network, layer, sizes[number - 1]) * stage.quick
        up = max(up, below + own + max(indices, scratch))
        down = max(down, below + own + max(own, indices, scratch))  # two gradients and a mask
        below = own
    gaps = GAPS_OF_TILES if network.devices[0].type == 'cpu' else 1.0
    map_below = 0.0 if stage.start == 0 else widths[stage.start] * math.prod(whole[0]) * item
    if stage.again is None:
        down = max(_both_ways(network, part, widths[stage.start], tile, stage.quick))
        cost = (2 if _at_once(network, stage) else 3) * forward
        return Load(cost, map_below, True, 0.0, gaps * up, gaps * down)
    cost += 2 * forward + second
    down = max(down, up * (again > 0)) + recalled
    return Load(cost, map_below, again > 0, kept, gaps * up, gaps * down)


def _counted(part: Sequence[Any], again: int | None) -> int:
    """A number of layers without TV, of all layers of a stage."""
    tv = sum(isinstance(layer, TVLoss) for layer in part)
    return again + tv if again else 0


def _overlaps(
    part: Sequence[Any], tile: tuple[int, int], size: tuple[int, int], inner: Inner
) -> list[float]:
    """For every layer, how much more than the whole is calculated in tiles, whose halos overlap.

    Of both ways, where a tile is not at the image's rim.
    """
    halo, stride, lost, found = 0.0, 1.0, [0.0], []
    for layer in part:
        kernel, step, _ = window(layer, 1) if is_local(layer) else (1, 1, 0)
        own = max(kernel - step, 0) * stride
        halo += own
        lost.append(lost[-1] + own * shrinks(layer))
        stride *= step
    for before, after in pairwise(lost):
        less = (before + after) / 2
        axes = zip(tile, size, inner, strict=True)
        found.append(
            math.prod(
                (own - less * inside) / max((own - halo) // stride * stride, stride)
                if own < whole
                else 1.0
                for own, whole, inside in axes
            )
        )
    return found


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
    processes, on_cpu = job.network.ranks.size, job.network.devices[0].type == 'cpu'
    words = [f'{width} x {height} pixels', 'whole' if tiling is None else _words(job, tiling)]
    if processes > 1:
        words.insert(1, f'shared by {processes} processes')
    if job.pairs:
        kind = 'bfloat16' if history is not None else 'float32'
        place = ' in host memory' if on_host else ''
        words.append(f'L-BFGS history of {job.pairs} pairs in {kind}{place}')
    text = f'{", ".join(words)}; predicted peak {written(peak)}' + ' each' * (processes > 1)
    plain = tiling is job.network.tiling and history is None and not on_host
    if tiling is not None and not plain and on_cpu:
        loads = [_load(job, stage, job.size) for stage in tiling.stages]
        takes = tuple(max(load.up, load.down) for load in loads)
        between = _saving(job.size)
        tiling = replace(tiling, most=TRIMMED * peak, takes=takes, between=between)
    return Plan(tiling, history, on_host, peak, text, plain)


def _words(job: Job, tiling: Tiling) -> str:
    if tiling is job.network.tiling:
        return 'in strips'
    single = 'whole' if job.network.ranks.size == 1 else 'in strips'
    parts = [
        f'layers {stage.start + 1} to {stage.stop} '
        + (f'in tiles of {stage.side} pixels' if stage.side else single)
        + (' (calculated twice)' if stage.side and stage.again is None else '')
        for stage in tiling.stages
    ]
    if not tiling.stages[0].quick:
        parts.append("without Winograd's kernels")
    return ', '.join(parts)


def predict(
    job: Job, tiling: Tiling | None, history: torch.dtype | None = None, on_host: bool = False
) -> int:
    """Bytes at the peak of a run."""
    network, pixels = job.network, math.prod(job.size)
    on_cpu = network.devices[0].type == 'cpu'
    processes = network.ranks.size  # which share the optimiser's vectors
    vector = 3 * 4 * pixels
    # x, and of L-BFGS g, g_old, d, of Adam m, v
    kept = (4.0 if job.pairs else 3.0) * vector / processes
    kept += vector * (processes > 1 or job.apart)  # x as a whole
    if job.pairs and not on_host:
        item = 4 if history is None else torch.empty(0, dtype=history).element_size()
        kept += 2 * job.pairs * vector / processes * item / 4
    if not on_cpu and history is not None:
        kept += vector / processes  # a piece at a time
    largest = max((job.size, *job.style_sizes), key=math.prod)
    low = network.dtype != torch.float32
    if low or (on_cpu and math.prod(largest) > EXACT) or tiling:
        stages = tiling.stages if tiling else [Stage(0, len(_layers(network)))]
        kept += sum(job.once(_weights, largest, x.start, x.stop, x.quick) for x in stages)
    targets = sum(job.once(_elements, loss, job.size) * 4 for loss in network.content_losses)
    targets /= processes if on_cpu else 1  # memory that nobody writes to is none
    image = 24 * pixels if on_cpu else 0  # float64, preprocessed
    later = kept - job.given_up
    phases = [later + _evaluation(job, tiling) + vector, image + vector]
    for size in job.style_sizes:
        whole = 36 * math.prod(size) if on_cpu else 12 * math.prod(size)
        phases.append(whole + _forward(job, tiling, size))
    if on_cpu:
        phases.append(later + _saving(job.size))
    overhead = 0
    if on_cpu:
        overhead = OVERHEAD if tiling is None else OVERHEAD + OVERHEAD_OF_TILES
    return int(job.used + overhead + targets + max(phases))


def _saving(size: tuple[int, int]) -> float:
    """Bytes that it takes on a CPU to save an image of H x W pixels: twice, and in float64."""
    return math.prod(size) * (2 * 3 * 4 + 2 * 24 + 6)


def _weights(
    network: LossNetwork, size: tuple[int, int], start: int, stop: int, quick: bool
) -> float:
    """Bytes of convolutions' weights, of layers start to stop, kept beside the network's own.

    quick: whether they may be Winograd's.
    """
    layers, low, total = _layers(network), network.dtype != torch.float32, 0
    for layer, below in list(zip(layers, _sizes(layers, size), strict=False))[start:stop]:
        if quick and _is_quick(network, layer, below):
            total += Winograd.kept(layer.weight)
        elif isinstance(layer, nn.Conv2d):
            total += (1 + low) * _item(network) * layer.weight.numel()  # turned, and their own
    return total


def _any_quick(network: LossNetwork, size: tuple[int, int]) -> bool:
    """Whether any of the convolutions is Winograd's."""
    layers = _layers(network)
    sizes = _sizes(layers, size)
    return any(_is_quick(network, *some) for some in zip(layers, sizes, strict=False))


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


def _evaluation(job: Job, tiling: Tiling | None) -> float:
    """Bytes that going up and down needs at the peak, the gradient of the image left out."""
    network = job.network
    if tiling is None:
        gaps = GAPS if network.devices[0].type == 'cpu' else 1
        return gaps * max(_both_ways(network, _layers(network), 3, job.size))
    loads = [_load(job, stage, job.size) for stage in tiling.stages]
    stays = network.devices[0].type == 'cpu'  # with the process, for the next tile
    peaks, held = [0.0], 0.0
    for number, load in enumerate(loads):
        above = loads[number + 1].below if number + 1 < len(loads) else 0.0
        peaks.append(held + load.below + above + load.kept + load.up * (not stays))
        held += load.kept + load.below * load.holds
        # the gradients above and below, and a tile
        peaks.append(held + above + load.below + load.down * (not stays))
    return max(peaks) + stays * max(max(load.up, load.down) for load in loads)


def _forward(job: Job, tiling: Tiling | None, size: tuple[int, int]) -> float:
    """Bytes that going up alone needs at the peak."""
    network = job.network
    if tiling is None:
        layers, sizes = _layers(network), _sizes(_layers(network), size)
        whole = [
            channels * math.prod(area) * _item(network)
            for channels, area in zip(_channels(network), sizes, strict=True)
        ]
        scratch = [_scratch(network, *some) for some in zip(layers, sizes, strict=False)]
        gaps = GAPS if network.devices[0].type == 'cpu' else 1
        return gaps * max(map(sum, zip(whole, whole[1:], scratch, strict=False)), default=0.0)
    loads = [_load(job, stage, size) for stage in tiling.stages]
    stays = network.devices[0].type == 'cpu'
    aboves = [load.below for load in loads[1:]] + [0.0]
    peaks = [
        load.below + above + load.up * (not stays)
        for load, above in zip(loads, aboves, strict=True)
    ]
    return max(peaks) + stays * max(load.up for load in loads)


def _seeing_to_others(layers: Sequence[Any]) -> list[int]:
    """The max poolings and losses that see to the way back of the ReLU below them."""
    return [k + 2 for k in range(len(layers)) if joined(layers, k) == 3]


def _both_ways(
    network: LossNetwork,
    layers: Sequence[Any],
    channels: int,
    size: tuple[int, int],
    quick: bool = True,
) -> Iterator[float]:
    """Bytes in use while layers go up, keeping what the way back takes, and down."""
    item = _item(network)
    sizes = _sizes(layers, size)
    held, below = 0.0, float(channels * math.prod(size) * item)
    yield below
    for number, layer in enumerate(layers, start=1):
        channels = getattr(layer, 'out_channels', None) or channels
        own = float(channels * math.prod(sizes[number]) * item)
        # what is not kept below a pooling leaves a gap, too small for the gradient to come
        held += _kept(layer, own, item)
        # two gradients on the way down
        yield held + own + below + _scratch(network, layer, sizes[number - 1]) * quick
        below = own


def _scratch(network: LossNetwork, layer: Any, size: tuple[int, int]) -> int:
    """Bytes that a layer takes besides its features, of which it gets H x W."""
    return Winograd.taken(layer.weight, size) if _is_quick(network, layer, size) else 0


def _is_quick(network: LossNetwork, layer: Any, size: tuple[int, int]) -> bool:
    """Whether features of H x W pixels go through Winograd's convolution."""
    return isinstance(layer, nn.Conv2d) and FixedConvolution.is_quick(layer, network.dtype, size)


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
    return heap.used()


def free_memory(device: torch.device, processes: int = 1) -> float:
    """Bytes that the process may come to without others' help: what is free and what it has.

    processes: how many share what is free of the host's memory.  math.inf where nobody can tell.
    """
    if device.type == 'cuda':
        return torch.cuda.mem_get_info(device)[0] + torch.cuda.memory_reserved(device)
    found = [_available(), *_control_groups()]
    return used_memory(device) + min(found) / processes


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
