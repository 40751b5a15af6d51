"""How much each position of an image counts for a style."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from neural_style.losses.base import Region
from neural_style.losses.features import CHUNK_ELEMENTS, at_least_float32, crop


@dataclass(frozen=True)
class Cells:
    """Says, along an axis, which pixels of the image a layer's positions stand for.

    Position i stands for those from start + i · step to start + (i + 1) · step: they surround the
    middle of its receptive field, and no two positions share any.  What is beyond the image does
    not count.
    """

    start: float = 0.0
    step: int = 1

    def means(self, planes: Tensor, count: int) -> Tensor:
        """Average planes (..., size), float64, over the cells of so many positions."""
        size = planes.shape[-1]
        edges = self.start + self.step * torch.arange(count + 1, dtype=torch.float64)
        lower, upper = edges[:-1].clamp(0, size - 1), edges[1:].clamp(1, size)
        sums = functional.pad(planes.cumsum(-1), (1, 0))

        def sums_up_to(edge: Tensor) -> Tensor:
            whole = edge.long()
            part = (edge - whole) * planes[..., whole.clamp(max=size - 1)]
            return sums[..., whole] + part

        return (sums_up_to(upper) - sums_up_to(lower)) / (upper - lower)


class Guide:
    """A map (1, H, W) in [0, 1] of an image: how much each position counts for the style.

    Of a layer's features it is T, the map averaged down to their size.
    cells: of the layer, along rows and columns: T is the average over a position's cell, as if the
    map went through the layer's poolings, which round up as Caffe's do.  None: over parts of the
    image of equal size, which differ from cells where the sides of the image are odd.
    Source: Gatys et al. 2017 (Controlling Perceptual Factors), section 4; the authors' code,
    SpatialControl.ipynb: get_fm_guides, has this as its mode 'simple'.
    """

    def __init__(self, image: Tensor, cells: tuple[Cells, Cells] | None = None):
        self.image = image
        self.cells = cells
        self._averages: dict[tuple, tuple[Tensor, float]] = {}

    def of(self, features: Tensor, region: Region | None = None) -> Tensor:
        """Return T for features (N, C, H, W): (1, 1, H, W)."""
        size = features.shape[2:] if region is None else region.size
        guide = self._average(size, features)[0].to(features.dtype)
        return guide if region is None else crop(guide, region.position)

    def sum_of_squares(self, size: Sequence[int], like: Tensor) -> float:
        """Return Σ T² over a layer of a size.  like: a tensor on the layer's device."""
        return self._average(size, like)[1]

    def largest(self, size: Sequence[int]) -> float:
        """Return the largest T of a layer of a size."""
        return float(self._averaged(size).max())

    @staticmethod
    def bytes_of(positions: int) -> int:
        """Count the bytes of T for a layer of so many positions."""
        return 4 * positions

    def _average(self, size: Sequence[int], like: Tensor) -> tuple[Tensor, float]:
        """Return T and Σ T², computed once for each size of features."""
        dtype = at_least_float32(like.new_empty(0)).dtype
        height, width = size
        key = (height, width, dtype, like.device)
        if key not in self._averages:
            if self.cells is None:
                guide = self.image.to(like.device, dtype).unsqueeze(0)
                average = functional.adaptive_avg_pool2d(guide, (height, width))
            else:
                average = self._averaged(size).to(like.device, dtype)
            self._averages[key] = average, float(average.square().sum())
        return self._averages[key]

    def _averaged(self, size: Sequence[int]) -> Tensor:
        """Return T over cells: (1, 1, H, W), on the CPU."""
        image = self.image.unsqueeze(0)
        assert self.cells is not None
        rows, columns = self.cells
        if rows == columns == Cells() and image.shape[2:] == torch.Size(size):
            return image
        height, width = size
        # Some rows at a time: float64 takes up to eight times the bytes of the map.
        chunks = image.split(max(CHUNK_ELEMENTS // image.shape[3], 1), 2)
        narrow = torch.cat([columns.means(chunk.double(), width) for chunk in chunks], 2)
        return rows.means(narrow.mT, height).mT
