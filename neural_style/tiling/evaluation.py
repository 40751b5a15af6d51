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
from itertools import chain, groupby, pairwise
from typing import Literal

import torch
from torch import Tensor, nn
from torch.autograd.graph import GradientEdge, get_gradient_edge

from neural_style.distributed import SINGLE_PROCESS, Rows, World
from neural_style.kernels.options import ExecutionOptions
from neural_style.losses.base import FeatureLoss
from neural_style.losses.features import crop
from neural_style.losses.passes import Evaluate, LossPass
from neural_style.memory import heap
from neural_style.memory.allocator import (
    LARGE_TENSOR_BYTES,
    allocator,
    large_empty,
    large_empty_like,
)
from neural_style.tiling.geometry import Interior, Tile, TilePart, output_sizes, tiles
from neural_style.tiling.passes import (
    AddGradients,
    KeepFeatures,
    SumNorms,
    SumStatistics,
    TilePass,
    Totals,
)

# Layers, features below, how, and what happens at losses: returns the features above.
Run = Callable[[Sequence[nn.Module], Tensor, ExecutionOptions, LossPass], Tensor]
# How much of a tile's forward pass its backward pass repeats.
Recompute = Literal['nothing', 'loss features', 'everything']


@dataclass(frozen=True)
class Stage:
    """Layers start to stop, without stop, of a loss network, its losses counted.

    side: of a tile with its halo, in pixels of the stage's input; 0 for one tile.
    recompute: 'nothing': bitmasks and the features of losses are saved for the backward pass.
    'loss features': bitmasks are saved, and the layers up to the last loss run again for the
    features.  'everything': nothing is saved, and the whole tile runs again.
    winograd: whether its convolutions may be Winograd's, whose kernels take memory.
    """

    start: int
    stop: int
    side: int = 0
    recompute: Recompute = 'everything'
    winograd: bool = True


@dataclass(frozen=True)
class Tiling:
    """The stages, from the image up.  They fit images of any size.

    most: bytes that the process should not come to need: beyond, memory that lies free in it goes
    back to the system.  takes: bytes of the heap that a tile of each stage takes, about.
    """

    stages: tuple[Stage, ...]
    most: float = math.inf
    takes: tuple[float, ...] = ()


@dataclass(frozen=True)
class RowBand:
    """Rows of a feature map, those from number first on, as one process has them: (1, C, H, W).

    room: their memory, with some more rows before them, so that their gradient can take their place
    while tiles still need some of them; None for none.
    """

    rows: Tensor
    first: int = 0
    room: Tensor | None = None

    def without_data(self) -> 'RowBand':
        """Its size alone."""
        return RowBand(self.rows.detach().to('meta'), self.first)

    def piece(self, place: tuple[slice, slice]) -> Tensor:
        """Rows and columns, counted in the whole map: a view."""
        rows, columns = place
        return self.rows[..., rows.start - self.first : rows.stop - self.first, columns]


@dataclass
class Sum:
    """A gradient that is added up from those of tiles, row after row of them.

    band: its memory, whatever is in it: nothing is touched right of the tile that is added.
    """

    band: RowBand
    rows: Rows = (0, 0)  # of the last tile
    begun: int = 0  # rows that the rows of tiles before the last had part of
    cleared: int = 0  # columns of those that the last one began

    def add(self, gradient: Tensor, crop: tuple[slice, slice]) -> None:
        rows, columns = crop
        if (rows.start, rows.stop) != self.rows:
            self._next((rows.start, rows.stop))
        self._clear(columns.stop)
        self.band.piece(crop).add_(gradient)

    def whole(self) -> RowBand:
        end = self.band.first + self.band.rows.shape[2]
        self._next((end, end))
        self._clear(self.band.rows.shape[3])
        return self.band

    def _next(self, rows: Rows) -> None:
        """Begin a row of tiles."""
        self._clear(self.band.rows.shape[3])
        self.begun = max(self.begun, self.rows[1])
        self.rows, self.cleared = rows, 0

    def _clear(self, columns: int) -> None:
        if self.cleared < columns:
            own = slice(max(self.begun, self.band.first), max(self.rows[1], self.band.first))
            if own.start < own.stop:
                self.band.piece((own, slice(self.cleared, columns))).zero_()
            self.cleared = columns


@dataclass
class Graph:
    """The way down of a tile: where the gradient of its features goes in, and of its crop out."""

    above: GradientEdge
    below: GradientEdge
    like: Tensor  # the features, on no device


class TiledEvaluation:
    """What LossNetwork.gradient and .forward_only do, in tiles.

    layers: of a network without branches, losses included.
    run: takes layers of it and features (1, C, H, W).
    size, device: (H, W) of the image, and where it is.  world: the processes that share the tiles,
    if there are enough rows for all of them; else each does everything.  inner: whether the rows
    and columns of tiles inside of the image may get fewer from convolution to convolution.
    """

    def __init__(
        self,
        layers: Sequence[nn.Module],
        tiling: Tiling,
        run: Run,
        size: tuple[int, int],
        device: torch.device,
        world: World = SINGLE_PROCESS,
        inner: Interior = (True, True),
    ):
        self.layers = layers
        self.device = device
        self.inner = inner
        self.stages = tiling.stages
        self.most = tiling.most
        self.takes = dict(zip(tiling.stages, tiling.takes, strict=False))
        self.run = run
        self.world = world
        self.graphs: dict[tuple[Stage, int], Graph] = {}  # of stage and number of the tile
        shares = [self._shares(stage, below) for stage, below in self._sized(size)]
        if not all(shares):
            self.world = SINGLE_PROCESS
            shares = [self._shares(stage, below) for stage, below in self._sized(size)]
        # of every stage and process
        self.shares: dict[Stage, list[list[Tile]]] = dict(zip(self.stages, shares, strict=True))

    def forward(self, image: Tensor, tile_pass: TilePass, whole_pass: LossPass) -> None:
        """Run a pass over the tiles of an image (3, H, W).

        whole_pass: the same pass for the last stage, where that is one tile.
        """
        features = RowBand(image.unsqueeze(0))
        for stage in self.stages:
            if self._goes_up(stage):
                features = self._up(stage, features, tile_pass)
            else:
                self.run(self._layers(stage), features.rows, _options(stage), whole_pass)

    def gradient(self, image: Tensor, evaluate: Evaluate) -> Tensor:
        """Return the gradient of the losses with respect to an image (3, H, W); set their values.

        evaluate: the pass of a last stage that is one tile.
        """
        totals = Totals(evaluate.scale)
        statistics = SumStatistics(totals)
        maps = [RowBand(image.detach().unsqueeze(0))]
        for stage in self.stages:
            if self._goes_up(stage):
                losses = [x for x in self._recomputed(stage) if isinstance(x, FeatureLoss)]
                statistics.recomputed = losses
                graphs = stage.recompute != 'everything'
                above = self._up(stage, maps[-1], statistics, graphs)
                self._normalize(stage, maps[-1], totals)
                if stage.recompute == 'nothing':
                    maps[-1] = maps[-1].without_data()
                maps.append(above)
                del above
        gradient: RowBand | None = None
        for stage in reversed(self.stages):
            if self._goes_up(stage):
                maps.pop()  # the features above
                gradient = self._down(stage, maps[-1], gradient, totals)
            else:
                gradient = RowBand(self._whole(stage, maps[-1].rows, evaluate))
        assert gradient is not None
        total = gradient.rows
        self.world.all_reduce(total)
        return total[0]

    def _goes_up(self, stage: Stage) -> bool:
        """Whether a stage's losses are summed up before the way down: all but a last, whole one."""
        return stage is not self.stages[-1] or stage.side > 0 or self.world.size > 1

    def _layers(self, stage: Stage) -> list[nn.Module]:
        return list(self.layers[stage.start : stage.stop])

    def _tiles(self, stage: Stage) -> list[Tile]:
        return self.shares[stage][self.world.rank]

    def _up(
        self, stage: Stage, features: RowBand, losses: TilePass, graphs: bool = False
    ) -> RowBand:
        """Run a pass over the tiles of a stage; returns the features above it.

        graphs: keep what the way down needs.
        """
        above = self._sum(stage, features, losses, graphs)
        if self.world.size > 1 and stage is not self.stages[-1]:
            self.world.exchange_halos(above.rows, above.first, self._own(stage), self._held(stage))
        return above

    def _normalize(self, stage: Stage, features: RowBand, totals: Totals) -> None:
        """The norms that the gradients of a stage's losses are divided by."""
        losses = (layer for layer in self._layers(stage) if isinstance(layer, FeatureLoss))
        if any(loss.normalize and loss.has_target for loss in losses):
            self._sum(stage, features, SumNorms(totals))

    def _sum(
        self, stage: Stage, features: RowBand, losses: TilePass, graphs: bool = False
    ) -> RowBand:
        """Run every tile: the losses add up, and their shares of the features above are joined."""
        layers, above = self._layers(stage), RowBand(torch.empty(0))
        self._hold_for(stage)
        for number, tile in enumerate(self._tiles(stage)):
            losses.parts = _parts(layers, tile)
            below_tile = _copied(features.piece(tile.crop))
            with torch.set_grad_enabled(graphs):
                if graphs:
                    below_tile = _GraphRoot.apply(below_tile, torch.empty(0, requires_grad=True))
                    below = get_gradient_edge(below_tile)
                options = _options(stage, tile.inner, save_bitmasks=graphs)
                found = self.run(layers, below_tile, options, losses)
            del below_tile
            if graphs:
                edge = get_gradient_edge(found)
                self.graphs[stage, number] = Graph(edge, below, found.detach().to('meta'))
            found = found.detach()
            if stage is not self.stages[-1]:
                part = tile.parts[len(layers) - 1]
                if not above.rows.numel():
                    above = self._band_above(stage, found, part.region.size[1])
                above.piece(part.region.position).copy_(crop(found, part.interior))
            del found
            self._hold()
        losses.finish_stage(self.world)
        return above

    def _down(
        self, stage: Stage, features: RowBand, above: RowBand | None, totals: Totals
    ) -> RowBand:
        """The gradient of the features below a stage, from that of the features above."""
        layers = self._layers(stage)
        self._hold_for(stage)
        if features.room is None:
            room = self._room(features.rows, features.rows.shape)
        else:
            room = features.room[:, :, : features.rows.shape[2]]
        total = Sum(RowBand(room, features.first))
        if above is not None and self.world.size > 1:
            self.world.reduce_halos(above.rows, above.first, self._own(stage), self._held(stage))
        share = self._tiles(stage)
        crops = [self._crop(stage, features, tile) for tile in share[:1]]
        for number, tile in enumerate(share):
            graph = self._graph(stage, number, tile, crops.pop(), totals)
            gradient = large_empty_like(graph.like, graph.like.shape, self.device).zero_()
            if above is not None:
                part = tile.parts[len(layers) - 1]
                crop(gradient, part.interior).copy_(above.piece(part.region.position))
            (own,) = torch.autograd.grad([graph.above], [graph.below], [gradient])
            del graph, gradient
            if number + 1 < len(share):  # before the gradient takes their place
                crops.append(self._crop(stage, features, share[number + 1]))
            total.add(own, tile.crop)
            del own
            self._hold()
        return total.whole()

    def _crop(self, stage: Stage, features: RowBand, tile: Tile) -> Tensor:
        """What a tile gets, if the way down needs it."""
        if stage.recompute == 'nothing':
            return torch.empty(0)
        return _copied(features.piece(tile.crop))

    def _graph(
        self, stage: Stage, number: int, tile: Tile, features: Tensor, totals: Totals
    ) -> Graph:
        """The way down of a tile, whose losses know their features."""
        if stage.recompute == 'everything':
            losses = AddGradients(totals)
            losses.parts = _parts(self._layers(stage), tile)
            options = _options(stage, tile.inner)
            found = self.run(self._layers(stage), features.requires_grad_(), options, losses)
            return Graph(get_gradient_edge(found), get_gradient_edge(features), found.detach())
        if stage.recompute == 'loss features':
            with torch.no_grad():
                options = _options(stage, tile.inner)
                self.run(self._recomputed(stage), features, options, KeepFeatures(totals))
        return self.graphs.pop((stage, number))

    def _hold(self, more: float = 0) -> None:
        """Hold the memory to what was planned when so many bytes more are needed."""
        heap.limit_resident(self.most, more)

    def _hold_for(self, stage: Stage) -> None:
        """The same before the tiles of a stage: fragmented, the heap may have to grow for them."""
        self._hold(self.takes.get(stage, 0.0))

    def _room(self, like: Tensor, shape: Sequence[int]) -> Tensor:
        """Memory for features (1, C, H, W) between stages, in the layout of others."""
        whole = allocator()
        if whole is not None:
            self._hold(whole.bytes_to_map(math.prod(shape) * like.element_size()))
        return large_empty_like(like, shape, self.device)

    def _recomputed(self, stage: Stage) -> list[nn.Module]:
        """The layers up to the last loss, if they run again for the features of losses."""
        if stage.recompute != 'loss features':
            return []
        layers = self._layers(stage)
        losses = (k for k, layer in enumerate(layers, 1) if isinstance(layer, FeatureLoss))
        return layers[: max(losses, default=0)]

    def _whole(self, stage: Stage, features: Tensor, evaluate: Evaluate) -> Tensor:
        """The gradient of the features below the last stage, in one tile, losses and all."""
        self._hold_for(stage)
        features = features.requires_grad_()
        options = _options(stage, save_bitmasks=stage.recompute != 'everything')
        found = self.run(self._layers(stage), features, options, evaluate)
        above = large_empty_like(found, found.shape, self.device).zero_()
        return torch.autograd.grad(found, features, above)[0]

    def _shares(self, stage: Stage, size: tuple[int, int]) -> list[list[Tile]]:
        """The tiles of every process, whole rows of them; none at all if there are too few rows."""
        if not self._goes_up(stage):
            return [[]] * self.world.size
        above = stage is not self.stages[-1]
        side = stage.side or max(size)
        found = tiles(self._layers(stage), size, side, above, self.world.size, self.inner)
        rows = [list(row) for _, row in groupby(found, lambda tile: tile.crop[0].indices(size[0]))]
        if found and len(rows) < self.world.size:
            return []
        bounds = [len(rows) * rank // self.world.size for rank in range(self.world.size + 1)]
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
        return [
            _covered(tile.parts[number].region.position[0] for tile in share) for share in shares
        ]

    def _held(self, stage: Stage) -> list[Rows]:
        """Which rows of the features above a stage each process needs."""
        above = self.stages[self.stages.index(stage) + 1]
        return [_covered(tile.crop[0] for tile in share) for share in self.shares[above]]

    def _band_above(self, stage: Stage, like: Tensor, width: int) -> RowBand:
        """Room for the features above a stage."""
        rank = self.world.rank
        needed = self._own(stage)[rank], self._held(stage)[rank]
        first, last = _covered(slice(*rows) for rows in needed)
        following = self.stages[self.stages.index(stage) + 1]
        spare = self._spare(following)
        room = self._room(like, (1, like.shape[1], spare + last - first, width))
        return RowBand(
            room[:, :, spare:], first, None if following.recompute == 'nothing' else room
        )

    def _spare(self, stage: Stage) -> int:
        """Rows before the features below a stage that their gradient takes.

        As a tile's gradient is added, the crop of the next tile has been copied.
        """
        if stage.recompute == 'nothing':
            return 0  # the features are given up first
        share = self._tiles(stage)
        rows, columns = (
            list(dict.fromkeys((tile.crop[axis].start, tile.crop[axis].stop) for tile in share))
            for axis in (0, 1)
        )
        if len(rows) * len(columns) < len(share) or _overlap(columns, 2) > 0:
            return max(stop - start for start, stop in rows)
        return _overlap(rows, 1)


def _overlap(spans: Sequence[Rows], large_empty: int) -> int:
    """Positions that spans have in common with those that come so many later, or still later."""
    found = (
        stop - min(start for start, _ in spans[number + large_empty :])
        for number, (_, stop) in enumerate(spans[:-large_empty])
    )
    return max([0, *found])


class _GraphRoot(torch.autograd.Function):
    """Identity, from which the way down ends: the features themselves are not kept for it."""

    @staticmethod
    def forward(ctx, features, leaf):
        return features.view_as(features)

    @staticmethod
    def backward(ctx, gradient):
        return gradient, None


def _options(
    stage: Stage, inner: Interior = (False, False), save_bitmasks: bool = False
) -> ExecutionOptions:
    """How the layers of a stage run."""
    return ExecutionOptions(
        save_bitmasks=save_bitmasks,
        interior=inner,
        winograd=stage.winograd,
        large_output_bytes=LARGE_TENSOR_BYTES,
    )


def _copied(crop: Tensor) -> Tensor:
    copy = large_empty(crop.shape, crop.dtype, crop.device, torch.channels_last)
    return copy.copy_(crop.detach())


def _covered(slices: Iterable[slice]) -> Rows:
    """From the first to the last row of several."""
    found = [(rows.start, rows.stop) for rows in slices if rows.start < rows.stop]
    return (min(a for a, _ in found), max(b for _, b in found)) if found else (0, 0)


def _parts(layers: Sequence[nn.Module], tile: Tile) -> dict[FeatureLoss, TilePart]:
    """For every loss the part of its layer that a tile has."""
    losses = ((k, layer) for k, layer in enumerate(layers) if isinstance(layer, FeatureLoss))
    return {loss: tile.parts[k] for k, loss in losses}
