"""The stages that an evaluation in tiles goes through, and the tiles of each process."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, groupby, pairwise
from typing import Literal

from torch import nn

from neural_style.distributed import Rows
from neural_style.losses.base import FeatureLoss
from neural_style.tiling.geometry import Tile, Windows, output_sizes, tiles

# How much of a tile's forward pass its backward pass repeats.
Recompute = Literal['nothing', 'loss features', 'everything']


@dataclass(frozen=True)
class Stage:
    """Covers the layers start to stop of a loss network, losses included.

    stop: excluded.  side: of a tile with its halo, in pixels of the stage's input; 0 for one tile.
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
    """Cuts a network into stages, from the image on, for images of any size.

    memory_limit: bytes that the process should not exceed: beyond, free memory is returned to the
        OS.  heap_bytes: the approximate heap use of a tile, by stage.
    """

    stages: tuple[Stage, ...]
    memory_limit: float = math.inf
    heap_bytes: tuple[float, ...] = ()


@dataclass(frozen=True)
class StageTiles:
    """Holds the tiles of a stage.

    shards: the tiles of each process.
    is_single_pass: whether forward and backward pass are one, without tiles: the last stage, if it
        is a single tile.
    """

    stage: Stage
    layers: list[nn.Module]
    shards: list[list[Tile]]
    is_single_pass: bool = False

    @property
    def losses(self) -> list[FeatureLoss]:
        return [layer for layer in self.layers if isinstance(layer, FeatureLoss)]

    @property
    def layers_for_losses(self) -> list[nn.Module]:
        """The layers up to the last loss."""
        losses = (
            index for index, layer in enumerate(self.layers) if isinstance(layer, FeatureLoss)
        )
        return self.layers[: max(losses, default=-1) + 1]

    def output_rows(self) -> list[Rows]:
        """Return the rows of the stage's output that each process computes."""
        last = len(self.layers) - 1
        return [
            row_bounds(tile.parts[last].region.position[0] for tile in shard)
            for shard in self.shards
        ]

    def input_rows(self) -> list[Rows]:
        """Return the rows of the stage's input that each process needs."""
        return [row_bounds(tile.crop[0] for tile in shard) for shard in self.shards]

    def gradient_lead(self, rank: int) -> int:
        """Count the rows by which the gradient of the input has to precede it in memory.

        When the gradient of a tile is added in the place of features, the crop of the next tile has
        been copied; later tiles still need theirs.
        """
        shard = self.shards[rank]
        rows, columns = (
            list(dict.fromkeys((tile.crop[axis].start, tile.crop[axis].stop) for tile in shard))
            for axis in (0, 1)
        )
        if len(rows) * len(columns) < len(shard) or _overlap(columns, 2) > 0:
            return max(stop - start for start, stop in rows)
        return _overlap(rows, 1)


def lay_out(
    tiling: Tiling,
    layers: Sequence[nn.Module],
    windows: Sequence[Windows | None],
    size: tuple[int, int],
    processes: int,
    loses_margins: tuple[bool, bool],
) -> list[StageTiles] | None:
    """Lay out the tiles of all stages for an image (H, W).

    windows: of the layers; None for those that no tile can go through.
    loses_margins: of tiles() in geometry.
    Processes share the rows of tiles equally; returns None if there are fewer rows than processes.
    """
    result = []
    for stage in tiling.stages:
        is_last = stage is tiling.stages[-1]
        part = list(layers[stage.start : stage.stop])
        if is_last and stage.side == 0 and processes == 1:
            result.append(StageTiles(stage, part, [[]], is_single_pass=True))
            break
        part_windows = [window for window in windows[stage.start : stage.stop] if window]
        assert len(part_windows) == len(part), 'a layer that no tile can go through'
        counted = {k for k, layer in enumerate(part) if isinstance(layer, FeatureLoss)}
        if not is_last:
            counted.add(len(part) - 1)
        side = stage.side or max(size)
        stage_tiles = tiles(part_windows, size, side, counted, processes, loses_margins)
        shards = _shard(stage_tiles, processes)
        if shards is None:
            return None
        result.append(StageTiles(stage, part, shards))
        height, width = (
            output_sizes([pair[axis] for pair in part_windows], size[axis])[-1] for axis in (0, 1)
        )
        size = height, width
    return result


def _shard(stage_tiles: Sequence[Tile], processes: int) -> list[list[Tile]] | None:
    """Share rows of tiles among processes; return None if there are fewer rows than processes."""
    rows = [list(row) for _, row in groupby(stage_tiles, lambda tile: row_bounds([tile.crop[0]]))]
    if rows and len(rows) < processes:
        return None
    bounds = [len(rows) * rank // processes for rank in range(processes + 1)]
    return [list(chain(*rows[start:stop])) for start, stop in pairwise(bounds)]


def row_bounds(slices: Iterable[slice]) -> Rows:
    """Return the first and the last position of several slices."""
    spans = [(part.start, part.stop) for part in slices if part.start < part.stop]
    return (min(a for a, _ in spans), max(b for _, b in spans)) if spans else (0, 0)


def _overlap(spans: Sequence[Rows], distance: int) -> int:
    """Count the positions that spans share with those that come at least `distance` later."""
    shared = (
        stop - min(start for start, _ in spans[number + distance :])
        for number, (_, stop) in enumerate(spans[:-distance])
    )
    return max([0, *shared])
