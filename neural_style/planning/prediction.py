"""How much memory a run will need, and how long its stages take, before anything is run."""

import functools
import math
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import torch
from torch import nn

from neural_style.kernels.compressed import saved_bits
from neural_style.kernels.convolution import can_be_frozen, uses_winograd
from neural_style.kernels.options import LARGE_OUTPUT_BYTES
from neural_style.kernels.winograd import Winograd
from neural_style.losses.base import FeatureLoss
from neural_style.losses.content import ContentLoss
from neural_style.memory.allocator import LARGE_TENSOR_BYTES
from neural_style.network.fusion import fused_length
from neural_style.network.layers import output_channels
from neural_style.network.loss_network import LossNetwork
from neural_style.network.windows import layer_windows
from neural_style.tiling.geometry import Window, halo
from neural_style.tiling.stages import Stage, Tiling
from neural_style.torch7.convolution import EXACT, EXACT_STYLE

# Memory besides tensors: oneDNN's compiled kernels, threads, buffers.
OVERHEAD = 80 << 20
# Tiles have more kernels, of more sizes, and fragment the heap: by so many bytes, and an eighth of
# those of their tensors, until free memory is released, which keeps it below the limit.
TILE_OVERHEAD, TILE_FRAGMENTATION, MAX_TILE_OVERHEAD = 48 << 20, 0.125, 112 << 20
# To keep and to use a bit takes the time of so many multiplications of a convolution, measured in
# float32 on two cores.
BIT = 100
# The same of a tile, up and down, whatever its size.
TILE = 3e8
# What a byte of tensors takes, for gaps remain where others were: outside of the heap, where they
# are given back near the predicted peak, and in the heap with whole images.
GAPS_APART, GAPS_OF_WHOLE = 1.05, 1.45


@dataclass(frozen=True)
class MemoryUse:
    """Bytes of tensors: outside of glibc's heap (arena.py), or on a GPU, and in it."""

    off_heap: float = 0.0
    heap: float = 0.0

    def __add__(self, other: 'MemoryUse') -> 'MemoryUse':
        return MemoryUse(self.off_heap + other.off_heap, self.heap + other.heap)

    def __or__(self, other: 'MemoryUse') -> 'MemoryUse':
        """What is enough for either."""
        return MemoryUse(max(self.off_heap, other.off_heap), max(self.heap, other.heap))

    def with_fragmentation(self, gaps: float) -> 'MemoryUse':
        """With the gaps of the heap: so many bytes for one."""
        return MemoryUse(self.off_heap, gaps * self.heap)


NOTHING = MemoryUse()


@dataclass(frozen=True)
class Workload:
    """What is to be run: sizes (H, W) of the image and the style images, and the optimiser.

    pairs: of the history of L-BFGS, 0 for Adam.  used: bytes in use already, on the device, by the
    process that has the most of those that share the run.  given_up: of those, the bytes that are
    only needed until the targets are known.  reparametrized: whether the image is made from what is
    optimised, not that itself.
    """

    network: LossNetwork
    size: tuple[int, int]
    style_sizes: tuple[tuple[int, int], ...]
    pairs: int
    used: int
    released_bytes: int = 0
    reparametrized: bool = False
    known: dict[Any, Any] = field(default_factory=dict, compare=False)

    def once(self, work: Callable[..., Any], *given: Any) -> Any:
        """What work makes of the network and of what is given, worked out once."""
        key = work, *given
        if key not in self.known:
            self.known[key] = work(self.network, *given)
        return self.known[key]

    def scaled(self, factor: float) -> 'Workload':
        """The same for images of other sizes."""
        sizes = [
            (max(1, int(height * factor)), max(1, int(width * factor)))
            for height, width in (self.size, *self.style_sizes)
        ]
        used, released_bytes = self.used, self.released_bytes
        if self.network.devices[0].type == 'cpu':  # the images are there already, in float64
            before, after = (
                sum(24 * math.prod(size) for size in some)
                for some in ((self.size, *self.style_sizes), sizes)
            )
            used = max(used + after - before, 0)
            released_bytes = int(released_bytes * after / before)
        return Workload(
            self.network,
            sizes[0],
            tuple(sizes[1:]),
            self.pairs,
            used,
            released_bytes,
            self.reparametrized,
        )


@dataclass(frozen=True)
class StageCost:
    """What a stage takes.

    cost: multiplications of the convolutions, and what else takes as long.  below: bytes of the
    features below it.  held: of those, until the way down, and of the room that their gradient
    takes then besides.  gradient: of its own memory, where it does not take their place.  kept:
    bytes that are kept besides.  up, down: what a tile takes on each way, the heap's gaps counted.
    """

    cost: float
    below: float
    held: float
    gradient: float
    kept: float
    up: MemoryUse
    down: MemoryUse


def stage_cost(job: Workload, stage: Stage, size: tuple[int, int]) -> StageCost:
    """Of one process, for an image of a size."""
    size = -(-size[0] // job.network.world.size), size[1]
    return job.once(_stage_cost, stage, size)


def is_single_pass(network: LossNetwork, stage: Stage) -> bool:
    """Whether a stage goes up and down at once: the last one, in one tile."""
    return not stage.side and stage.stop == len(layers_of(network)) and network.world.size == 1


def _stage_cost(network: LossNetwork, stage: Stage, size: tuple[int, int]) -> StageCost:
    layers, widths, item = layers_of(network), channels_of(network), item_size(network)
    part = layers[stage.start : stage.stop]
    recompute = _recomputed(part, stage)
    whole = _sizes(layers[: stage.stop], size)[stage.start :]
    side = stage.side or max(whole[0])
    tile = (min(side, whole[0][0]), min(side, whole[0][1]))
    sizes = _sizes(part, tile)
    kept = cost = forward = second = 0.0
    channels = widths[stage.start]
    below = _place(network, channels * math.prod(tile) * item, LARGE_TENSOR_BYTES)
    up = down = below
    recomputed_features = NOTHING
    seeing = _relu_backward_positions(part)
    overlaps = _overlaps(part, tile, whole[0], inner=(True, item >= 4))
    for number, (layer, more) in enumerate(zip(part, overlaps, strict=True), start=1):
        lower, channels = channels, output_channels(layer, channels)
        elements = channels * math.prod(whole[number])
        own = _output_memory(network, layer, channels, sizes[number], LARGE_TENSOR_BYTES)
        if isinstance(layer, nn.Conv2d):
            multiplications = more * layer.weight.numel() * math.prod(whole[number])
            if stage.winograd and _is_winograd(network, layer, sizes[number - 1]):
                multiplications *= Winograd.relative_time(layer.weight)
            forward += multiplications
            second += multiplications * (number <= recompute)
        bits = _bits(layer, number, seeing)
        if isinstance(layer, FeatureLoss):
            if number > recompute:
                kept += more * elements * item
            else:
                recomputed_features += below
        elif bits is not None:
            kept += more * elements * bits / 8
            cost += BIT * more * elements * (bits > 0)
        elif not can_be_frozen(layer):
            kept += _kept(layer, more * elements * item, item)
        besides = _besides(network, layer, sizes[number - 1], stage.winograd)
        if bits is None:
            besides += _indices(layer, channels * math.prod(sizes[number]))
        if _shares(layer):
            up |= below
            down |= below + _temporary(layer, below)
        else:
            up |= below + own + besides
            gradient = _output_memory(network, layer, lower, sizes[number - 1], LARGE_TENSOR_BYTES)
            down |= own + gradient + besides
            below = own
    map_below = 0.0 if stage.start == 0 else widths[stage.start] * math.prod(whole[0]) * item
    cost += 2 * forward + second
    above = below  # the gradient that the way down begins with, held until its end
    down += above
    if recompute:
        down = (down | up) + recomputed_features
    if is_single_pass(network, stage) or stage.recompute == 'everything':
        down = (
            _both_ways(network, part, widths[stage.start], tile, stage, LARGE_TENSOR_BYTES) + above
        )
    if is_single_pass(network, stage):
        kept, up, down = (
            0.0,
            up.with_fragmentation(GAPS_OF_WHOLE),
            down.with_fragmentation(GAPS_OF_WHOLE),
        )
    elif stage.recompute == 'everything':
        cost, kept = 3 * forward, 0.0
    if stage.side:
        cost += TILE * _tiles(part, tile, whole[0])
    held, map_back = map_below * (stage.recompute != 'nothing'), map_below
    if stage.start == 0:
        map_back = 3.0 * math.prod(size) * 4
    elif held and not is_single_pass(network, stage):  # it takes their place
        held, map_back = held * (1 + _spare(part, tile, whole[0]) / whole[0][0]), 0.0
    return StageCost(cost, map_below, held, map_back, kept, up, down)


def _recomputed(part: Sequence[Any], stage: Stage) -> int:
    """How many of a stage's layers run again for the features of losses."""
    if stage.recompute != 'loss features':
        return 0
    return max((k for k, x in enumerate(part, start=1) if isinstance(x, FeatureLoss)), default=0)


def _shared(part: Sequence[Any], axis: int) -> int:
    """Positions that tiles have in common with the next, about."""
    windows = [pair[axis] for pair in map(layer_windows, part) if pair is not None]
    return halo(windows) + math.prod(window.stride for window in windows)


def _tiles(part: Sequence[Any], tile: tuple[int, int], size: tuple[int, int]) -> int:
    """How many tiles there are, about."""
    own = (max(side - _shared(part, axis), 1) for axis, side in enumerate(tile))
    return math.prod(
        math.ceil(whole / step) if side < whole else 1
        for step, side, whole in zip(own, tile, size, strict=True)
    )


def _spare(part: Sequence[Any], tile: tuple[int, int], size: tuple[int, int]) -> int:
    """Rows that the gradient of features takes besides their place (TiledEvaluation)."""
    shared = [_shared(part, axis) for axis in (0, 1)]
    if size[1] > tile[1] < 2 * shared[1]:
        return tile[0]
    return min(shared[0], tile[0]) if tile[0] < size[0] else 0


def _overlaps(
    part: Sequence[Any], tile: tuple[int, int], size: tuple[int, int], inner: tuple[bool, bool]
) -> list[float]:
    """For every layer, how much more than the whole is calculated in tiles, whose halos overlap.

    Of both ways, where a tile is not at the image's rim.
    """
    reach, stride, lost, found = 0.0, 1.0, [0.0], []
    for layer in part:
        _, window = layer_windows(layer) or (Window(), Window())
        own = max(window.size - window.stride, 0) * stride
        reach += own
        lost.append(lost[-1] + own * window.loses_padding)
        stride *= window.stride
    for before, after in pairwise(lost):
        less = (before + after) / 2
        axes = zip(tile, size, inner, strict=True)
        found.append(
            math.prod(
                (own - less * inside) / max((own - reach) // stride * stride, stride)
                if own < whole
                else 1.0
                for own, whole, inside in axes
            )
        )
    return found


def layers_of(network: LossNetwork) -> list[Any]:
    return [layer for chunk in network.chunks for layer in chunk.children()]


def channels_of(network: LossNetwork) -> list[int]:
    """Below the first layer, and above each."""
    found = [3]
    for layer in layers_of(network):
        found.append(output_channels(layer, found[-1]))
    return found


def item_size(network: LossNetwork) -> int:
    return torch.empty(0, dtype=network.dtype).element_size()


def predict(
    job: Workload, tiling: Tiling | None, history: torch.dtype | None = None, on_host: bool = False
) -> int:
    """Bytes at the peak of a run."""
    network, pixels = job.network, math.prod(job.size)
    on_cpu = network.devices[0].type == 'cpu'
    processes = network.world.size  # which share the optimiser's vectors
    vector = 3 * 4 * pixels
    # x, and of L-BFGS g, g_old, d, of Adam m, v
    kept = (4.0 if job.pairs else 3.0) * vector / processes
    kept += vector * (processes > 1 or job.reparametrized)  # x as a whole
    if job.pairs and not on_host:
        item = 4 if history is None else torch.empty(0, dtype=history).element_size()
        kept += 2 * job.pairs * vector / processes * item / 4
    if not on_cpu and history is not None:
        kept += vector / processes  # a piece at a time
    largest = max((job.size, *job.style_sizes), key=math.prod)
    low = network.dtype != torch.float32
    small = network.exact and not low and on_cpu and tiling is None
    small = small and math.prod(job.size) <= EXACT
    exact = small and math.prod(largest) <= EXACT_STYLE
    if low or on_cpu or tiling:
        layers = len(layers_of(network))
        stages = tiling.stages if tiling else [Stage(0, layers, winograd=not exact)]
        kept += sum(job.once(_weights, largest, x.start, x.stop, x.winograd) for x in stages)
    targets = sum(job.once(_elements, loss, job.size) * 4 for loss in network.content_losses)
    targets /= processes if on_cpu else 1  # memory that nobody writes to is none
    image = 24 * pixels if on_cpu else 0  # float64, preprocessed
    later = kept - job.released_bytes
    evaluation = _evaluation(job, tiling)
    phases = [later + _total_bytes(network, evaluation), image + vector]
    for size in job.style_sizes:
        whole = 36 * math.prod(size) if on_cpu else 12 * math.prod(size)
        if small and math.prod(size) <= EXACT_STYLE:
            whole += job.once(_windows, size)
        phases.append(whole + _total_bytes(network, _forward(job, tiling, size)))
    if on_cpu:
        phases.append(later + saving(job.size))
    overhead = 0.0
    if on_cpu:
        overhead = OVERHEAD if tiling is None else OVERHEAD + _tile_overhead(evaluation)
    return int(job.used + overhead + targets + max(phases))


def saving(size: tuple[int, int]) -> float:
    """Bytes that it takes on a CPU to save an image of H x W pixels: twice, and in float64."""
    return math.prod(size) * (2 * 3 * 4 + 2 * 24 + 6)


def _weights(
    network: LossNetwork, size: tuple[int, int], start: int, stop: int, winograd: bool
) -> float:
    """Bytes of convolutions' weights, of layers start to stop, kept beside the network's own.

    winograd: whether they may be Winograd's.
    """
    layers, low, total = layers_of(network), network.dtype != torch.float32, 0
    for layer, below in list(zip(layers, _sizes(layers, size), strict=False))[start:stop]:
        if winograd and _is_winograd(network, layer, below):
            total += Winograd.weight_bytes(layer.weight)
        elif isinstance(layer, nn.Conv2d):
            total += (1 + low) * item_size(network) * layer.weight.numel()  # turned, and their own
    return total


def _windows(network: LossNetwork, size: tuple[int, int]) -> int:
    """Bytes of the largest convolution's windows, unfolded (torch7/convolution.py)."""
    layers = layers_of(network)
    below = zip(layers, channels_of(network), _sizes(layers, size), strict=False)
    found = [
        4 * channels * math.prod(layer.kernel_size) * math.prod(area)
        for layer, channels, area in below
        if isinstance(layer, nn.Conv2d)
    ]
    return max(found, default=0)


def any_winograd(network: LossNetwork, size: tuple[int, int]) -> bool:
    """Whether any of the convolutions is Winograd's."""
    layers = layers_of(network)
    sizes = _sizes(layers, size)
    return any(_is_winograd(network, *some) for some in zip(layers, sizes, strict=False))


def _elements(network: LossNetwork, loss: ContentLoss, size: tuple[int, int]) -> float:
    layers = layers_of(network)
    number = next((k for k, layer in enumerate(layers) if layer is loss), 0)
    return channels_of(network)[number] * math.prod(_sizes(layers[:number], size)[-1])


def _sizes(layers: Sequence[Any], size: tuple[int, int]) -> list[tuple[int, int]]:
    """(H, W) below the first layer and above each; layers that are not local keep it."""
    height, width = size
    found = [size]
    for layer in layers:
        if (windows := layer_windows(layer)) is not None:
            rows, columns = windows
            height, width = rows.output_size(height), columns.output_size(width)
        found.append((max(height, 1), max(width, 1)))
    return found


def _tile_overhead(evaluation: MemoryUse) -> float:
    """Estimate the bytes that evaluating in tiles takes besides tensors."""
    gaps = TILE_FRAGMENTATION * evaluation.off_heap
    return min(TILE_OVERHEAD + gaps, MAX_TILE_OVERHEAD)


def _evaluation(job: Workload, tiling: Tiling | None) -> MemoryUse:
    """Predict what an evaluation needs at its peak."""
    network = job.network
    if tiling is None:
        whole = Stage(0, len(layers_of(network)))
        both = _both_ways(network, layers_of(network), 3, job.size, whole)
        gradient = MemoryUse(heap=3.0 * 4 * math.prod(job.size))
        return gradient + both.with_fragmentation(GAPS_OF_WHOLE)
    loads = [stage_cost(job, stage, job.size) for stage in tiling.stages]
    peaks, held = [], 0.0
    for number, load in enumerate(loads):
        above = loads[number + 1].below if number + 1 < len(loads) else 0.0
        peaks.append(MemoryUse(held + max(load.below, load.held) + above + load.kept) + load.up)
        held += load.kept + load.held
        # the gradients above and below, and a tile
        peaks.append(MemoryUse(held + above + load.gradient) + load.down)
    return _upper_bound(peaks)


def _forward(job: Workload, tiling: Tiling | None, size: tuple[int, int]) -> MemoryUse:
    """Predict what a forward pass alone needs at its peak."""
    network = job.network
    if tiling is None:
        layers, sizes = layers_of(network), _sizes(layers_of(network), size)
        most = below = NOTHING
        several = zip(layers, channels_of(network)[1:], pairwise(sizes), strict=True)
        for layer, channels, (lower, upper) in several:
            own = below if _shares(layer) else _output_memory(network, layer, channels, upper)
            most |= below + own + _besides(network, layer, lower, winograd=True)
            below = own
        return most.with_fragmentation(GAPS_OF_WHOLE)
    loads = [stage_cost(job, stage, size) for stage in tiling.stages]
    aboves = [load.below for load in loads[1:]] + [0.0]
    peaks = [
        MemoryUse(load.below + above) + load.up for load, above in zip(loads, aboves, strict=True)
    ]
    return _upper_bound(peaks)


def _upper_bound(peaks: Sequence[MemoryUse]) -> MemoryUse:
    """Return an upper bound over all moments: the heap never shrinks."""
    return functools.reduce(operator.or_, peaks)


def _total_bytes(network: LossNetwork, use: MemoryUse) -> float:
    gaps = GAPS_APART if network.devices[0].type == 'cpu' else 1.0  # there nobody has measured
    return gaps * use.off_heap + use.heap


def _relu_backward_positions(layers: Sequence[Any]) -> list[int]:
    """The max poolings and losses that see to the way back of the ReLU below them."""
    return [k + 2 for k in range(len(layers)) if fused_length(layers, k) == 3]


def _bits(layer: Any, number: int, seeing: Sequence[int]) -> int | None:
    """bits_kept of a layer, of a ReLU's those that go to the layer that sees to its way back."""
    bits = saved_bits(layer)
    return None if bits is None else bits + (number - 1 in seeing) - (number in seeing)


def _both_ways(
    network: LossNetwork,
    layers: Sequence[Any],
    channels: int,
    size: tuple[int, int],
    stage: Stage,
    huge: int = LARGE_OUTPUT_BYTES,
) -> MemoryUse:
    """What is in use while layers go up, keeping what the way back takes, and down.

    huge: of Manner.  What comes in is not counted.
    """
    sizes, seeing = _sizes(layers, size), _relu_backward_positions(layers)
    # how convolutions are done everywhere but on a GPU in float32
    fixed = network.devices[0].type == 'cpu' or network.dtype != torch.float32
    most = held = own = NOTHING
    kept = True
    for number, layer in enumerate(layers, start=1):
        below, seen, lower = own, kept, channels
        channels = output_channels(layer, channels)
        elements = channels * math.prod(sizes[number])
        if not _shares(layer):
            own, kept = _output_memory(network, layer, channels, sizes[number], huge), False
        bits = None if stage.recompute == 'everything' else _bits(layer, number, seeing)
        held += _indices(layer, elements) if bits is None else MemoryUse(elements * bits / 8)
        leaves = (can_be_frozen(layer) or number in seeing) and (
            fixed or stage.recompute != 'everything'
        )
        if bits is None and not (kept or leaves):
            held, kept = held + own, True
        besides = _besides(network, layer, sizes[number - 1], stage.winograd)
        most |= held + (NOTHING if kept else own) + (NOTHING if seen else below) + besides
        if not _shares(layer):
            gradient = _output_memory(network, layer, lower, sizes[number - 1], huge)
            most |= held + own + gradient + besides
        elif isinstance(layer, FeatureLoss):
            most |= held + own + _temporary(layer, own)
    return most


def _shares(layer: Any) -> bool:
    """Whether what a layer gives is the tensor that it gets."""
    return isinstance(layer, FeatureLoss) or (isinstance(layer, nn.ReLU) and layer.inplace)


def _output_memory(
    network: LossNetwork,
    layer: Any,
    channels: int,
    size: tuple[int, int],
    huge: int = LARGE_OUTPUT_BYTES,
) -> MemoryUse:
    """Features, or a gradient, of H x W pixels that a layer makes.

    huge: of Manner.
    """
    least: float = huge if can_be_frozen(layer) else math.inf
    if _is_winograd(network, layer, size) or isinstance(layer, nn.MaxPool2d):
        least = LARGE_TENSOR_BYTES
    return _place(network, channels * math.prod(size) * item_size(network), least)


def _place(network: LossNetwork, size: float, least: float) -> MemoryUse:
    """A tensor of so many bytes, which lies outside of the heap from a size on."""
    on_cpu = network.devices[0].type == 'cpu'
    return MemoryUse(heap=size) if on_cpu and size < least else MemoryUse(size)


def _besides(network: LossNetwork, layer: Any, size: tuple[int, int], winograd: bool) -> MemoryUse:
    """What a layer takes besides its features, of which it gets H x W."""
    if winograd and _is_winograd(network, layer, size):
        return MemoryUse(Winograd.workspace_bytes(layer.weight, size))
    return NOTHING


def _indices(layer: Any, elements: float) -> MemoryUse:
    """Where each maximum was, of so many."""
    return MemoryUse(8.0 * elements if isinstance(layer, nn.MaxPool2d) else 0.0)


def _temporary(layer: nn.Module, features: MemoryUse) -> MemoryUse:
    """What the gradient of a loss takes that is not at once added to that from above."""
    normalizes = isinstance(layer, FeatureLoss) and layer.normalize
    return MemoryUse(heap=features.off_heap + features.heap) if normalizes else NOTHING


def _is_winograd(network: LossNetwork, layer: Any, size: tuple[int, int]) -> bool:
    """Whether features of H x W pixels go through Winograd's convolution."""
    return uses_winograd(layer, network.dtype, size)


def _kept(layer: Any, own: float, item: int) -> float:
    """Bytes that the way back of a layer without bits needs, of its output's."""
    if isinstance(layer, nn.MaxPool2d):
        return own * (1 + 8 / item)  # and where each maximum was
    if isinstance(layer, nn.Conv2d | nn.AvgPool2d | nn.LocalResponseNorm):
        return own
    if isinstance(layer, nn.ReLU) and layer.inplace:
        return 0.0
    return own if type(layer).__module__.startswith(('torch', 'loadcaffe')) else 0.0
