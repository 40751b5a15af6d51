"""Means and covariances of features as the statistic of a style.

Their sums are moments about zero, which add over positions and whose blend is the moments of what
all style images show together; mean and covariance follow from them.
"""

import torch
from torch import Tensor

from neural_style.losses.features import at_least_float32, row_chunks
from neural_style.losses.gram import add_guided_product, guided_gram_matrix, guided_product
from neural_style.losses.statistics.base import LayerExtent
from neural_style.losses.statistics.remembered import RememberedStatistic

# Added to variances whose root is taken.  Source: Huang and Belongie 2017 (their program).
EPSILON = 1e-5
# A factor of the distance of covariances, which are smaller than Gram matrices: the default style
# weight gives pictures about as far from the content (VGG-16, 160 pixels).
COVARIANCE_SCALE = 2.0


class MeanStd(RememberedStatistic):
    """Squared differences of the mean and the standard deviation of each channel.

    1/C Σ ((μ − μ')² + (σ − σ')²).  The sums are Σ F² and Σ F, (C, 2).
    Source: Li et al. 2017 (Demystifying Neural Style Transfer), matching of batch normalization
    statistics; Huang and Belongie 2017 (AdaIN), the style loss, with norms in the place of squares.
    """

    name = 'mean_std'
    scale = 1.0

    def sums(self, features: Tensor, guide: Tensor | None, exact: bool) -> Tensor:
        squares = [
            _sum(at_least_float32(rows).square(), weights)
            for rows, weights in _weighted_rows(features, guide)
        ]
        return torch.stack([torch.stack(squares).sum(0), weighted_sum(features, guide)], 1)

    def compare(
        self, sums: Tensor, target: Tensor, extent: LayerExtent
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        mean, std = _mean_and_std(sums / extent.count)
        target_mean, target_std = _mean_and_std(target)
        scale = self.scale / extent.channels
        value = ((mean - target_mean).square() + (std - target_std).square()).sum() * scale
        by_mean = 2 * scale * (mean - target_mean)
        by_variance = scale * (std - target_std) / std
        by_squares, by_sum = 2 * by_variance, by_mean - 2 * by_variance * mean
        return value, (by_squares / extent.count, by_sum / extent.count)

    def gradient(
        self, slope: tuple[Tensor, ...], features: Tensor, guide: Tensor | None, exact: bool
    ) -> Tensor:
        factor, offset = map(_as_map, slope)
        gradient = at_least_float32(features) * factor + offset
        return gradient if guide is None else gradient.mul_(guide.square())

    def add_gradient(
        self,
        total: Tensor,
        slope: tuple[Tensor, ...],
        factor: float,
        features: Tensor,
        guide: Tensor | None,
    ) -> None:
        slope = tuple(part * factor for part in slope)
        chunks = zip(_weighted_rows(features, guide), *row_chunks(total), strict=True)
        for (rows, weights), total_rows in chunks:
            gradient = self.gradient(slope, rows, None, exact=False)
            total_rows.add_(gradient if weights is None else gradient.mul_(weights))

    def shape(self, channels: int) -> tuple[int, ...]:
        return channels, 2


class MeanCovariance(RememberedStatistic):
    """A distance of mean and covariance: sums F Fᵀ and Σ F, (C, C + 1)."""

    def distance(
        self, mean: Tensor, covariance: Tensor, target_mean: Tensor, target_covariance: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return the distance, and its gradients with respect to mean and covariance."""
        raise NotImplementedError

    def sums(self, features: Tensor, guide: Tensor | None, exact: bool) -> Tensor:
        products = guided_gram_matrix(features, guide, exact)
        return torch.cat([products, weighted_sum(features, guide).unsqueeze(1)], 1)

    def compare(
        self, sums: Tensor, target: Tensor, extent: LayerExtent
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        mean, covariance = _mean_and_covariance(sums / extent.count)
        value, by_mean, by_covariance = self.distance(
            mean, covariance, *_mean_and_covariance(target)
        )
        by_products, by_sum = 2 * by_covariance, by_mean - 2 * by_covariance @ mean
        return value, (by_products / extent.count, by_sum / extent.count)

    def gradient(
        self, slope: tuple[Tensor, ...], features: Tensor, guide: Tensor | None, exact: bool
    ) -> Tensor:
        matrix, offset = slope
        gradient = guided_product(matrix, features, guide)
        return gradient.add_(_as_map(offset) * (1 if guide is None else guide.square()))

    def add_gradient(
        self,
        total: Tensor,
        slope: tuple[Tensor, ...],
        factor: float,
        features: Tensor,
        guide: Tensor | None,
    ) -> None:
        matrix, offset = (part * factor for part in slope)
        add_guided_product(total, matrix, features, guide)
        for rows, weights in _weighted_rows(total, guide):
            rows.add_(_as_map(offset) * (1 if weights is None else weights))

    def shape(self, channels: int) -> tuple[int, ...]:
        return channels, channels + 1

    def held_bytes(self, channels: int) -> float:
        return 4.0 * 3 * channels**2

    def workspace_bytes(self, channels: int) -> float:
        return 8.0 * 8 * channels**2


class Covariance(MeanCovariance):
    """Mean squared difference of covariances: 2 mean((Σ − Σ')²), Σ = (F − μ)(F − μ)ᵀ / (C·H·W).

    The Gram matrix about the mean; the means themselves are free.
    Source: neural_style.lua: StyleLoss; Li et al. 2017 (Universal Style Transfer via Feature
    Transforms), section 3.2, whose whitening and colouring equate these.
    """

    name = 'covariance'
    scale = COVARIANCE_SCALE

    def distance(
        self, mean: Tensor, covariance: Tensor, target_mean: Tensor, target_covariance: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        difference, channels = covariance - target_covariance, len(mean)
        factor = self.scale / channels**4
        value = factor * difference.square().sum()
        return value, torch.zeros_like(mean), 2 * factor * difference


def weighted_sum(features: Tensor, guide: Tensor | None) -> Tensor:
    """Sum up features (1, C, H, W) over positions, each T² times: (C,), float32 or more."""
    chunks = _weighted_rows(features, guide)
    return torch.stack([_sum(at_least_float32(rows), weights) for rows, weights in chunks]).sum(0)


def _sum(rows: Tensor, weights: Tensor | None) -> Tensor:
    return (rows if weights is None else rows * weights).sum((0, 2, 3))


def _weighted_rows(features: Tensor, guide: Tensor | None) -> list[tuple[Tensor, Tensor | None]]:
    """Split features into chunks of rows, each with T² or None."""
    if guide is None:
        return [(rows, None) for (rows,) in zip(*row_chunks(features), strict=True)]
    chunks = zip(*row_chunks(features, at_least_float32(guide)), strict=True)
    return [(rows, t.square()) for rows, t in chunks]


def _as_map(vector: Tensor) -> Tensor:
    """View a number for each channel as features: (1, C, 1, 1)."""
    return vector.view(1, -1, 1, 1)


def _mean_and_std(moments: Tensor) -> tuple[Tensor, Tensor]:
    mean_square, mean = moments.unbind(1)
    return mean, ((mean_square - mean.square()).clamp(min=0) + EPSILON).sqrt()


def _mean_and_covariance(moments: Tensor) -> tuple[Tensor, Tensor]:
    mean = moments[:, -1]
    return mean, moments[:, :-1] - torch.outer(mean, mean)
