"""Statistics of the frames of a video, smoothed, so that colours and strokes do not flicker."""

from dataclasses import dataclass
from typing import TypeVar

from torch import Tensor

from neural_style.fast.statistics import Statistics

SHARE = 0.2  # of a new frame in the smoothed statistics
CUT = 0.3  # relative change of a Gram matrix that begins a scene


@dataclass(frozen=True)
class Moments:
    """Mean (C,) and variance (C,) of the features of an image at one layer."""

    mean: Tensor
    variance: Tensor

    def second_moment(self) -> Tensor:
        return self.variance + self.mean.square()

    def following(self, previous: 'Moments', share: float) -> 'Moments':
        """Return the weighted mean with previous moments.  share: of these."""
        mean = previous.mean.lerp(self.mean, share)
        return Moments(mean, previous.variance.lerp(self.variance, share))


Kind = TypeVar('Kind', Statistics, Moments)


class Smoothing:
    """The statistics of the features of frames, each smoothed over the frames before it.

    A network that gives features other statistics depends on the whole frame; what enters on the
    left would change the colours on the right.
    """

    def __init__(self) -> None:
        self._statistics: dict[str, Statistics | Moments] = {}

    def begin_frame(self, name: str, statistics: Kind) -> Kind:
        """Smooth the first statistics of a frame; where they leap, a scene begins."""
        previous = self._statistics.get(name)
        if previous is not None:
            before, now = previous.second_moment(), statistics.second_moment()
            if (now - before).norm() > CUT * before.norm():
                self._statistics.clear()
        return self(name, statistics)

    def __call__(self, name: str, statistics: Kind) -> Kind:
        """Return statistics smoothed; name: which ones of the frame these are."""
        previous = self._statistics.get(name)
        if isinstance(previous, type(statistics)):
            statistics = statistics.following(previous, SHARE)
        self._statistics[name] = statistics
        return statistics
