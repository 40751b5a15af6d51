"""How much each position of an image counts for a style."""

from collections.abc import Sequence

from torch import Tensor
from torch.nn import functional

from neural_style.losses.base import Region
from neural_style.losses.features import at_least_float32, crop


class Guide:
    """A map (1, H, W) in [0, 1] of an image: how much each position counts for the style.

    Of a layer's features it is T, the map averaged down to their size.
    Source: Gatys et al. 2017 (Controlling Perceptual Factors), section 4.
    """

    def __init__(self, image: Tensor):
        self.image = image
        self._averages: dict[tuple, tuple[Tensor, float]] = {}

    def of(self, features: Tensor, region: Region | None = None) -> Tensor:
        """Return T for features (N, C, H, W): (1, 1, H, W)."""
        size = features.shape[2:] if region is None else region.size
        guide = self._average(size, features)[0].to(features.dtype)
        return guide if region is None else crop(guide, region.position)

    def sum_of_squares(self, size: Sequence[int], like: Tensor) -> float:
        """Return Σ T² over a layer of a size.  like: a tensor on the layer's device."""
        return self._average(size, like)[1]

    def _average(self, size: Sequence[int], like: Tensor) -> tuple[Tensor, float]:
        """Return T and Σ T², computed once for each size of features."""
        dtype = at_least_float32(like.new_empty(0)).dtype
        height, width = size
        key = (height, width, dtype, like.device)
        if key not in self._averages:
            guide = self.image.to(like.device, dtype).unsqueeze(0)
            average = functional.adaptive_avg_pool2d(guide, (height, width))
            self._averages[key] = average, float(average.square().sum())
        return self._averages[key]
