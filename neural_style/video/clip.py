"""Clips: the frames of a video, one after the other, and what is known of all of them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from torch import Tensor

from neural_style.errors import SettingError
from neural_style.files.pillow import to_tensor

FINEST_TIME_BASE = Fraction(1, 90000)  # of time stamps that come without one, in seconds


@dataclass(frozen=True)
class Frame:
    """A frame as it is shown: turned upright.

    number: from 1, or that of its file.  time: seconds on the clip's clock.
    pixels: (H, W, 3), RGB, uint8, or uint16 of a clip with more bits.
    """

    number: int
    time: Fraction
    pixels: np.ndarray

    def image(self) -> Tensor:
        """Return the frame as (3, H, W), RGB in [0, 1], float64."""
        return to_tensor(self.pixels, np.iinfo(self.pixels.dtype).max)


@dataclass(frozen=True)
class Selection:
    """The part of a clip that is painted: every n-th frame from start up to end, in seconds."""

    start: Fraction = Fraction(0)
    end: Fraction | None = None
    every: int = 1

    def __post_init__(self) -> None:
        if self.end is not None and self.end <= self.start:
            raise SettingError(
                'end', f'give a time after {float(self.start):g} s', f'{float(self.end):g}'
            )

    def includes(self, time: Fraction) -> bool:
        """Tell whether a time is in the part."""
        return time >= self.start and (self.end is None or time < self.end)

    def count(self, total: float, rate: float) -> int:
        """Return how many frames it takes of so many at a rate."""
        last = total if self.end is None else min(total, float(self.end) * rate)
        return max(int(-(-(last - float(self.start) * rate) // self.every)), 0)


@dataclass(frozen=True)
class ClipFormat:
    """What a clip made from another has in common with it.

    rate: frames per second on average.  time_base: unit of the time stamps, in seconds.
    colorspace, color_range, primaries, transfer: FFmpeg's numbers; 2, or 0 for the range, where the
    file says nothing.  pixel_aspect: width of a pixel through its height.
    """

    rate: Fraction
    time_base: Fraction = FINEST_TIME_BASE
    colorspace: int = 2
    color_range: int = 0
    primaries: int = 2
    transfer: int = 2
    pixel_aspect: Fraction = Fraction(1)


@dataclass(frozen=True)
class Clip:
    """A clip that can be read, from the beginning each time; only one frame is in memory.

    path: of the file, the folder or the pattern.  count: of the frames, as far as it is known.
    numbers: of the frames; None where they are counted from 1.
    """

    path: str
    format: ClipFormat
    count: int | None
    frames: Callable[[], Iterator[Frame]]
    numbers: Sequence[int] | None = None
