"""A network evaluated in tiles: the same losses and gradient, in a fraction of the memory.

The layers are cut into stages.  The features between stages are kept whole; inside of a stage they
are calculated tile by tile, each from a crop of the features below that is a few pixels larger: the
halo that the windows of the stage's layers reach into.  A tile owns its share of the positions of
every layer, the shares of all tiles together are the layer, and only what is owned counts.

    up    every tile adds to the statistics of the losses (losses.py) and writes its share of the
          features above the stage
    down  with the statistics known, every tile takes the gradient of the features above, each loss
          adds its own, and what arrives at the crop is added to the gradient of the features below

What the way down needs is either kept on the way up, in bits (bits.py), but for the features of
losses that are quicker to calculate again from those below; or the whole tile is calculated again.
So nothing is approximated.  The last stage may be one tile, which goes up and down at once.

Several processes (distributed.py) take rows of tiles.  Each has of the features between stages the
rows that its tiles need; their rims are sent, and their gradients sent back and added.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, groupby, pairwise, product
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import GradientEdge, get_gradient_edge

from loadcaffe.activations import Pointwise
from loadcaffe.normalization import BatchNorm, Scale
from loadcaffe.spatial import Pooling
from style_transfer import heap
from style_transfer.arena import apart_like, arena
from style_transfer.convolution import FixedConvolution, Manner
from style_transfer.distributed import ALONE, Ranks, Rows
from style_transfer.losses import Loss, Part, TVLoss, piece

Inner = tuple[bool, bool]
# Layers, features below, and how: returns the features above.
Run = Callable[[Sequence[nn.Module], Tensor, Manner], Tensor]

# What these make of a position depends on nothing else.
POINTWISE = (
    nn.ReLU, nn.LeakyReLU, nn.ELU, nn.ReLU6, nn.Hardtanh, nn.Tanh, nn.Sigmoid, nn.PReLU,
    nn.LocalResponseNorm, Pointwise, BatchNorm, Scale, Loss, TVLoss,
)  # fmt: skip


# The share of the memory that is planned that is given up beyond what has to be, so that it is not
# soon to do again.
SLACK = 0.02
# Crops whose convolutions keep their size are multiples of it, for bfloat16.
ALIGNMENT = 32


@dataclass(frozen=True)
class Stage:
    """Layers start to stop, without stop, of a loss network, its losses counted.

    side: of a tile with its halo, in pixels of the stage's input; 0 for one tile.
    again: how many of the layers are calculated again on the way down, for the features of their
    losses; bits are kept of all others.  None: all of them, and nothing is kept.
    quick: whether its convolutions may be Winograd's, whose kernels take memory.
    """

    start: int
    stop: int
    side: int = 0
    again: int | None = None
    quick: bool = True


@dataclass(frozen=True)
class Tiling:
    """The stages, from the image up.  They fit images of any size.

    most: bytes that the process should not come to need: beyond, memory that lies free in it goes
    back to the system.  takes: bytes that a tile of each stage takes, about.  between: those that
    are taken between two evaluations.
    """

    stages: tuple[Stage, ...]
    most: float = math.inf
    takes: tuple[float, ...] = ()
    between: float = 0


@dataclass(frozen=True)
class Tile:
    """A tile of a stage.

    crop: rows and columns of the stage's input.  parts: of each layer's output, by number.
    inner: whether its rows, and its columns, are not at the image's rim, so that they get fewer
    from convolution to convolution.
    """

    crop: tuple[slice, slice]
    parts: dict[int, Part]
    inner: Inner


@dataclass(frozen=True)
class Band:
    """Rows of a feature map, those from number first on, as one process has them: (1, C, H, W)."""

    rows: Tensor
    first: int = 0

    def forgotten(self) -> 'Band':
        """Its size alone."""
        return Band(self.rows.detach().to('meta'), self.first)

    def piece(self, place: tuple[slice, slice]) -> Tensor:
        """Rows and columns, counted in the whole map: a view."""
        rows, columns = place
        return self.rows[..., rows.start - self.first : rows.stop - self.first, columns]


@dataclass
class Graph:
    """The way down of a tile: where the gradient of its features goes in, and of its crop out."""

    above: GradientEdge
    below: GradientEdge
    like: Tensor  # the features, on no device


class TiledEvaluation:
    """What LossNetwork.gradient and .start do, in tiles.

    layers: of a network without branches, losses and TV included.
    run: takes layers of it and features (1, C, H, W).
    size: (H, W) of the image.  ranks: the processes that share the tiles, if there are enough rows
    for all of them; else each does everything.  inner: whether the rows and columns of tiles inside
    of the image may get fewer from convolution to convolution.
    """

    def __init__(
        self,
        layers: Sequence[nn.Module],
        tiling: Tiling,
        run: Run,
        size: tuple[int, int],
        ranks: Ranks = ALONE,
        inner: Inner = (True, True),
    ):
        self.layers = layers
        self.inner = inner
        self.stages = tiling.stages
        self.most = tiling.most
        self.between = tiling.between
        self.takes = dict(zip(tiling.stages, tiling.takes, strict=False))
        self.run = run
        self.ranks = ranks
        self.graphs: dict[tuple[Stage, int], Graph] = {}  # of stage and number of the tile
        shares = [self._shares(stage, below) for stage, below in self._sized(size)]
        if not all(shares):
            self.ranks = ALONE
            shares = [self._shares(stage, below) for stage, below in self._sized(size)]
        # of every stage and process
        self.shares: dict[Stage, list[list[Tile]]] = dict(zip(self.stages, shares, strict=True))

    def forward(self, image: Tensor) -> None:
        """image: (3, H, W).  Gives the losses their values, or captures their targets."""
        features = Band(image.unsqueeze(0))
        for stage in self.stages:
            if self._goes_up(stage):
                features = self._up(stage, features)
            else:
                self.run(self._layers(stage), features.rows, Manner(quick=stage.quick))

    def gradient(self, image: Tensor) -> Tensor:
        """image: (3, H, W).  Returns the gradient, TV included, and leaves the losses' values."""
        self.device = image.device
        maps = [Band(image.detach().unsqueeze(0))]
        for stage in self.stages:
            if self._goes_up(stage):
                above = self._up(stage, maps[-1], graphs=stage.again is not None)
                self._normalize(stage, maps[-1])
                if stage.again == 0:
                    maps[-1] = maps[-1].forgotten()
                maps.append(above)
        gradient: Band | None = None
        for stage in reversed(self.stages):
            if self._goes_up(stage):
                maps.pop()  # the features above
                gradient = self._down(stage, maps[-1], gradient)
            else:
                gradient = Band(self._whole(stage, maps[-1].rows))
        assert gradient is not None
        total = gradient.rows
        self.ranks.add(total)
        for layer in self.layers:
            if isinstance(layer, TVLoss):
                layer.add_gradient(image.detach().unsqueeze(0), total)
        self._hold(self.between)  # what tiles leave free is in pieces
        return total[0]

    def _goes_up(self, stage: Stage) -> bool:
        """Whether a stage's losses are summed up before the way down: all but a last, whole one."""
        return stage is not self.stages[-1] or stage.side > 0 or self.ranks.size > 1

    def _layers(self, stage: Stage) -> list[nn.Module]:
        # TV is the image's own; added at the end.
        found = self.layers[stage.start : stage.stop]
        return [layer for layer in found if not isinstance(layer, TVLoss)]

    def _losses(self, stage: Stage) -> list[Loss]:
        found = [layer for layer in self._layers(stage) if isinstance(layer, Loss)]
        return [loss for loss in found if loss.mode != 'none']

    def _tiles(self, stage: Stage) -> list[Tile]:
        return self.shares[stage][self.ranks.rank]

    def _up(self, stage: Stage, features: Band, graphs: bool = False) -> Band:
        """The features above a stage, and the statistics of its losses.

        graphs: keep what the way down needs.
        """
        losses = self._losses(stage)
        modes = [loss.mode for loss in losses]
        for loss, mode in zip(losses, modes, strict=True):
            loss.mode = 'sum' if mode == 'loss' else mode
        forgetful = [layer for layer in self._again(stage) if isinstance(layer, Loss)]
        for loss in forgetful:
            loss.forgets = True
        above = self._sum(stage, features, graphs)
        for loss in forgetful:
            loss.forgets = False
        for loss, mode in zip(losses, modes, strict=True):
            loss.mode = mode
        if self.ranks.size > 1 and stage is not self.stages[-1]:
            self.ranks.spread(above.rows, above.first, self._own(stage), self._held(stage))
        return above

    def _normalize(self, stage: Stage, features: Band) -> None:
        """The norms that the gradients of a stage's losses are divided by."""
        losses = [loss for loss in self._losses(stage) if loss.normalize]
        if not losses:
            return
        others = [loss for loss in self._losses(stage) if loss not in losses]
        for loss in others:
            loss.mode = 'none'
        for loss in losses:
            loss.mode = 'norm'
        self._sum(stage, features)
        for loss in self._losses(stage) + others:
            loss.mode = 'loss'

    def _sum(self, stage: Stage, features: Band, graphs: bool = False) -> Band:
        """Run every tile: the losses add up, and their shares of the features above are joined."""
        layers, above = self._layers(stage), Band(torch.empty(0))
        losses = self._losses(stage)
        self._hold_for(stage)
        for number, tile in enumerate(self._tiles(stage)):
            _tell_losses(layers, tile)
            crop = _copied(features.piece(tile.crop))
            with torch.set_grad_enabled(graphs):
                if graphs:
                    crop = _Enter.apply(crop, torch.empty(0, requires_grad=True))
                    below = get_gradient_edge(crop)
                manner = Manner(frugal=graphs, inner=tile.inner, quick=stage.quick)
                found = self.run(layers, crop, manner)
            del crop
            if graphs:
                edge = get_gradient_edge(found)
                self.graphs[stage, number] = Graph(edge, below, found.detach().to('meta'))
            found = found.detach()
            if stage is not self.stages[-1]:
                part = tile.parts[len(layers) - 1]
                if not above.rows.numel():
                    above = self._band_above(stage, found, part.size[1])
                above.piece(part.place).copy_(piece(found, part.own))
            del found
            self._hold()
        for loss in losses:
            if loss.sum is not None:
                self.ranks.add(loss.sum)
            loss.settle()
        _forget_parts(layers)
        return above

    def _down(self, stage: Stage, features: Band, above: Band | None) -> Band:
        """The gradient of the features below a stage, from that of the features above."""
        layers = self._layers(stage)
        self._hold_for(stage)
        device = self.device
        rows = self._room(features.rows, features.rows.shape, device)
        total = Band(rows.zero_(), features.first)
        if above is not None and self.ranks.size > 1:
            self.ranks.collect(above.rows, above.first, self._own(stage), self._held(stage))
        for number, tile in enumerate(self._tiles(stage)):
            _tell_losses(layers, tile)
            if stage.again is None:
                crop = _copied(features.piece(tile.crop)).requires_grad_()
                found = self.run(layers, crop, Manner(inner=tile.inner, quick=stage.quick))
                graph = Graph(get_gradient_edge(found), get_gradient_edge(crop), found.detach())
                del found
            else:
                if stage.again:
                    self._recall(stage, _copied(features.piece(tile.crop)), tile.inner)
                graph = self.graphs.pop((stage, number))
            gradient = torch.zeros_like(graph.like, device=device)
            if above is not None:
                part = tile.parts[len(layers) - 1]
                piece(gradient, part.own).copy_(above.piece(part.place))
            (own,) = torch.autograd.grad([graph.above], [graph.below], [gradient])
            del graph, gradient
            total.piece(tile.crop).add_(own)
            del own
            self._hold()
        _forget_parts(layers)
        return total

    def _hold(self, more: float = 0) -> None:
        """Hold the memory to what was planned when so many bytes more are needed."""
        if math.isfinite(self.most) and (over := heap.used() + more - self.most) > 0:
            heap.trim(int(over + SLACK * self.most))

    def _hold_for(self, stage: Stage) -> None:
        """The same before the tiles of a stage, for which the heap may have to grow."""
        if stage in self.takes:
            self._hold(max(self.takes[stage] - heap.free(), 0))

    def _room(self, like: Tensor, shape: Sequence[int], device: torch.device) -> Tensor:
        """Memory for features (1, C, H, W) between stages, in the layout of others."""
        whole = arena()
        if whole is not None:
            self._hold(whole.lacks(math.prod(shape) * like.element_size()))
        return apart_like(like, shape, device)

    def _recall(self, stage: Stage, crop: Tensor, inner: Inner) -> None:
        """Tell the losses the features that they have not kept of a tile."""
        layers = self._again(stage)
        losses = [layer for layer in layers if isinstance(layer, Loss) and layer.mode != 'none']
        for loss in losses:
            loss.mode = 'recall'
        with torch.no_grad():
            self.run(layers, crop, Manner(inner=inner, quick=stage.quick))
        for loss in losses:
            loss.mode = 'loss'

    def _again(self, stage: Stage) -> list[nn.Module]:
        """The layers that are calculated again where bits are kept of the others."""
        return self._layers(stage)[: stage.again or 0]

    def _whole(self, stage: Stage, features: Tensor) -> Tensor:
        """The gradient of the features below the last stage, in one tile, losses and all."""
        # smaller tiles' memory is in pieces that this one cannot use
        self._hold(self.takes.get(stage, 0.0))
        features = features.requires_grad_()
        manner = Manner(frugal=stage.again is not None, quick=stage.quick)
        found = self.run(self._layers(stage), features, manner)
        return torch.autograd.grad(found, features, torch.zeros_like(found))[0]

    def _shares(self, stage: Stage, size: tuple[int, int]) -> list[list[Tile]]:
        """The tiles of every process, whole rows of them; none at all if there are too few rows."""
        if not self._goes_up(stage):
            return [[]] * self.ranks.size
        above = stage is not self.stages[-1]
        side = stage.side or max(size)
        found = tiles(self._layers(stage), size, side, above, self.ranks.size, self.inner)
        rows = [list(row) for _, row in groupby(found, lambda tile: tile.crop[0].indices(size[0]))]
        if found and len(rows) < self.ranks.size:
            return []
        bounds = [len(rows) * rank // self.ranks.size for rank in range(self.ranks.size + 1)]
        return [list(chain(*rows[a:b])) for a, b in pairwise(bounds)]

    def _sized(self, size: tuple[int, int]) -> Iterator[tuple[Stage, tuple[int, int]]]:
        """Every stage, and the (H, W) of its input."""
        for stage in self.stages:
            yield stage, size
            if stage is not self.stages[-1]:
                layers = self._layers(stage)
                height, width = (output_sizes(layers, k, size[k])[-1] for k in (0, 1))
                size = height, width

    def _own(self, stage: Stage) -> list[Rows]:
        """Which rows of the features above a stage each process works out."""
        number = len(self._layers(stage)) - 1
        shares = self.shares[stage]
        return [_covered(tile.parts[number].place[0] for tile in share) for share in shares]

    def _held(self, stage: Stage) -> list[Rows]:
        """Which rows of the features above a stage each process needs."""
        above = self.stages[self.stages.index(stage) + 1]
        return [_covered(tile.crop[0] for tile in share) for share in self.shares[above]]

    def _band_above(self, stage: Stage, like: Tensor, width: int) -> Band:
        """Room for the features above a stage."""
        rank = self.ranks.rank
        needed = self._own(stage)[rank], self._held(stage)[rank]
        first, last = _covered(slice(*rows) for rows in needed)
        rows = self._room(like, (1, like.shape[1], last - first, width), like.device)
        return Band(rows, first)


class _Enter(torch.autograd.Function):
    """Identity, from which the way down ends: the features themselves are not kept for it."""

    @staticmethod
    def forward(ctx, features, leaf):
        return features.view_as(features)

    @staticmethod
    def backward(ctx, gradient):
        return gradient, None


def _copied(crop: Tensor) -> Tensor:
    return crop.detach().clone(memory_format=torch.channels_last)


def _covered(slices: Iterable[slice]) -> Rows:
    """From the first to the last row of several."""
    found = [(rows.start, rows.stop) for rows in slices if rows.start < rows.stop]
    return (min(a for a, _ in found), max(b for _, b in found)) if found else (0, 0)


def _tell_losses(layers: Sequence[nn.Module], tile: Tile) -> None:
    """Which part of their layer they get."""
    for number, layer in enumerate(layers):
        if isinstance(layer, Loss):
            layer.part = tile.parts[number]


def _forget_parts(layers: Sequence[nn.Module]) -> None:
    for layer in layers:
        if isinstance(layer, Loss):
            layer.part = None


def tiles(
    layers: Sequence[nn.Module],
    size: Sequence[int],
    side: int,
    above: bool,
    least: int = 1,
    inner: Inner = (True, True),
) -> list[Tile]:
    """The tiles of a stage, row after row.

    size: (H, W) of its input.  side: of a tile, about, with its halo.  above: whether the
    features above the stage are wanted.  least: rows of tiles, if the size allows.  inner: whether
    the rows and columns of tiles inside of the image may get fewer by convolutions.
    """
    wanted = {number for number, layer in enumerate(layers) if isinstance(layer, Loss)}
    if above:
        wanted.add(len(layers) - 1)
    rows = _spans(layers, 0, size[0], side, wanted, inner[0], least)
    columns = _spans(layers, 1, size[1], side, wanted, inner[1])
    heights, widths = (output_sizes(layers, axis, size[axis])[1:] for axis in (0, 1))
    found = []
    for row, column in product(rows, columns):
        parts = {
            number: Part(
                (row.parts[number][0], column.parts[number][0]),
                (row.parts[number][1], column.parts[number][1]),
                (heights[number], widths[number]),
            )
            for number in wanted
        }
        found.append(Tile((row.crop, column.crop), parts, (row.inner, column.inner)))
    return found


@dataclass(frozen=True)
class _Span:
    """A tile on one axis: what of it each wanted layer counts, and where that lies in the whole."""

    crop: slice
    parts: dict[int, tuple[slice, slice]]
    inner: bool


def _spans(
    layers: Sequence[nn.Module],
    axis: int,
    size: int,
    side: int,
    wanted: set[int],
    inner: bool,
    least: int = 1,
) -> list[_Span]:
    """The tiles of one axis."""
    sizes = output_sizes(layers, axis, size)
    windows = [window(layer, axis) for layer in layers]
    strides = [1]
    for _, stride, _ in windows:
        strides.append(strides[-1] * stride)
    halo = sum(
        max(kernel - stride, 0) * below
        for (kernel, stride, _), below in zip(windows, strides, strict=False)
    )
    step = strides[-1] * max(1, (side - halo) // strides[-1])
    count = 1 if size <= side else math.ceil(size / step)
    units = math.ceil(size / strides[-1])
    if count < least:  # as many as may be, of equal sizes
        count = min(least, units)
        bounds = [units * number // count * strides[-1] for number in range(count + 1)]
    else:
        bounds = [step * number for number in range(count + 1)]
    grain = ALIGNMENT if least == 1 else 1  # strips are as wide as the image
    # what tiles inside of the image lose at their beginning, by layer
    rims = [
        padding * (inner and shrinks(layer))
        for layer, (_, _, padding) in zip(layers, windows, strict=True)
    ]
    spans = []
    for number in range(count):
        owned = {}
        for k in wanted:
            end = sizes[k + 1]
            begin = min(bounds[number] // strides[k + 1], end)
            if number < count - 1:
                end = min(bounds[number + 1] // strides[k + 1], end)
            owned[k] = (begin, end)
        need: tuple[int, int] | None = None
        inside = inner
        for k in reversed(range(len(layers))):
            if k in owned and owned[k][0] < owned[k][1]:
                need = owned[k] if need is None else _hull(need, owned[k])
            if need is not None:
                kernel, stride, padding = windows[k]
                first, last = need[0] * stride - padding, (need[1] - 1) * stride - padding
                inside = inside and first >= 0 and last + kernel <= sizes[k]
                need = (max(0, first), min(sizes[k], last + kernel))
        if need is None:
            continue
        start, stop = _start(need[0], strides, rims), need[1]
        inside = inside and start >= 0
        if not inside:
            start = need[0] // strides[-1] * strides[-1]
            stop = min(start + math.ceil((need[1] - start) / grain) * grain, size)
        offsets, parts = [start], {}
        for (_, stride, _), rim in zip(windows, rims, strict=True):
            offsets.append((offsets[-1] + rim * inside) // stride)
        for k, (begin, end) in owned.items():
            offset, end = offsets[k + 1], max(begin, end)
            parts[k] = (slice(max(begin - offset, 0), max(end - offset, 0)), slice(begin, end))
        spans.append(_Span(slice(start, stop), parts, inside))
    return spans


def _start(needed: int, strides: Sequence[int], rims: Sequence[int]) -> int:
    """Where a tile inside of the image begins, so that its windows fall as in the whole.

    needed: the first position that it needs.  Behind every convolution that loses a rim, the tile's
    first one is that much further on; before a layer of a stride it has to be a multiple of that.
    """
    shift, lost = 0, 0
    for (below, above), rim in zip(pairwise(strides), rims, strict=True):
        lost += rim * below
        if above > below:
            shift = lost
    return needed - (needed + shift) % strides[-1]


def shrinks(layer: nn.Module) -> bool:
    """Whether a layer's output gets smaller inside of the image."""
    return isinstance(layer, nn.Conv2d) and FixedConvolution.can_shrink(layer)


def _hull(a: tuple[int, int], b: tuple[int, int]) -> tuple[int, int]:
    return min(a[0], b[0]), max(a[1], b[1])


def cuts(layers: Sequence[nn.Module]) -> tuple[list[int], int]:
    """Where stages may begin: before the convolutions that take smaller features than the last cut.

    layers: of a loss network.  Returns their numbers, 0 the first of them, and the number of the
    first layer that tiles cannot go through, len(layers) if there is none.
    """
    local = next((k for k, layer in enumerate(layers) if not is_local(layer)), len(layers))
    found, stride = [0], 1
    for number, layer in enumerate(layers[:local]):
        if isinstance(layer, nn.Conv2d) and stride > 1:
            found.append(number)
            stride = 1
        stride *= max(window(layer, axis)[1] for axis in (0, 1))
    return found, local


def is_local(layer: nn.Module) -> bool:
    """Whether tiles can go through a layer: what it makes of a position depends on those near."""
    if isinstance(layer, nn.Conv2d):
        return layer.padding_mode == 'zeros' and not isinstance(layer.padding, str)
    if isinstance(layer, BatchNorm):
        return layer.mean is not None
    if isinstance(layer, Scale):
        return layer.axis == 1 and all(x.dim() == 1 for x in layer.parameters())
    return isinstance(layer, (nn.MaxPool2d, nn.AvgPool2d, Pooling, *POINTWISE))


def window(layer: Any, axis: int) -> tuple[int, int, int]:
    """Pixels that a local layer takes for one of its output, stride, and padding; axis 0: rows."""
    if isinstance(layer, POINTWISE):
        return 1, 1, 0
    if isinstance(layer, Pooling):
        return layer.kernel[axis], layer.stride[axis], layer.pad[axis]
    size, stride, padding = (
        value[axis] if isinstance(value, tuple) else value
        for value in (layer.kernel_size, layer.stride, layer.padding)
    )
    dilation = getattr(layer, 'dilation', 1)
    dilation = dilation[axis] if isinstance(dilation, tuple) else dilation
    return dilation * (size - 1) + 1, stride, padding


def output_sizes(layers: Sequence[nn.Module], axis: int, size: int) -> list[int]:
    """Pixels along an axis below the first of local layers, and above each of them."""
    sizes = [size]
    for layer in layers:
        kernel, stride, padding = window(layer, axis)
        if isinstance(layer, Pooling):
            size = len(layer.windows(axis, size)[2])
        else:
            up = bool(getattr(layer, 'ceil_mode', False))
            count = (size + 2 * padding - kernel + (stride - 1) * up) // stride + 1
            # no window begins beyond the features
            size = count - 1 if up and (count - 1) * stride >= size + padding else count
        sizes.append(size)
    return sizes
