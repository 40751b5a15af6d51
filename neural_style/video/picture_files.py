"""Clips of single pictures: a folder, a pattern such as frames_%04d.png, an animated GIF."""

import logging
import os
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction

import numpy as np
import PIL.Image
import PIL.ImageSequence

from neural_style.errors import SettingError
from neural_style.files.image_formats import has_image_extension
from neural_style.video.clip import Clip, ClipFormat, Frame, Selection

logger = logging.getLogger(__name__)

NUMBER = re.compile(r'%(0?\d{0,2})d')
DEFAULT_MILLISECONDS = 100  # of a picture of an animation that says 0, as browsers show it


def is_pattern(path: str) -> bool:
    """Tell whether a path names numbered pictures: it has one %d or %04d in its last part."""
    return len(NUMBER.findall(os.path.basename(path))) == 1


def numbered(pattern: str, number: int) -> str:
    """Return the name of a picture of a pattern."""
    return NUMBER.sub(lambda match: f'%{match[1]}d' % number, pattern)


def pattern_pictures(pattern: str) -> list[tuple[int, str]]:
    """Return number and path of the pictures of a pattern, in the order of the numbers."""
    folder, name = os.path.split(pattern)
    before, after = NUMBER.split(name)[::2]
    expression = re.compile(re.escape(before) + r'(\d+)' + re.escape(after))
    try:
        names = os.listdir(folder or '.')
    except OSError as error:
        raise SettingError('content_image', f'{error.strerror}', pattern) from error
    matches = [match for match in map(expression.fullmatch, names) if match]
    pictures = {int(match[1]): match[0] for match in matches}
    return [
        (number, os.path.join(folder, pictures[number]))
        for number in sorted(pictures)
        if numbered(name, number) == pictures[number]
    ]


def folder_pictures(folder: str) -> list[tuple[int, str]]:
    """Return the pictures of a folder, 2.png before 10.png, numbered from 1."""

    def key(name: str) -> list[tuple[int, str]]:
        return [
            (int(part), '') if part.isdigit() else (0, part) for part in re.split(r'(\d+)', name)
        ]

    names = [n for n in os.listdir(folder) if has_image_extension(n) and not n.startswith('.')]
    names.sort(key=key)
    return [(number, os.path.join(folder, name)) for number, name in enumerate(names, start=1)]


def open_pictures(
    path: str,
    selection: Selection,
    rate: Fraction,
    read: Callable[[str], np.ndarray],
) -> Clip:
    """Open a folder or a pattern as a clip of so many pictures per second.

    read: returns the pixels of a file; one that it refuses (OSError, ValueError) is left out, with
    a warning.  Raises SettingError if there are none.
    """
    pictures = pattern_pictures(path) if is_pattern(path) else folder_pictures(path)
    if not pictures:
        raise SettingError('content_image', 'there are no such pictures', path)
    times = [Fraction(index) / rate for index in range(len(pictures))]
    selected = [
        (number, time, file)
        for (number, file), time in zip(pictures, times, strict=True)
        if selection.includes(time)
    ][:: selection.every]

    def frames() -> Iterator[Frame]:
        size = None
        for number, time, file in selected:
            try:
                pixels = read(file)
            except (OSError, ValueError) as error:
                logger.warning('%s (the frame is left out)', error)
                continue
            if size is not None and pixels.shape != size:
                raise SettingError('content_image', 'not of the size of the first frame', file)
            size = pixels.shape
            yield Frame(number, time, pixels)

    numbers = [number for number, _, _ in selected]
    return Clip(path, ClipFormat(rate, 1 / rate), len(selected), frames, numbers)


def is_animation(path: str) -> bool:
    """Tell whether a file is a GIF, WebP or PNG of several pictures."""
    if not os.path.isfile(path):  # what is read from a pipe is gone
        return False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')  # whoever reads the picture speaks of its size
            with PIL.Image.open(path, formats=('GIF', 'WEBP', 'PNG')) as picture:
                return getattr(picture, 'n_frames', 1) > 1
    except (OSError, ValueError, SyntaxError, PIL.Image.DecompressionBombError):
        return False


def open_animation(path: str, selection: Selection) -> Clip:
    """Open an animated GIF, WebP or PNG."""
    with PIL.Image.open(path) as picture:
        total = getattr(picture, 'n_frames', 1)
        times = _times(picture)
    rate = Fraction(total) / times[-1]
    selected = [index for index, time in enumerate(times[:-1]) if selection.includes(time)][
        :: selection.every
    ]

    def frames() -> Iterator[Frame]:
        numbers = {index: number for number, index in enumerate(selected, start=1)}
        with PIL.Image.open(path) as picture:
            for index, image in enumerate(PIL.ImageSequence.Iterator(picture)):
                if index in numbers:
                    pixels = np.asarray(_opaque(image))
                    yield Frame(numbers[index], times[index], pixels)

    return Clip(path, ClipFormat(rate, Fraction(1, 1000)), len(selected), frames)


def _times(picture: PIL.Image.Image) -> Sequence[Fraction]:
    """Return the seconds at which each picture of an animation begins, and its end."""
    times = [Fraction(0)]
    for image in PIL.ImageSequence.Iterator(picture):
        image.load()  # a WebP knows its duration only then
        milliseconds = round(image.info.get('duration', 0)) or DEFAULT_MILLISECONDS
        times.append(times[-1] + Fraction(milliseconds, 1000))
    return times


def _opaque(image: PIL.Image.Image) -> PIL.Image.Image:
    """Lay a picture of an animation on white where it is transparent."""
    if not image.has_transparency_data:
        return image.convert('RGB')
    white = PIL.Image.new('RGBA', image.size, 'white')
    return PIL.Image.alpha_composite(white, image.convert('RGBA')).convert('RGB')
