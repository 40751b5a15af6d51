"""Torch7's image package: load, scale, save, and the YUV colours.

Images are tensors (channels, H, W), float64, RGB in [0, 1].
"""

import functools
import io
import math
import os
import re
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import PIL.Image
import torch
from PIL import PngImagePlugin
from torch import Tensor

from neural_style.files.atomic import write_whole
from neural_style.files.metadata import read_despite_metadata
from neural_style.files.pillow import (
    MAX_PIXELS,
    Source,
    decoder_errors,
    detect_format,
    draft,
    has_16_bits,
    is_grey_with_alpha,
    load_pixels,
    open_image,
    open_with_pillow,
    read_16_bits,
)
from neural_style.files.raster import Raster, of_tensor, raster, turned

# How each extension is written.  A pgm file holds one channel, our images have three.
FORMATS = {
    **dict.fromkeys(('jpg', 'jpeg', 'JPG', 'JPEG'), 'JPEG'),
    **dict.fromkeys(('png', 'PNG'), 'PNG'),
    **dict.fromkeys(('ppm', 'PPM'), 'PPM'),
}
ROW_CHUNK = 256  # rows that are converted at a time: float64 takes eight times the bytes


def load(path: Source) -> Tensor:
    """Read a JPEG, PNG, PPM or PGM file: (3, H, W), float64, RGB in [0, 1].

    The type is told by the file's first bytes.  Grey becomes three equal channels, alpha is
    dropped, a palette is looked up, EXIF orientation is ignored; 16 bits of a PNG are kept.
    A PPM or PGM whose maximum is not 255 is scaled by that maximum to 8 bits (the original
    reads its binary kinds as if it were 255).  Raises FileNotFoundError or another OSError if
    the file cannot be opened, ValueError if it holds no image that we read.
    Source: image/init.lua: load with depth 3.
    """
    with open_image(path) as file:
        return read_despite_metadata(path, file, functools.partial(decode, path)).tensor()


def decode(path: Source, file: BinaryIO, needed: float = math.inf, turn: int = 1) -> Raster:
    """Decode an open file as load does.  Raises ValueError.

    needed: pixels of the longer side that suffice.  A JPEG of more than MAX_PIXELS is reduced by 2,
    4 or 8 while it is decoded, to no fewer.  turn: the orientation in which EXIF says it is stored.
    """
    file_format = detect_format(file)
    if file_format is None:
        raise ValueError(f'{path}: not a JPEG, PNG or PPM image: convert it to PNG or JPEG')
    if is_grey_with_alpha(file):
        # The original says no more than that the image has a wrong number of channels.
        raise ValueError(f'{path}: grey with alpha: convert it to RGB, as PNG or JPEG')
    is_wide = has_16_bits(file)
    with decoder_errors(path, file_format):
        image = open_with_pillow(file, (file_format,))
        if is_wide:
            return raster(turned(read_16_bits(file, 'PNG'), turn), 65535)
        draft(image, needed)
        load_pixels(image)
        image.info.pop('transparency', None)
        return raster(turned(image, turn), 255, to_8_bits)


def to_8_bits(image: PIL.Image.Image) -> np.ndarray:
    """Convert decoded pixels as Torch7 does: (H, W, 3) uint8, or (H, W)."""
    if image.mode == 'CMYK':
        # libjpeg hands out the ink as stored, Pillow inverts it. The first three channels are
        # then taken for RGB, without the black one.
        return 255 - np.asarray(image)[..., :3]
    if image.mode.startswith('I'):  # a PGM with a maximum above 255
        return np.rint(np.asarray(image) / 257).astype(np.uint8)
    return np.asarray(image.convert('RGB'))


def scale(image: Tensor | Raster, size: float) -> Tensor:
    """Scale so that the longer side is size pixels, bilinearly: image.scale(image, size).

    image: (C, H, W).  size may be fractional; both sides are truncated to integers, 1 at least.
    """
    if not abs(size) <= MAX_PIXELS:
        raise ValueError(f'cannot scale an image to size {size}')
    height, width = scaled_size((image.shape[1], image.shape[2]), size)
    return scale_to(image, width, height)


def scaled_size(sides: tuple[int, int], size: float) -> tuple[int, int]:
    """Return the (H, W) that scale gives an image of the sides (H, W)."""
    height, width = sides
    longer = max(sides)
    return int(max(height * size / longer, 1)), int(max(width * size / longer, 1))


def scale_to(image: Tensor | Raster, width: int, height: int) -> Tensor:
    """Scale to a given size, bilinearly: image.scale(image, width, height).

    image: (C, H, W), any C, taken as float64.  Each axis is enlarged by linear interpolation
    with the corners aligned, or reduced by a box average.  Returns (C, height, width), float64.
    Raises ValueError for sides below 1, or more than MAX_PIXELS.
    Source: image/generic/image.c: Main_scaleBilinear.
    """
    if width < 1 or height < 1:
        raise ValueError(f'cannot scale an image to {width} x {height}')
    if width * height > MAX_PIXELS:
        raise ValueError(
            f'too many pixels: {width} x {height}; {MAX_PIXELS:,} in all are the limit'
        )
    source = of_tensor(image) if isinstance(image, Tensor) else image
    channels, source_height, _ = source.shape
    columns = np.empty((channels, width, source_height))  # rows are scaled, each by itself
    for start, stop in source.chunks():
        for channel, result in zip(source.rows(start, stop).double().numpy(), columns, strict=True):
            result[:, start:stop] = _scale_lines(np.ascontiguousarray(channel.T), width)
    scaled = np.empty((channels, height, width))
    for channel, result in zip(columns, scaled, strict=True):
        result[:] = _scale_lines(np.ascontiguousarray(channel.T), height)
    return torch.from_numpy(scaled)


def _scale_lines(source: np.ndarray, length: int) -> np.ndarray:
    """Scale the first axis of an array (L, N): (length, N).

    Coefficients, and the sums of the box average, are float32 as in the C code; what a float
    is multiplied with is double.  generic/image.c: Main_scaleLinear_rowcol.
    """
    if length > len(source):
        return _interpolate(source, length)
    if length < len(source):
        return _average(source, length)
    return source


def _interpolate(source: np.ndarray, length: int) -> np.ndarray:
    last = len(source) - 1
    step = np.float32(last) / np.float32(length - 1)
    position = np.arange(length, dtype=np.float32) * step
    index = np.minimum(position.astype(np.int64), last)
    fraction = (position - index.astype(np.float32))[:, None]
    result = (np.float32(1) - fraction) * source[index]
    result += fraction * source[np.minimum(index + 1, last)]
    result[-1] = source[-1]
    return result


def _average(source: np.ndarray, length: int) -> np.ndarray:
    step = np.float32(len(source)) / np.float32(length)
    # Box i reaches from edge i to edge i + 1: a part of its first line, full lines, a part of
    # the line its end falls into.
    edge = np.arange(length + 1, dtype=np.float32) * step
    line = edge.astype(np.int64)
    part = edge - line.astype(np.float32)
    begin, end = line[:-1], line[1:]

    weight = np.float32(1) - part[:-1]
    total = (weight[:, None] * source[begin]).astype(np.float32)
    for offset in range(1, int((end - begin).max())):
        boxes = np.flatnonzero(begin + offset < end)
        total[boxes] = total[boxes] + source[begin[boxes] + offset]  # in double, kept as float
        weight[boxes] += np.float32(1)
    boxes = np.flatnonzero(end < len(source))
    last = part[1:][boxes]
    total[boxes] = total[boxes] + last[:, None] * source[end[boxes]]
    weight[boxes] += last
    return (total / weight[:, None]).astype(np.float64)


def is_supported(path: str | Path) -> bool:
    """Tell whether save knows the extension: jpg, jpeg, JPG, JPEG, png, PNG, ppm, PPM."""
    return _extension(path) in FORMATS


def _extension(path: str | Path) -> str | None:
    """Return what stands behind the last dot if it is letters only."""
    match = re.search(r'\.([A-Za-z]+)\Z', os.fspath(path))
    return match[1] if match else None


def save(
    path: str | Path,
    image: Tensor,
    jpeg_quality: int = 75,
    alpha: Tensor | None = None,
    comment: str | None = None,
) -> None:
    """Write an image in the format of the path's extension (see is_supported).

    The arguments are those of encode.  The file appears whole or, if an error occurs, not at all.
    Raises ValueError for an extension or image that cannot be written, OSError if the disk refuses.
    Source: image/init.lua: save, clampImage.
    """
    try:
        write_whole(path, encode(path, image, jpeg_quality, alpha, comment))
    except OSError as error:
        raise type(error)(f'{path}: cannot write the image: {error.strerror}') from error


def encode(
    path: str | Path,
    image: Tensor,
    jpeg_quality: int = 75,
    alpha: Tensor | None = None,
    comment: str | None = None,
) -> memoryview:
    """Return the bytes of an image file in the format of a path's extension.

    image: (3, H, W), RGB; cut to [0, 1], times 255, truncated; nan becomes 0. jpeg_quality: 1 to
    100, for JPEG alone. alpha: (1, H, W) in [0, 1], for PNG alone. comment: ASCII, below 64 KB,
    kept beside the pixels, not in PPM. Raises ValueError for what cannot be encoded.
    """
    options = _save_options(path, jpeg_quality, comment)
    if image.ndim != 3 or len(image) != 3:
        raise ValueError(f'{path}: an image of shape {tuple(image.shape)} is not (3, H, W)')
    if alpha is not None and options['format'] != 'PNG':
        raise ValueError(f'{path}: only a .png holds transparency')
    encoded = io.BytesIO()
    try:
        PIL.Image.fromarray(to_bytes(image, alpha)).save(encoded, **options)
    except (OSError, ValueError) as error:  # more pixels a side than the format can count
        raise ValueError(f'{path}: cannot encode the image: {error}') from error
    return encoded.getbuffer()


def _save_options(path: str | Path, jpeg_quality: int, comment: str | None) -> dict[str, Any]:
    """Return Pillow's options for the format of the path's extension."""
    extension = _extension(path)
    if extension not in FORMATS:
        known = ', '.join(FORMATS)
        raise ValueError(f'{path}: unknown image type: {extension or "none"}: use one of {known}')
    options: dict[str, Any] = {'format': FORMATS[extension]}
    if options['format'] == 'JPEG':
        options['quality'] = jpeg_quality
        if comment:
            options['comment'] = comment
    elif options['format'] == 'PNG' and comment:
        options['pnginfo'] = PngImagePlugin.PngInfo()
        options['pnginfo'].add_text('Comment', comment)
    return options


def to_bytes(image: Tensor, alpha: Tensor | None = None) -> np.ndarray:
    """Convert (3, H, W), and (1, H, W), to (H, W, 3) or (H, W, 4) uint8."""
    pixels = np.empty((*image.shape[1:], 3 if alpha is None else 4), np.uint8)
    for row in range(0, len(pixels), ROW_CHUNK):
        chunk = image[:, row : row + ROW_CHUNK].detach().cpu().double()
        values = chunk.clamp(0, 1).mul_(255).nan_to_num_(nan=0)
        pixels[row : row + ROW_CHUNK, :, :3] = values.permute(1, 2, 0).to(torch.uint8).numpy()
    if alpha is not None:
        pixels[:, :, 3] = alpha[0].double().clamp(0, 1).mul(255).round().to(torch.uint8).numpy()
    return pixels


def rgb2yuv(image: Tensor) -> Tensor:
    """Convert (3, H, W) from RGB to YUV, float64.  Source: image/init.lua: rgb2yuv."""
    red, green, blue = image.double()
    y = (0.299 * red).add_(green, alpha=0.587).add_(blue, alpha=0.114)
    u = (-0.14713 * red).add_(green, alpha=-0.28886).add_(blue, alpha=0.436)
    v = (0.615 * red).add_(green, alpha=-0.51499).add_(blue, alpha=-0.10001)
    return torch.stack((y, u, v))


def yuv2rgb(image: Tensor) -> Tensor:
    """Convert (3, H, W) from YUV to RGB, float64.  Source: image/init.lua: yuv2rgb."""
    y, u, v = image.double()
    red = y.clone().add_(v, alpha=1.13983)
    green = y.clone().add_(u, alpha=-0.39465).add_(v, alpha=-0.58060)
    blue = y.clone().add_(u, alpha=2.03211)
    return torch.stack((red, green, blue))
