"""Where tiles lie: the windows that layers see, halos, and what a tile owns of every layer.

Along an axis a layer sees a window of what is below it.  A tile's crop of the stage's input is the
positions that it owns and, from layer to layer down, those that their windows reach: the halo.
"""

import math
import operator
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise, product
from typing import Any

from torch import nn

from loadcaffe.layers.activations import Pointwise
from loadcaffe.layers.normalization import BatchNorm, Scale
from loadcaffe.layers.pooling import Pooling, output_size
from loadcaffe.layers.windows import Window
from loadcaffe.layers.windows import window as spatial_window
from neural_style.kernels.convolution import has_same_padding
from neural_style.losses.base import FeatureLoss, Region
from neural_style.losses.features import Area

# For rows and columns, whether a tile is not at the image's rim.
Interior = tuple[bool, bool]

# What these make of a position depends on nothing else, on the way up.
POINTWISE = (
    nn.ReLU, nn.LeakyReLU, nn.ELU, nn.ReLU6, nn.Hardtanh, nn.Tanh, nn.Sigmoid, nn.PReLU,
    nn.LocalResponseNorm, Pointwise, BatchNorm, Scale, FeatureLoss,
)  # fmt: skip
# Crops whose convolutions keep their size are multiples of it, for bfloat16.
ALIGNMENT = 32


@dataclass(frozen=True)
class TilePart:
    """What a tile has of a layer.

    interior: rows and columns of its features that count; around them is halo.
    region: where those are in the layer.
    """

    interior: Area
    region: Region


@dataclass(frozen=True)
class Tile:
    """A tile of a stage.

    crop: rows and columns of the stage's input.  parts: of each layer's output, by number.
    inner: whether its rows, and its columns, are not at the image's rim, so that they get fewer
    from convolution to convolution.
    """

    crop: tuple[slice, slice]
    parts: dict[int, TilePart]
    inner: Interior


def tiles(
    layers: Sequence[nn.Module],
    size: Sequence[int],
    side: int,
    above: bool,
    least: int = 1,
    inner: Interior = (True, True),
) -> list[Tile]:
    """The tiles of a stage, row after row.

    size: (H, W) of its input.  side: of a tile, about, with its halo.  above: whether the
    features above the stage are wanted.  least: rows of tiles, if the size allows.  inner: whether
    the rows and columns of tiles inside of the image may get fewer by convolutions.
    """
    wanted = {number for number, layer in enumerate(layers) if isinstance(layer, FeatureLoss)}
    if above:
        wanted.add(len(layers) - 1)
    rows = _spans(layers, 0, size[0], side, wanted, inner[0], least)
    columns = _spans(layers, 1, size[1], side, wanted, inner[1])
    heights, widths = (output_sizes(layers, axis, size[axis])[1:] for axis in (0, 1))
    found = []
    for row, column in product(rows, columns):
        parts = {
            number: TilePart(
                (row.parts[number][0], column.parts[number][0]),
                Region(
                    (row.parts[number][1], column.parts[number][1]),
                    (heights[number], widths[number]),
                ),
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
    strides = _strides(windows)
    step = strides[-1] * max(1, (side - halo(layers, axis)) // strides[-1])
    count = 1 if size <= side else math.ceil(size / step)
    units = math.ceil(size / strides[-1])
    if count < least:  # as many as may be, of equal sizes
        count = min(least, units)
        bounds = [units * number // count * strides[-1] for number in range(count + 1)]
    else:
        bounds = [step * number for number in range(count + 1)]
    alignment = ALIGNMENT if least == 1 else 1  # strips are as wide as the image
    # what tiles inside of the image lose at their beginning, by layer
    lost_margins = [
        padding * (inner and loses_padding(layer))
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
        start, stop = _start(need[0], strides, lost_margins), need[1]
        inside = inside and start >= 0 and _fits(layers, axis, stop - start, lost_margins)
        if not inside:
            start = need[0] // strides[-1] * strides[-1]
            stop = min(start + math.ceil((need[1] - start) / alignment) * alignment, size)
            # layers of which it owns nothing run as well
            while start > 0 and not _fits(layers, axis, stop - start, [0] * len(lost_margins)):
                start -= strides[-1]
        offsets, parts = [start], {}
        for (_, stride, _), rim in zip(windows, lost_margins, strict=True):
            offsets.append((offsets[-1] + rim * inside) // stride)
        for k, (begin, end) in owned.items():
            offset, end = offsets[k + 1], max(begin, end)
            parts[k] = (slice(max(begin - offset, 0), max(end - offset, 0)), slice(begin, end))
        spans.append(_Span(slice(start, stop), parts, inside))
    return spans


def _strides(windows: Sequence[tuple[int, int, int]]) -> list[int]:
    """Pixels from one position to the next, below the first of several layers and above each."""
    return list(accumulate((stride for _, stride, _ in windows), operator.mul, initial=1))


def halo(layers: Sequence[nn.Module], axis: int) -> int:
    """Positions that tiles of a stage have in common with the next."""
    windows = [window(layer, axis) for layer in layers]
    return sum(
        max(kernel - stride, 0) * below
        for (kernel, stride, _), below in zip(windows, _strides(windows), strict=False)
    )


def _start(needed: int, strides: Sequence[int], lost_margins: Sequence[int]) -> int:
    """Where a tile inside of the image begins, so that its windows fall as in the whole.

    needed: the first position that it needs.  Behind every convolution that loses a rim, the tile's
    first one is that much further on; before a layer of a stride it has to be a multiple of that.
    """
    shift, lost = 0, 0
    for (below, above), rim in zip(pairwise(strides), lost_margins, strict=True):
        lost += rim * below
        if above > below:
            shift = lost
    return needed - (needed + shift) % strides[-1]


def _fits(layers: Sequence[nn.Module], axis: int, size: int, lost_margins: Sequence[int]) -> bool:
    """Whether all layers make something of a tile of a size.  rims: that it loses, by layer."""
    for layer, rim in zip(layers, lost_margins, strict=True):
        size = output_sizes([layer], axis, size)[1] - 2 * rim
        if size < 1:
            return False
    return True


def loses_padding(layer: nn.Module) -> bool:
    """Whether a layer's output gets smaller inside of the image."""
    return has_same_padding(layer)


def _hull(a: tuple[int, int], b: tuple[int, int]) -> tuple[int, int]:
    return min(a[0], b[0]), max(a[1], b[1])


def cuts(layers: Sequence[nn.Module]) -> tuple[list[int], int]:
    """Where stages may begin: before the convolutions that take smaller features than the last cut.

    layers: of a loss network.  Returns their numbers, 0 the first of them, and the number of the
    first layer that tiles cannot go through, len(layers) if there is none.
    """
    local = next((k for k, layer in enumerate(layers) if not is_tileable(layer)), len(layers))
    found, stride = [0], 1
    for number, layer in enumerate(layers[:local]):
        if isinstance(layer, nn.Conv2d) and stride > 1:
            found.append(number)
            stride = 1
        stride *= max(window(layer, axis)[1] for axis in (0, 1))
    return found, local


def is_tileable(layer: nn.Module) -> bool:
    """Whether tiles can go through a layer: what it makes of a position depends on those near."""
    if isinstance(layer, nn.Conv2d):
        return layer.padding_mode == 'zeros' and not isinstance(layer.padding, str)
    if isinstance(layer, BatchNorm):
        return layer.mean is not None
    if isinstance(layer, Scale):
        return layer.axis == 1 and all(x.dim() == 1 for x in layer.parameters())
    return isinstance(layer, (nn.MaxPool2d, nn.AvgPool2d, Pooling, *POINTWISE))


def window(layer: Any, axis: int) -> Window:
    """Return the window of a local layer along an axis; axis 0: rows."""
    return Window(1, 1, 0) if isinstance(layer, POINTWISE) else spatial_window(layer, axis)


def output_sizes(layers: Sequence[nn.Module], axis: int, size: int) -> list[int]:
    """Return the pixels along an axis of the input of local layers, and of each one's output."""
    sizes = [size]
    for layer in layers:
        if not isinstance(layer, POINTWISE):
            size = output_size(layer, axis, size)
        sizes.append(size)
    return sizes
