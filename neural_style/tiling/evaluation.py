"""A network evaluated in tiles: the same losses and gradient, in a fraction of the memory.

The layers are cut into stages.  The feature maps between stages are held whole; inside of a stage
features are computed tile by tile, each from a crop of the stage's input that has a halo: the
positions that the windows of the stage's layers reach beyond those that the tile owns.  The parts
of a layer that all tiles own are the layer, and only what is owned counts.

    forward   every tile adds its share to the statistics of the losses, and writes its part of the
              stage's output; stage after stage
    backward  once the statistics are those of whole layers, every tile takes its part of the
              gradient of the stage's output; the losses add their gradients, and what arrives at
              the crop is added to the gradient of the stage's input, where the halos of tiles
              overlap; from the last stage to the image

Nothing is approximated.  What a tile's backward pass needs is saved by its forward pass, with
bitmasks in the place of activations, or recomputed (Stage.recompute).  A last stage that is one
tile needs no statistics beforehand: its forward and backward pass are one.

Several processes take shards of rows of tiles.  Of the feature maps each holds the rows that its
tiles need; halos are exchanged after a stage's forward pass, and their gradients reduced before its
backward pass.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.autograd.graph import GradientEdge, get_gradient_edge

from neural_style.distributed import SINGLE_PROCESS, Rows, World
from neural_style.kernels.options import ExecutionOptions
from neural_style.losses.base import FeatureLoss
from neural_style.losses.features import crop
from neural_style.losses.passes import Evaluate, LossPass
from neural_style.memory.allocator import LARGE_TENSOR_BYTES
from neural_style.tiling.bands import GradientAccumulator, RowBand
from neural_style.tiling.geometry import Tile, TilePart, Windows
from neural_style.tiling.memory import TilingMemory, copy
from neural_style.tiling.passes import (
    AddGradients,
    KeepFeatures,
    SumNorms,
    SumStatistics,
    TilePass,
    Totals,
)
from neural_style.tiling.stages import Stage, StageTiles, Tiling, lay_out, row_bounds

# Layers, their input, how they run, and what happens at losses: returns the output.
Run = Callable[[Sequence[nn.Module], Tensor, ExecutionOptions, LossPass], Tensor]


@dataclass
class TileGraph:
    """The autograd graph of a tile: from the gradient of its output to that of its crop."""

    output: GradientEdge
    input: GradientEdge
    like: Tensor  # the output, on no device


class TiledEvaluation:
    """Runs passes over the tiles of an image.

    layers: of a network without branches, losses included.  windows: of each; None for those that
        no tile can go through.
    run: runs layers on features (1, C, H, W).
    size, device: (H, W) of the image, and where it is.
    world: the processes that share the tiles, if there are enough rows for all of them; else each
        does everything.
    loses_margins: whether the rows and columns of tiles inside of the image may get fewer from
        convolution to convolution.
    """

    def __init__(
        self,
        layers: Sequence[nn.Module],
        windows: Sequence[Windows | None],
        tiling: Tiling,
        run: Run,
        size: tuple[int, int],
        device: torch.device,
        world: World = SINGLE_PROCESS,
        loses_margins: tuple[bool, bool] = (True, True),
    ):
        stages = lay_out(tiling, layers, windows, size, world.size, loses_margins)
        if stages is None:
            world = SINGLE_PROCESS
            stages = lay_out(tiling, layers, windows, size, world.size, loses_margins)
        assert stages is not None
        self.stages = stages
        self.world = world
        self._run = run
        self._memory = TilingMemory(tiling, device)
        self._graphs: dict[tuple[Stage, int], TileGraph] = {}  # by stage and index of the tile

    def forward(self, image: Tensor, tile_pass: TilePass, whole_pass: LossPass) -> None:
        """Run a forward pass over an image (3, H, W).

        whole_pass: what happens at losses in a last stage of one tile.
        """
        features = RowBand(image.unsqueeze(0))
        for number, tiles in enumerate(self.stages):
            if tiles.is_single_pass:
                self._run(tiles.layers, features.rows, _options(tiles.stage), whole_pass)
            else:
                features = self._forward(number, features, tile_pass)

    def gradient(self, image: Tensor, evaluate: Evaluate) -> Tensor:
        """Return the gradient of the losses with respect to an image (3, H, W); set their values.

        evaluate: what happens at losses in a last stage of one tile.
        """
        totals = Totals(evaluate.scale)
        inputs = [RowBand(image.detach().unsqueeze(0))]  # of the stages
        for number, tiles in enumerate(self.stages):
            if not tiles.is_single_pass:
                inputs.append(self._forward_with_statistics(number, inputs[-1], totals))
                if tiles.stage.recompute == 'nothing':
                    inputs[-2] = inputs[-2].without_data()
        gradient: RowBand | None = None
        for number, tiles in reversed([*enumerate(self.stages)]):
            if tiles.is_single_pass:
                gradient = RowBand(self._single_pass(tiles, inputs[-1].rows, evaluate))
            else:
                inputs.pop()  # the stage's output
                gradient = self._backward(number, inputs[-1], gradient, totals)
        assert gradient is not None
        return self.world.all_reduce(gradient.rows)[0]

    def _forward_with_statistics(self, number: int, features: RowBand, totals: Totals) -> RowBand:
        """Run the forward pass of a stage that a backward pass follows; returns its output."""
        tiles = self.stages[number]
        recomputes_features = tiles.stage.recompute == 'loss features'
        statistics = SumStatistics(totals, tiles.losses if recomputes_features else ())
        saves_graphs = tiles.stage.recompute != 'everything'
        output = self._forward(number, features, statistics, saves_graphs)
        if any(loss.normalize and loss.has_target for loss in tiles.losses):
            self._forward_tiles(number, features, SumNorms(totals))
        return output

    def _forward(
        self, number: int, features: RowBand, losses: TilePass, saves_graphs: bool = False
    ) -> RowBand:
        """Run the forward pass of a stage; returns its output, with the halos of other processes.

        saves_graphs: for the backward pass.
        """
        output = self._forward_tiles(number, features, losses, saves_graphs)
        if self.world.size > 1 and number + 1 < len(self.stages):
            self.world.exchange_halos(output.rows, output.first, *self._rows_after(number))
        return output

    def _forward_tiles(
        self, number: int, features: RowBand, losses: TilePass, saves_graphs: bool = False
    ) -> RowBand:
        """Run the forward pass of every tile; returns what this process computes of the output."""
        tiles, output = self.stages[number], RowBand(torch.empty(0))
        self._memory.prepare(tiles.stage)
        for index, tile in enumerate(tiles.shards[self.world.rank]):
            losses.parts = _parts(tiles, tile)
            tile_input = copy(features.crop(tile.crop))
            options = _options(tiles.stage, tile.is_interior, save_bitmasks=saves_graphs)
            with torch.set_grad_enabled(saves_graphs):
                if saves_graphs:
                    tile_input = _GraphRoot.apply(tile_input, torch.empty(0, requires_grad=True))
                    input_edge = get_gradient_edge(tile_input)
                tile_output = self._run(tiles.layers, tile_input, options, losses)
            del tile_input
            if saves_graphs:
                output_edge, like = get_gradient_edge(tile_output), tile_output.detach().to('meta')
                self._graphs[tiles.stage, index] = TileGraph(output_edge, input_edge, like)
            tile_output = tile_output.detach()
            if number + 1 < len(self.stages):
                part = tile.parts[len(tiles.layers) - 1]
                if not output.rows.numel():
                    output = self._new_output(number, tile_output, part.region.size[1])
                output.crop(part.region.position).copy_(crop(tile_output, part.interior))
            del tile_output
            self._memory.limit()
        losses.finish_stage(self.world)
        return output

    def _backward(
        self, number: int, features: RowBand, output_gradient: RowBand | None, totals: Totals
    ) -> RowBand:
        """Run the backward pass of a stage; returns the gradient of its input.

        output_gradient: of the stage's output; None for the last stage.
        """
        tiles = self.stages[number]
        self._memory.prepare(tiles.stage)
        band = features.in_place()
        if band is None:
            band = RowBand(
                self._memory.allocate(features.rows, features.rows.shape), features.first
            )
        total = GradientAccumulator(band)
        if output_gradient is not None and self.world.size > 1:
            rows, first = output_gradient.rows, output_gradient.first
            self.world.reduce_halos(rows, first, *self._rows_after(number))
        shard = tiles.shards[self.world.rank]
        crops = [_saved_crop(tiles.stage, features, tile) for tile in shard[:1]]
        for index, tile in enumerate(shard):
            graph = self._graph(tiles, index, tile, crops.pop(), totals)
            gradient = self._memory.zeros(graph.like)
            if output_gradient is not None:
                part = tile.parts[len(tiles.layers) - 1]
                interior = crop(gradient, part.interior)
                interior.copy_(output_gradient.crop(part.region.position))
            (crop_gradient,) = torch.autograd.grad([graph.output], [graph.input], [gradient])
            del graph, gradient
            if index + 1 < len(shard):  # before the gradient takes their place
                crops.append(_saved_crop(tiles.stage, features, shard[index + 1]))
            total.add(crop_gradient, tile.crop)
            del crop_gradient
            self._memory.limit()
        return total.finish()

    def _graph(
        self, tiles: StageTiles, index: int, tile: Tile, tile_input: Tensor, totals: Totals
    ) -> TileGraph:
        """Return the graph of a tile, after recomputing what is not saved."""
        options = _options(tiles.stage, tile.is_interior)
        if tiles.stage.recompute == 'everything':
            losses = AddGradients(totals)
            losses.parts = _parts(tiles, tile)
            output = self._run(tiles.layers, tile_input.requires_grad_(), options, losses)
            edges = get_gradient_edge(output), get_gradient_edge(tile_input)
            return TileGraph(*edges, output.detach())
        if tiles.stage.recompute == 'loss features':
            with torch.no_grad():
                self._run(tiles.layers_for_losses, tile_input, options, KeepFeatures(totals))
        return self._graphs.pop((tiles.stage, index))

    def _single_pass(self, tiles: StageTiles, features: Tensor, evaluate: Evaluate) -> Tensor:
        """Return the gradient of the input of a last stage that is one tile, losses and all."""
        self._memory.prepare(tiles.stage)
        features = features.requires_grad_()
        options = _options(tiles.stage, save_bitmasks=tiles.stage.recompute != 'everything')
        output = self._run(tiles.layers, features, options, evaluate)
        gradient = self._memory.zeros(output)
        return torch.autograd.grad(output, features, gradient)[0]

    def _new_output(self, number: int, like: Tensor, width: int) -> RowBand:
        """Allocate the rows of a stage's output that this process needs."""
        rank, following = self.world.rank, self.stages[number + 1]
        first, end = row_bounds(slice(*rows[rank]) for rows in self._rows_after(number))
        is_kept = following.stage.recompute != 'nothing'
        lead = following.gradient_lead(rank) if is_kept else 0
        buffer = self._memory.allocate(like, (1, like.shape[1], lead + end - first, width))
        return RowBand(buffer[:, :, lead:], first, buffer if is_kept else None)

    def _rows_after(self, number: int) -> tuple[list[Rows], list[Rows]]:
        """Return the rows of a stage's output that each process computes, and that it needs."""
        return self.stages[number].output_rows(), self.stages[number + 1].input_rows()


class _GraphRoot(torch.autograd.Function):
    """Identity where a backward pass ends: the features themselves are not saved for it."""

    @staticmethod
    def forward(ctx, features, leaf):
        return features.view_as(features)

    @staticmethod
    def backward(ctx, gradient):
        return gradient, None


def _options(
    stage: Stage, is_interior: tuple[bool, bool] = (False, False), save_bitmasks: bool = False
) -> ExecutionOptions:
    """Choose how the layers of a stage run."""
    return ExecutionOptions(
        save_bitmasks=save_bitmasks,
        interior=is_interior,
        winograd=stage.winograd,
        large_output_bytes=LARGE_TENSOR_BYTES,
    )


def _saved_crop(stage: Stage, features: RowBand, tile: Tile) -> Tensor:
    """Copy the input of a tile, if its backward pass needs it."""
    if stage.recompute == 'nothing':
        return torch.empty(0)
    return copy(features.crop(tile.crop))


def _parts(tiles: StageTiles, tile: Tile) -> dict[FeatureLoss, TilePart]:
    """Find for every loss the part of its layer that a tile has."""
    losses = ((k, layer) for k, layer in enumerate(tiles.layers) if isinstance(layer, FeatureLoss))
    return {loss: tile.parts[k] for k, loss in losses}
