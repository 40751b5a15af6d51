"""Statistics whose distance and gradient are costly and come together."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from neural_style.losses.features import to_float64
from neural_style.losses.statistics.base import LayerExtent, StyleStatistic

# Targets whose last answers are kept, as of the terms of a layer.
MOST_ANSWERS = 8


class LastAnswers:
    """Calls a function of tensors only for arguments other than those of its last calls.

    Arguments are compared by value.  An answer is kept for each target, the arguments after the
    first, and shared: nobody may change it.
    """

    def __init__(self, function: Callable[..., Any]):
        self._function = function
        self._answers: list[tuple[tuple, Any]] = []

    def __call__(self, *arguments: Any) -> Any:
        for known, answer in self._answers:
            if all(map(_equal, known, arguments)):
                return answer
        answer = self._function(*arguments)
        others = [
            pair for pair in self._answers if not all(map(_equal, pair[0][1:], arguments[1:]))
        ]
        self._answers = [*others, (arguments, answer)][-MOST_ANSWERS:]
        return answer


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, Tensor):
        return a is b or (a.device == b.device and torch.equal(a, b))
    return a == b


class RememberedStatistic(StyleStatistic):
    """A statistic whose distance and slope are computed together, once for all tiles of a layer.

    Small tensors are float64 on the way; those that are not finite give nan.
    """

    def __init__(self) -> None:
        self._compare = LastAnswers(self._compare_finite)

    def compare(
        self, sums: Tensor, target: Tensor, extent: LayerExtent
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Return the distance, 0-dim, and its slope.  sums, target: float64."""
        raise NotImplementedError

    def target(self, sums: Tensor, extent: LayerExtent) -> Tensor:
        return sums / extent.count

    def value(self, sums: Tensor, target: Tensor, extent: LayerExtent) -> Tensor:
        return self._compare(sums, target, extent)[0]

    def slope(
        self, sums: Tensor, target: Tensor, extent: LayerExtent, weight: float
    ) -> tuple[Tensor, ...]:
        return tuple(part * weight for part in self._compare(sums, target, extent)[1])

    def _compare_finite(
        self, sums: Tensor, target: Tensor, extent: LayerExtent
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        is_finite = bool(torch.isfinite(sums).all() and torch.isfinite(target).all())
        finite_sums, finite_target = (to_float64(x).nan_to_num(0, 0, 0) for x in (sums, target))
        value, slope = self.compare(finite_sums, finite_target, extent)
        if not is_finite:
            value, slope = value * torch.nan, tuple(part * torch.nan for part in slope)
        return value.to(sums), tuple(part.to(sums) for part in slope)
