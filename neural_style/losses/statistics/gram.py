"""Gram matrices as the statistic of a style."""

from torch import Tensor

from neural_style.losses.features import sum_of_squares
from neural_style.losses.gram import (
    add_guided_product,
    gram_matrix,
    guided_gram_matrix,
    guided_product,
    multiply_both,
)
from neural_style.losses.statistics.base import LayerExtent, StyleStatistic


class Gram(StyleStatistic):
    """Mean squared difference of Gram matrices: mean((G − A)²), G = F Fᵀ / (C·H·W).

    With a guide, F is T F and the number of positions Σ T².  The sums are F Fᵀ, (C, C), the target
    G.
    Source: neural_style.lua: StyleLoss; Gatys et al. 2017 (Controlling Perceptual Factors), eq. 5.
    """

    name = 'gram'

    def divisor(self, extent: LayerExtent) -> float:
        """Return what the sums are divided by."""
        return extent.channels * extent.count

    def sums(self, features: Tensor, guide: Tensor | None, exact: bool) -> Tensor:
        return guided_gram_matrix(features, guide, exact)

    def sums_near(
        self, features: Tensor, guide: Tensor | None, target: Tensor, extent: LayerExtent
    ) -> Tensor:
        if guide is not None:
            return self.sums(features, guide, exact=False)
        return gram_matrix(features, exact=False, near=target * self.divisor(extent))

    def target(self, sums: Tensor, extent: LayerExtent) -> Tensor:
        return sums / self.divisor(extent)

    def value(self, sums: Tensor, target: Tensor, extent: LayerExtent) -> Tensor:
        normalized = sums / self.divisor(extent)
        return sum_of_squares(normalized, target) / normalized.numel()

    def slope(self, sums: Tensor, target: Tensor, extent: LayerExtent, weight: float) -> Tensor:
        """Return the gradient with respect to the sums: (C, C), symmetric.

        Times the features it is half of theirs: the original adds two such products.
        """
        divisor = self.divisor(extent)
        difference = sums / divisor - target
        return difference.mul_(2.0 * weight / difference.numel()).div_(divisor)

    def gradient(
        self, slope: Tensor, features: Tensor, guide: Tensor | None, exact: bool
    ) -> Tensor:
        if exact and guide is None:
            return multiply_both(slope, features)
        return guided_product(slope.mul_(2), features, guide)

    def add_gradient(
        self, total: Tensor, slope: Tensor, factor: float, features: Tensor, guide: Tensor | None
    ) -> None:
        # With less to read and write: the slope is weighted, not the product.
        add_guided_product(total, slope * (2 * factor), features, guide)

    def shape(self, channels: int) -> tuple[int, ...]:
        return channels, channels


class PaperGram(Gram):
    """The paper's comparison of Gram matrices: 1 / (4 N² M²) Σ (G − A)², G = F Fᵀ.

    N: channels.  M: positions.  Gram matrices are divided by their own M, so that a style image
    may be of another size than the image; with equal sizes this is the printed formula.
    Source: Gatys et al. 2015, eq. 4 and 6.
    """

    def divisor(self, extent: LayerExtent) -> float:
        return extent.count

    def value(self, sums: Tensor, target: Tensor, extent: LayerExtent) -> Tensor:
        return super().value(sums, target, extent) / 4

    def slope(self, sums: Tensor, target: Tensor, extent: LayerExtent, weight: float) -> Tensor:
        return super().slope(sums, target, extent, weight).div_(4)
