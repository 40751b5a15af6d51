"""Stages of the network in bands of rows, with halos, so that large pictures need little memory."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from neural_style.memory.heap import release_free_memory

UNIT = 8  # rows of the picture for which every feature map has a whole number of rows
BAND_POSITIONS = 1 << 20  # of a band in its largest input


def in_bands(
    function: Callable[..., Tensor],
    inputs: Sequence[Tensor],
    units: int,
    halo: int,
    saves_memory: bool = False,
) -> Tensor:
    """Run a function of feature maps on bands of rows, as maps_in_bands does; it has one result."""
    return maps_in_bands(lambda *x: [function(*x)], inputs, units, halo, saves_memory)[0]


def maps_in_bands(
    function: Callable[..., Sequence[Tensor]],
    inputs: Sequence[Tensor],
    units: int,
    halo: int,
    saves_memory: bool = False,
) -> list[Tensor]:
    """Run a function of feature maps (1, C, H, W) on bands of rows; put its results together.

    units: height of the picture; the height of every map, input and result, is a multiple of it.
    halo: rows around a band that its results depend on, in units.
    saves_memory: free memory goes back to the OS between bands, which takes time: maps inside the
        function leave gaps, by which the heap would grow.
    """
    positions = max(x.shape[2] * x.shape[3] for x in inputs) // units
    band = max(2 * halo, BAND_POSITIONS // positions)
    results: list[Tensor] = []
    for start in range(0, units, band):
        stop = min(start + band, units)
        first, last = max(0, start - halo), min(units, stop + halo)
        if first == 0 and last == units:
            return list(function(*inputs))
        if start > 0 and saves_memory:
            release_free_memory()
        maps = function(*(_rows(x, first, last, units) for x in inputs))
        results = results or [_whole(x, last - first, units) for x in maps]
        for result, x in zip(results, maps, strict=True):
            inner = _rows(x, start - first, stop - first, last - first)
            _rows(result, start, stop, units).copy_(inner)
        del maps, x, inner
    return results


def close_gaps(image: Tensor) -> None:
    """Return free memory to the OS between stages of a picture (..., H, W) that has many bands.

    Their maps have different sizes and leave gaps in the heap, by which it would grow.
    """
    if image.shape[-2] * image.shape[-1] > BAND_POSITIONS:
        release_free_memory()


def reflected(image: Tensor, margin: int) -> Tensor:
    """Continue images (..., H, W) by a margin on all sides, and further to whole units."""
    for dim in (-2, -1):
        total = -(-(image.shape[dim] + 2 * margin) // UNIT) * UNIT
        image = _continued(image, dim, torch.arange(-margin, total - margin))
    return image


def lengthened(image: Tensor, least: int) -> Tensor:
    """Continue images (..., H, W) to twice a least height and width where they have less."""
    for dim in (-2, -1):
        if image.shape[dim] < least:
            image = _continued(image, dim, torch.arange(2 * least))
    return image


def _continued(image: Tensor, dim: int, places: Tensor) -> Tensor:
    """Return the lines of an image at some places, some of them beyond it: it is reflected."""
    period = max(2 * image.shape[dim] - 2, 1)
    index = places % period
    index = torch.minimum(index, period - index)
    return image.index_select(dim, index.to(image.device))


@dataclass(frozen=True)
class Bytes:
    """About how many bytes of memory a network takes.

    always: with its weights and the libraries.  per_pixel: of the picture.  per_position: of the
    largest input of a band.
    """

    always: float
    per_pixel: float
    per_position: float

    def predicted(self, height: int, width: int, margin: int) -> float:
        """Return those for a picture that is continued by a margin on all sides, in all."""
        pixels = (height + 2 * margin) * (width + 2 * margin)
        band = min(pixels, BAND_POSITIONS)
        return self.always + pixels * self.per_pixel + band * self.per_position


def _rows(x: Tensor, first: int, last: int, units: int) -> Tensor:
    """View the rows of some units of a map that has a number of units."""
    per_unit = x.shape[2] // units
    return x[:, :, first * per_unit : last * per_unit]


def _whole(x: Tensor, units: int, all_units: int) -> Tensor:
    """Return an empty map like one of some units, but of all of them."""
    shape = (*x.shape[:2], x.shape[2] // units * all_units, x.shape[3])
    return torch.empty(shape, dtype=x.dtype, device=x.device, memory_format=torch.channels_last)
