"""How much tiles overlap: estimates from the windows of a stage's layers."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from neural_style.network.windows import layer_windows
from neural_style.tiling.geometry import Window, halo


def shared_positions(layers: Sequence[Any], axis: int) -> int:
    """Estimate the positions that a tile has in common with the next along an axis."""
    windows = [pair[axis] for pair in map(layer_windows, layers) if pair is not None]
    return halo(windows) + math.prod(window.stride for window in windows)


def tile_count(layers: Sequence[Any], tile: tuple[int, int], size: tuple[int, int]) -> int:
    """Estimate how many tiles of H x W pixels features of a size are cut into."""
    steps = (max(side - shared_positions(layers, axis), 1) for axis, side in enumerate(tile))
    return math.prod(
        math.ceil(length / step) if side < length else 1
        for step, side, length in zip(steps, tile, size, strict=True)
    )


def extra_rows(layers: Sequence[Any], tile: tuple[int, int], size: tuple[int, int]) -> int:
    """Count the rows that a gradient needs besides the features whose memory it takes."""
    rows, columns = (shared_positions(layers, axis) for axis in (0, 1))
    if size[1] > tile[1] < 2 * columns:
        return tile[0]
    return min(rows, tile[0]) if tile[0] < size[0] else 0


def overlaps(
    layers: Sequence[Any],
    tile: tuple[int, int],
    size: tuple[int, int],
    loses_padding: tuple[bool, bool],
) -> list[float]:
    """Estimate, for each layer, how many times its size is calculated in tiles, halos included.

    It is the mean of both passes, of a tile that is not at the image's edge.
    loses_padding: whether tiles inside of the image lose rows, and columns, to convolutions.
    """
    reach, stride, margins = 0.0, 1.0, [0.0]
    for layer in layers:
        _, window = layer_windows(layer) or (Window(), Window())
        added = max(window.size - window.stride, 0) * stride
        reach += added
        margins.append(margins[-1] + added * window.loses_padding)
        stride *= window.stride
    factors = []
    for before, after in pairwise(margins):
        lost = (before + after) / 2
        axes = zip(tile, size, loses_padding, strict=True)
        factors.append(
            math.prod(
                (side - lost * loses) / max((side - reach) // stride * stride, stride)
                if side < length
                else 1.0
                for side, length, loses in axes
            )
        )
    return factors
