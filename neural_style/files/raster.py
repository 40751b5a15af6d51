"""Rasters: the pixels of an image file, turned into numbers a few rows at a time."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import PIL.Image
import torch
from PIL.Image import Transpose
from torch import Tensor

from neural_style.files.pillow import to_tensor

CHUNK_PIXELS = 1 << 19  # that are converted at a time
# EXIF's orientations, and what shows an image upright.
TURNS = {
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_270,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_90,
}


@dataclass(frozen=True)
class Raster:
    """An image (C, H, W), whose rows are float64, RGB in [0, 1], once they are asked for.

    rows: gives rows from start to stop, (C, stop - start, W).
    """

    shape: tuple[int, int, int]
    rows: Callable[[int, int], Tensor]

    def tensor(self) -> Tensor:
        """Return all rows."""
        return self.rows(0, self.shape[1])

    def chunks(self) -> list[tuple[int, int]]:
        """Return the first row, and the one behind the last, of chunks that cover the image."""
        _, height, width = self.shape
        step = max(CHUNK_PIXELS // max(width, 1), 1)
        return [(start, min(start + step, height)) for start in range(0, height, step)]


def raster(
    pixels: Any,
    maximum: int,
    convert: Callable[[PIL.Image.Image], np.ndarray] = np.asarray,
    channels: int = 3,
) -> Raster:
    """Return a raster of decoded pixels.

    pixels: a Pillow image, or an array (H, W) or (H, W, 3).
    maximum: the number that stands for 1.  convert: gives (H, W) or (H, W, 3) for rows of a Pillow
    image.  channels: of the three, how many are kept.
    """
    is_array = isinstance(pixels, np.ndarray)
    height, width = pixels.shape[:2] if is_array else pixels.size[::-1]

    def rows(start: int, stop: int) -> Tensor:
        if is_array:
            chunk = pixels[start:stop]
        else:
            is_part = stop - start < height
            chunk = convert(pixels.crop((0, start, width, stop)) if is_part else pixels)
        return to_tensor(chunk, maximum)[:channels]

    return Raster((channels, height, width), rows)


def of_tensor(image: Tensor) -> Raster:
    """Return the raster of a tensor (C, H, W)."""
    channels, height, width = image.shape
    return Raster((channels, height, width), lambda start, stop: image[:, start:stop])


def stacked(first: Raster, second: Raster) -> Raster:
    """Put the channels of a raster behind those of another of the same size."""
    channels, height, width = first.shape
    return Raster(
        (channels + second.shape[0], height, width),
        lambda start, stop: torch.cat([first.rows(start, stop), second.rows(start, stop)]),
    )


def mapped(image: Raster, function: Callable[[Tensor], Tensor], channels: int) -> Raster:
    """Apply a function of single pixels, which gives so many channels."""
    return Raster(
        (channels, *image.shape[1:]), lambda start, stop: function(image.rows(start, stop))
    )


def turned(pixels: Any, orientation: object) -> Any:
    """Show a Pillow image, or an array, stored in one of EXIF's eight orientations upright."""
    if not isinstance(orientation, int) or orientation not in TURNS:
        return pixels
    if not isinstance(pixels, np.ndarray):
        return pixels.transpose(TURNS[orientation])
    if orientation in (5, 6, 7, 8):  # rows are columns
        pixels = pixels.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return pixels
