"""Statistics of the frames of a video, smoothed, so that colours and strokes do not flicker."""

from neural_style.fast.statistics import Statistics, blend

SHARE = 0.2  # of a new frame in the smoothed statistics
CUT = 0.3  # relative change of a Gram matrix that begins a scene


class Smoothing:
    """The statistics of the features of frames, each smoothed over the frames before it.

    A network that gives features other statistics depends on the whole frame; what enters on the
    left would change the colours on the right.
    """

    def __init__(self) -> None:
        self._statistics: dict[str, Statistics] = {}

    def begin_frame(self, name: str, statistics: Statistics) -> Statistics:
        """Smooth the first statistics of a frame; where they leap, a scene begins."""
        previous = self._statistics.get(name)
        if previous is not None:
            before, now = previous.second_moment(), statistics.second_moment()
            if (now - before).norm() > CUT * before.norm():
                self._statistics.clear()
        return self(name, statistics)

    def __call__(self, name: str, statistics: Statistics) -> Statistics:
        """Return statistics smoothed; name: which ones of the frame these are."""
        previous = self._statistics.get(name)
        if previous is not None:
            statistics = blend([previous, statistics], [1 - SHARE, SHARE])
        self._statistics[name] = statistics
        return statistics
