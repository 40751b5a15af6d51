"""Writing of animated GIF and WebP by Pillow; all pictures are in memory as they are encoded."""

import os
from collections.abc import Iterable
from fractions import Fraction
from typing import Any

import numpy as np
import PIL.Image

SUFFIXES = ('.gif', '.webp')


def write_animation(
    path: str,
    frames: Iterable[tuple[Fraction, np.ndarray]],
    rate: Fraction,
    quality: int = 90,
    picture_format: str | None = None,
) -> None:
    """Write an animated GIF or WebP that is repeated for ever.

    frames: time and pixels, (H, W, 3), RGB, uint8.  rate: frames per second, for the duration of
    the last one.  quality: of a WebP.  Raises OSError.
    """
    pairs = [(time, PIL.Image.fromarray(pixels)) for time, pixels in frames]
    times = [time for time, _ in pairs]
    times.append(times[-1] + 1 / rate)
    # rounded at the ends of frames, so that errors do not add up
    unit = 10 if (picture_format or os.path.splitext(path)[1][1:]).lower() == 'gif' else 1
    ticks = [round((time - times[0]) * 1000 / unit) * unit for time in times]
    durations = [max(end - start, unit) for start, end in zip(ticks, ticks[1:], strict=False)]
    first, *others = [picture for _, picture in pairs]
    options: dict[str, Any] = {'quality': quality, 'method': 4} if unit == 1 else {}
    first.save(
        path,
        format=picture_format,
        save_all=True,
        append_images=others,
        duration=durations,
        loop=0,
        **options,
    )
