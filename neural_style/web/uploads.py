"""Files that people bring: they are copied into the folder of a job once they are checked."""

import os
import re
import shutil
import warnings
from collections.abc import Collection

import PIL.Image

from neural_style.files.image_formats import pillow_formats
from neural_style.files.pillow import detect_format, open_image
from neural_style.web.job import Job

MAX_PIXELS = 50_000_000
LONGEST_NAME = 60  # characters
LONGEST_SUFFIX = len('.safetensors')
# Beginnings of the names that files of a job have.
RESERVED = (
    *('picture', 'live', 'before', 'sketch', 'start', 'job', 'progress', 'log', 'stop'),
    *('content_regions', 'style_regions'),
)


def keep(path: str, job: Job, default: str, taken: Collection[str] = ()) -> str:
    """Copy a file that was checked into the folder of a job; returns its name there.

    default: its name if it has none of its own.  taken: names that it may not have.
    """
    name = safe_name(os.path.basename(path), default)
    while name in taken:
        name = f'{default}_{name}'
    shutil.copyfile(path, job.file(name))
    return name


def check(path: str, max_bytes: int) -> tuple[str, ...]:
    """Refuse a file that is no picture, or too large, by its first bytes.  Raises ValueError.

    Returns the formats of Pillow that it may be opened as.  The painter decodes it, and refuses
    what is damaged as the command does.
    """
    check_bytes(path, max_bytes)
    try:
        with open_image(path) as file, warnings.catch_warnings():
            warnings.simplefilter('ignore')  # of large pictures, which are refused below
            torch7_format = detect_format(file)
            formats = (torch7_format,) if torch7_format else pillow_formats(file)
            file.seek(0)
            with PIL.Image.open(file, formats=formats) as picture:
                width, height = picture.size
    except PIL.Image.DecompressionBombError:
        raise ValueError(too_large()) from None
    except Exception:  # as decoders fail
        raise ValueError('this file is no picture that can be read; try a JPEG or PNG') from None
    if width * height > MAX_PIXELS:
        raise ValueError(too_large())
    return tuple(formats)


def check_bytes(path: str, max_bytes: int) -> None:
    """Refuse a file that is too large.  Raises ValueError."""
    size = os.path.getsize(path)
    if size > max_bytes:
        raise ValueError(f'the file has {size >> 20} MB; up to {max_bytes >> 20} are taken')


def too_large() -> str:
    return f'it has too many pixels; up to {MAX_PIXELS // 10**6} million are taken'


def safe_name(name: str, default: str) -> str:
    """Return a file name that means nothing to a shell or to the command."""
    stem, extension = os.path.splitext(re.sub(r'[^\w.-]+', '_', name).lstrip('.'))
    stem = stem.strip('._-')[:LONGEST_NAME] or default
    reserved = stem.startswith(RESERVED)
    return (f'{default}_{stem}' if reserved else stem) + extension.lower()[:LONGEST_SUFFIX]
