"""The tiles of a stage: windows of layers, halos, and what a tile owns of each layer.

Along an axis a layer sees a window of its input for every position of its output.  A tile owns some
positions of every layer.  Its crop of the stage's input has, from layer to layer down, the
positions that the windows of those reach: what is not owned is halo.
"""

import math
import operator
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise, product

from neural_style.losses.base import Region
from neural_style.losses.features import Area

# Crops whose convolutions keep their size are multiples of it, for bfloat16.
ALIGNMENT = 32

Interval = tuple[int, int]  # positions along an axis, the second excluded


def _unchanged(size: int) -> int:
    return size


@dataclass(frozen=True)
class Window:
    """Says what a layer sees of its input along an axis for one position of its output.

    size: positions.  stride: from one window to the next.  padding: before the first position.
    loses_padding: tiles inside of the image are not padded, and lose a margin.
    output_size: positions of the output, for those of the input.
    """

    size: int = 1
    stride: int = 1
    padding: int = 0
    loses_padding: bool = False
    output_size: Callable[[int], int] = _unchanged


Windows = tuple[Window, Window]  # along rows and columns


@dataclass(frozen=True)
class TilePart:
    """Says what a tile has of a layer.

    interior: rows and columns of its features that count; around them is halo.
    region: where those are in the layer.
    """

    interior: Area
    region: Region


@dataclass(frozen=True)
class Tile:
    """A tile of a stage.

    crop: rows and columns of the stage's input.  parts: by the index of a layer, of its output.
    is_interior: for rows and columns, whether it is inside of the image and loses margins.
    """

    crop: Area
    parts: dict[int, TilePart]
    is_interior: tuple[bool, bool]


def tiles(
    layers: Sequence[Windows],
    size: tuple[int, int],
    side: int,
    counted: Collection[int],
    min_rows: int = 1,
    loses_margins: tuple[bool, bool] = (True, True),
) -> list[Tile]:
    """Lay tiles out over a stage, row after row.

    layers: the windows of each.  size: (H, W) of the stage's input.
    side: of a tile, about, with its halo.  min_rows: of tiles, if the size allows.
    counted: indices of the layers of whose output tiles own parts.
    loses_margins: whether the rows and columns of tiles inside of the image may get fewer from
        layer to layer.
    """
    rows, columns = (
        _Axis([windows[axis] for windows in layers], size[axis], loses_margins[axis])
        for axis in (0, 1)
    )
    row_tiles, column_tiles = rows.tiles(side, counted, min_rows), columns.tiles(side, counted)
    return [
        Tile(
            (row.crop, column.crop),
            {
                index: TilePart(
                    (row.interior[index], column.interior[index]),
                    Region(
                        (row.position[index], column.position[index]),
                        (rows.sizes[index + 1], columns.sizes[index + 1]),
                    ),
                )
                for index in counted
            },
            (row.is_interior, column.is_interior),
        )
        for row, column in product(row_tiles, column_tiles)
    ]


@dataclass(frozen=True)
class _AxisTile:
    """A tile along one axis; by layer, the interior of its features and its position."""

    crop: slice
    interior: dict[int, slice]
    position: dict[int, slice]
    is_interior: bool


class _Axis:
    """One axis of a stage.

    sizes, strides: of the input and of each layer's output; strides in positions of the input.
    lost_margins: what a tile inside of the image loses at its beginning, by layer.
    """

    def __init__(self, windows: Sequence[Window], size: int, loses_margins: bool):
        self.windows = windows
        self.sizes = output_sizes(windows, size)
        self.strides = _strides(windows)
        self.loses_margins = loses_margins
        self.lost_margins = [
            window.padding * (loses_margins and window.loses_padding) for window in windows
        ]

    def tiles(self, side: int, counted: Collection[int], min_count: int = 1) -> list[_AxisTile]:
        """Lay tiles out along the axis; leave out those that own nothing."""
        bounds = self._bounds(side, min_count)
        alignment = ALIGNMENT if min_count == 1 else 1  # strips are as wide as the image
        tiles = []
        for start, stop in pairwise(bounds):
            is_last = stop == bounds[-1]
            owned = {index: self._owned(index, start, stop, is_last) for index in counted}
            needed, is_interior = self._needed(owned)
            if needed is not None:
                tiles.append(self._tile(owned, needed, is_interior, alignment))
        return tiles

    def _bounds(self, side: int, min_count: int) -> list[int]:
        """Cut the input into what tiles own of it, at multiples of the largest stride."""
        stride, size = self.strides[-1], self.sizes[0]
        step = stride * max(1, (side - halo(self.windows)) // stride)
        count = 1 if size <= side else math.ceil(size / step)
        if count >= min_count:
            return [step * number for number in range(count + 1)]
        units = math.ceil(size / stride)
        count = min(min_count, units)  # of equal sizes
        return [units * number // count * stride for number in range(count + 1)]

    def _owned(self, index: int, start: int, stop: int, is_last: bool) -> Interval:
        """Turn what a tile owns of the input into what it owns of a layer's output."""
        size, stride = self.sizes[index + 1], self.strides[index + 1]
        begin = min(start // stride, size)
        return begin, size if is_last else min(stop // stride, size)

    def _needed(self, owned: dict[int, Interval]) -> tuple[Interval | None, bool]:
        """Follow windows down from what is owned to the input.

        Returns the positions that they reach, None if nothing is owned, and whether none of the
        windows reaches beyond the features.
        """
        needed: Interval | None = None
        is_interior = self.loses_margins
        for index in reversed(range(len(self.windows))):
            if index in owned and owned[index][0] < owned[index][1]:
                needed = owned[index] if needed is None else _union(needed, owned[index])
            if needed is not None:
                window = self.windows[index]
                first = needed[0] * window.stride - window.padding
                end = (needed[1] - 1) * window.stride - window.padding + window.size
                is_interior = is_interior and first >= 0 and end <= self.sizes[index]
                needed = max(0, first), min(self.sizes[index], end)
        return needed, is_interior

    def _tile(
        self, owned: dict[int, Interval], needed: Interval, is_interior: bool, alignment: int
    ) -> _AxisTile:
        start, stop = _aligned_start(needed[0], self.strides, self.lost_margins), needed[1]
        is_interior = is_interior and start >= 0 and self._fits(stop - start, self.lost_margins)
        if not is_interior:
            stride = self.strides[-1]
            start = needed[0] // stride * stride
            length = math.ceil((needed[1] - start) / alignment) * alignment
            stop = min(start + length, self.sizes[0])
            # layers of which it owns nothing run as well
            while start > 0 and not self._fits(stop - start, [0] * len(self.windows)):
                start -= stride
        margins = self.lost_margins if is_interior else [0] * len(self.windows)
        offsets = [start]  # of the tile's features in each layer's
        for window, margin in zip(self.windows, margins, strict=True):
            offsets.append((offsets[-1] + margin) // window.stride)
        interior, position = {}, {}
        for index, (begin, end) in owned.items():
            offset, end = offsets[index + 1], max(begin, end)
            interior[index] = slice(max(begin - offset, 0), max(end - offset, 0))
            position[index] = slice(begin, end)
        return _AxisTile(slice(start, stop), interior, position, is_interior)

    def _fits(self, size: int, margins: Sequence[int]) -> bool:
        """Tell whether a tile of a size, losing margins, leaves something for every layer."""
        for window, margin in zip(self.windows, margins, strict=True):
            size = window.output_size(size) - 2 * margin
            if size < 1:
                return False
        return True


def output_sizes(windows: Sequence[Window], size: int) -> list[int]:
    """Return the size of the input of several layers, and of each one's output, along an axis."""
    return list(accumulate(windows, lambda size, window: window.output_size(size), initial=size))


def halo(windows: Sequence[Window]) -> int:
    """Count the positions of the input that a tile has in common with the next."""
    strides = _strides(windows)
    return sum(
        max(window.size - window.stride, 0) * stride
        for window, stride in zip(windows, strides, strict=False)
    )


def _strides(windows: Sequence[Window]) -> list[int]:
    """Return the stride of the input, 1, and of each layer's output, in positions of the input."""
    return list(accumulate((window.stride for window in windows), operator.mul, initial=1))


def _aligned_start(needed: int, strides: Sequence[int], lost_margins: Sequence[int]) -> int:
    """Move the first position that an interior tile needs so that its windows fall as the layer's.

    After every layer that loses a margin, the tile's first position is that much further on;
    before a layer of a stride it has to be a multiple of that.
    """
    shift, lost = 0, 0
    for (stride, next_stride), margin in zip(pairwise(strides), lost_margins, strict=True):
        lost += margin * stride
        if next_stride > stride:
            shift = lost
    return needed - (needed + shift) % strides[-1]


def _union(a: Interval, b: Interval) -> Interval:
    return min(a[0], b[0]), max(a[1], b[1])
