"""Which clip a path stands for: a video, an animation, a pattern or a folder of pictures."""

import os
from collections.abc import Callable
from fractions import Fraction

import numpy as np

from neural_style.files.image_formats import AVIF_BRANDS, HEIF_BRANDS
from neural_style.video.clip import Clip, Selection
from neural_style.video.decoding import open_video
from neural_style.video.picture_files import (
    is_animation,
    is_pattern,
    open_animation,
    open_pictures,
)

VIDEO_SUFFIXES = frozenset(
    '.3g2 .3gp .asf .avi .flv .m2ts .m2v .m4v .mkv .mov .mp4 .mpeg .mpg .mts .mxf .ogv .ts .vob'
    ' .webm .wmv .y4m'.split()
)


def is_video(path: str) -> bool:
    """Tell whether a file is a video, by its suffix or its first bytes; an animation is none."""
    if os.path.isdir(path):
        return False
    return os.path.splitext(path)[1].lower() in VIDEO_SUFFIXES or holds_video(path)


def holds_video(path: str) -> bool:
    """Tell whether the first bytes of a file are those of an MP4, AVI, Matroska or WebM."""
    if not os.path.isfile(path):  # what is read from a pipe is gone
        return False
    try:
        with open(path, 'rb') as file:
            header = file.read(12)
    except OSError:
        return False
    is_iso_media = header[4:8] == b'ftyp' and header[8:12] not in HEIF_BRANDS | AVIF_BRANDS
    is_avi = header[:4] == b'RIFF' and header[8:12] == b'AVI '
    return is_iso_media or is_avi or header[:4] == b'\x1a\x45\xdf\xa3'  # Matroska


def open_clip(
    path: str, selection: Selection, rate: Fraction, read: Callable[[str], np.ndarray]
) -> Clip:
    """Open a clip.

    rate, read: of single pictures, as open_pictures has them.  Raises SettingError, OSError.
    """
    if is_pattern(path) or os.path.isdir(path):
        return open_pictures(path, selection, rate, read)
    return open_animation(path, selection) if is_animation(path) else open_video(path, selection)
