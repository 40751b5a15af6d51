"""The choice of what styles are compared by: one statistic, or a weighted sum of several."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from neural_style.errors import SettingError
from neural_style.losses.statistics.base import LayerExtent, StyleStatistic
from neural_style.losses.statistics.gram import Gram
from neural_style.losses.statistics.histogram import Histogram
from neural_style.losses.statistics.moments import Covariance, MeanStd
from neural_style.losses.statistics.wasserstein import Wasserstein
from neural_style.torch7.cmdline import split

STATISTICS: Mapping[str, type[StyleStatistic]] = {
    statistic.name: statistic for statistic in (Gram, MeanStd, Covariance, Wasserstein, Histogram)
}

# 'gram', 'gram:1,histogram:0.5', names, or weights by name.
StatisticChoice = str | Sequence[str] | Mapping[str, float]


class WeightedSum(StyleStatistic):
    """The weighted sum of several statistics, such as those of Gram matrix and histogram.

    Sums and targets are those of all of them, one after another, in a vector.
    Source: Risser et al. 2017, who add the losses of Gram matrix and histogram.
    """

    further_gradients = 1

    def __init__(self, statistics: Sequence[StyleStatistic], weights: Sequence[float]):
        self.statistics = statistics
        self.weights = weights
        self.name = '+'.join(statistic.name for statistic in statistics)

    def sums(self, features: Tensor, guide: Tensor | None, exact: bool) -> Tensor:
        return torch.cat([x.sums(features, guide, exact).flatten() for x in self.statistics])

    def target(self, sums: Tensor, extent: LayerExtent) -> Tensor:
        parts = zip(self.statistics, self._split(sums, extent.channels), strict=True)
        return torch.cat([statistic.target(part, extent).flatten() for statistic, part in parts])

    def value(self, sums: Tensor, target: Tensor, extent: LayerExtent) -> Tensor:
        parts = self._pairs(sums, target, extent)
        values = [x.value(*pair, extent) * w for x, w, *pair in parts]
        return torch.stack(values).sum()

    def slope(self, sums: Tensor, target: Tensor, extent: LayerExtent, weight: float) -> list[Any]:
        parts = self._pairs(sums, target, extent)
        return [x.slope(*pair, extent, weight * w) for x, w, *pair in parts]

    def gradient(
        self, slope: list[Any], features: Tensor, guide: Tensor | None, exact: bool
    ) -> Tensor:
        first, *others = self.statistics
        total = first.gradient(slope[0], features, guide, exact)
        for statistic, part in zip(others, slope[1:], strict=True):
            total.add_(statistic.gradient(part, features, guide, exact))
        return total

    def add_gradient(
        self, total: Tensor, slope: list[Any], factor: float, features: Tensor, guide: Tensor | None
    ) -> None:
        for statistic, part in zip(self.statistics, slope, strict=True):
            statistic.add_gradient(total, part, factor, features, guide)

    def shape(self, channels: int) -> tuple[int, ...]:
        return (sum(math.prod(statistic.shape(channels)) for statistic in self.statistics),)

    def held_bytes(self, channels: int) -> float:
        return sum(statistic.held_bytes(channels) for statistic in self.statistics)

    def workspace_bytes(self, channels: int) -> float:
        return max(statistic.workspace_bytes(channels) for statistic in self.statistics)

    def _pairs(self, sums: Tensor, target: Tensor, extent: LayerExtent) -> list[tuple[Any, ...]]:
        """Return each statistic with its weight, its sums and its target."""
        parts = (self._split(vector, extent.channels) for vector in (sums, target))
        return list(zip(self.statistics, self.weights, *parts, strict=True))

    def _split(self, vector: Tensor, channels: int) -> list[Tensor]:
        shapes = [statistic.shape(channels) for statistic in self.statistics]
        parts = vector.split([math.prod(shape) for shape in shapes])
        return [part.view(shape) for part, shape in zip(parts, shapes, strict=True)]


def parse_statistics(choice: StatisticChoice, losses: str = 'neural_style') -> dict[str, float]:
    """Read the setting style_statistic: weights by name, 1 where none is given.

    losses: the setting of that name; the paper's are of Gram matrices.
    """
    try:
        pairs = _pairs(choice)
    except (AttributeError, TypeError, ValueError):
        pairs = []
    weights = dict(pairs)
    if not weights or not all(name in STATISTICS for name in weights):
        names = ', '.join(STATISTICS)
        problem = f'choose one of {names}, or a sum such as gram:1,histogram:0.5'
        raise SettingError('style_statistic', problem, choice)
    if len(weights) < len(pairs):
        raise SettingError('style_statistic', 'name each statistic once', choice)
    for name, weight in pairs:
        if not 0 < weight < math.inf:
            raise SettingError('style_statistic', 'give weights above 0', f'{name}:{weight:g}')
    if losses == 'paper' and weights != {Gram.name: 1.0}:
        problem = 'the losses of the paper compare Gram matrices; give `losses` neural_style'
        raise SettingError('style_statistic', problem, choice)
    return weights


def _pairs(choice: StatisticChoice) -> list[tuple[str, float]]:
    """Split a choice into names and weights."""
    if isinstance(choice, Mapping):
        return [(name, float(weight)) for name, weight in choice.items()]
    items = split(choice) if isinstance(choice, str) else choice
    pairs = (item.partition(':') for item in items)
    return [(name.strip(), float(weight) if colon else 1.0) for name, colon, weight in pairs]


def make_statistic(weights: Mapping[str, float]) -> tuple[StyleStatistic, float]:
    """Make a statistic, or the weighted sum of several, and return it with a factor of its weight.

    A single one's weight is the factor.
    """
    statistics = [STATISTICS[name]() for name in weights]
    if len(statistics) == 1:
        return statistics[0], next(iter(weights.values()))
    return WeightedSum(statistics, list(weights.values())), 1.0
