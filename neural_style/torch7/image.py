"""Torch7's image package: load, scale, save, and the YUV colours.

Images are tensors (channels, H, W), float64, RGB in [0, 1].
"""

import contextlib
import io
import os
import re
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import PIL.Image
import torch
from PIL import PngImagePlugin
from torch import Tensor

from neural_style.files.atomic import write_whole

# What a file begins with, whatever its name: image/init.lua: load.
MAGIC = {
    b'\xff\xd8\xff': 'JPEG',
    b'\x89PNG': 'PNG',
    b'P2': 'PPM',
    b'P3': 'PPM',
    b'P5': 'PPM',
    b'P6': 'PPM',
}
MOST_PIXELS = 178_956_970  # that Pillow reads: 2 MAX_IMAGE_PIXELS; we make no larger ones either
# Above half of that, a file of fewer bytes is taken for a decompression bomb: a white JPEG has up
# to 170 pixels a byte, an empty bitmap of 13,000 x 13,000 has 8,200.
PIXELS_PER_BYTE = 1000
PNG_DEPTH, PNG_COLOR_TYPE = slice(24, 25), slice(25, 26)  # where they stand in a PNG file
SIXTEEN_BITS, GREY_WITH_ALPHA = b'\x10', b'\x04'

# How each extension is written. A pgm file holds one channel, our images have three.
JPEG: dict[str, Any] = {'format': 'JPEG'}
PNG: dict[str, Any] = {'format': 'PNG'}
PPM: dict[str, Any] = {'format': 'PPM'}
ROWS = 256  # of an image, worked on at a time where all of them would take much memory
SAVERS = {'jpg': JPEG, 'jpeg': JPEG, 'JPG': JPEG, 'JPEG': JPEG}
SAVERS |= {'png': PNG, 'PNG': PNG, 'ppm': PPM, 'PPM': PPM}


def load(path: str | Path) -> Tensor:
    """Read a JPEG, PNG, PPM or PGM file: (3, H, W), float64, RGB in [0, 1].

    The type is told by the file's first bytes. Grey becomes three equal channels, alpha is
    dropped, a palette is looked up, EXIF orientation is ignored; 16 bits of a PNG are kept.
    A PPM or PGM whose maximum is not 255 is scaled by that maximum to 8 bits (the original
    reads its binary kinds as if it were 255). Raises FileNotFoundError or another OSError if
    the file cannot be opened, ValueError if it holds no image that we read.
    Source: image/init.lua: load with depth 3.
    """
    with opened(path) as file:
        kind = detect_format(file)
        if kind is None:
            raise ValueError(f'{path}: not a JPEG, PNG or PPM image: convert it to PNG or JPEG')
        head = _head(file)
        if is_grey_with_alpha(file):
            # The original says no more than that the image has a wrong number of channels.
            raise ValueError(f'{path}: grey with alpha: convert it to RGB, as PNG or JPEG')
        with decoder_errors(path, kind):
            found = pillow(file, (kind,))
            if kind == 'PNG' and head[PNG_DEPTH] == SIXTEEN_BITS:
                return from_integers(pixels16(file, 'PNG'), 65535)
            return from_integers(_pixels8(found), 255)


@contextlib.contextmanager
def opened(path: str | Path) -> Iterator[BinaryIO]:
    """Open an image file; the OSError of what fails then names it."""
    try:
        with open(path, 'rb') as file:
            yield file
    except FileNotFoundError:
        raise FileNotFoundError(f'{path}: no such image file') from None
    except OSError as error:
        raise type(error)(f'{path}: cannot read the image: {error.strerror or error}') from None


def detect_format(file: BinaryIO) -> str | None:
    """What an open file is, 'JPEG', 'PNG' or 'PPM', told by its first bytes; None for others."""
    head = _head(file)
    return next((MAGIC[magic] for magic in MAGIC if head.startswith(magic)), None)


def is_grey_with_alpha(file: BinaryIO) -> bool:
    """Whether an open file is a PNG of the one kind that the original refuses."""
    return detect_format(file) == 'PNG' and _head(file)[PNG_COLOR_TYPE] == GREY_WITH_ALPHA


def pillow(file: BinaryIO, formats: tuple[str, ...]) -> PIL.Image.Image:
    """Pillow's image of an open file, not yet decoded; no decompression bomb."""
    image = PIL.Image.open(file, formats=formats)
    pixels = image.width * image.height
    if pixels > MOST_PIXELS // 2 and pixels > PIXELS_PER_BYTE * os.fstat(file.fileno()).st_size:
        raise PIL.Image.DecompressionBombError
    return image


def _head(file):
    head = file.read(PNG_COLOR_TYPE.stop)
    file.seek(0)
    return head


@contextlib.contextmanager
def decoder_errors(path: str | Path, kind: str | None) -> Iterator[None]:
    """Turn what a decoder fails with into a ValueError that names the file, and its kind."""
    try:
        with warnings.catch_warnings():
            # Pillow warns above 90 million pixels, refuses above 179 million and warns of
            # odd metadata; the first and the last are no concern of ours.
            warnings.simplefilter('ignore')
            yield
    except PIL.Image.DecompressionBombError:
        raise ValueError(f'{path}: too many pixels: scale it down first') from None
    except MemoryError:
        raise
    except Exception as error:  # a decoder fails in any way that a broken file makes it fail
        reason = '' if isinstance(error, PIL.UnidentifiedImageError) else f' ({error})'
        what = f'{kind} image' if kind else 'image'
        raise ValueError(
            f'{path}: damaged or unsupported {what}{reason}: convert it to PNG or JPEG'
        ) from error


def _pixels8(image):
    """(H, W, 3) uint8."""
    if image.mode == 'CMYK':
        # libjpeg hands out the ink as stored, Pillow inverts it. The first three channels are
        # then taken for RGB, without the black one.
        return 255 - np.asarray(image)[..., :3]
    if image.mode.startswith('I'):  # a PGM with a maximum above 255
        return np.rint(np.asarray(image) / 257).astype(np.uint8)
    image.info.pop('transparency', None)
    return np.asarray(image.convert('RGB'))


def pixels16(file: BinaryIO, kind: str) -> np.ndarray:
    """Values of a picture with 16 bits a channel: (H, W) or (H, W, 3) uint16.

    Pillow cuts 16-bit colours to their high byte. Told that the low byte came first, it cuts
    them to the other one, so that two passes read both. kind: 'PNG', or 'TIFF' where rawmode
    says RGB, RGBX or RGBA.
    """
    file.seek(0)
    content = file.read()  # libtiff leaves a file unfit for a second pass
    image = PIL.Image.open(io.BytesIO(content), formats=(kind,))
    if image.mode.startswith('I'):  # grey
        return np.asarray(image)
    high = np.asarray(image)[..., :3].astype(np.uint16)
    image = PIL.Image.open(io.BytesIO(content), formats=(kind,))
    image.tile = [_low_bytes(tile) for tile in image.tile]
    return high << 8 | np.asarray(image)[..., :3]


def rawmode(tile: Any) -> str:
    """What Pillow takes the bytes of a tile for, such as RGB;16B."""
    return tile[3] if isinstance(tile[3], str) else tile[3][0]


def _low_bytes(tile):
    """A tile, with the order of its bytes reversed."""
    stored = rawmode(tile)
    order = stored[-1].replace('N', 'L' if sys.byteorder == 'little' else 'B')
    swapped = stored[:-1] + ('B' if order == 'L' else 'L')
    parts = (*tile[:3], swapped if isinstance(tile[3], str) else (swapped, *tile[3][1:]))
    return parts if type(tile) is tuple else type(tile)(*parts)  # Pillow 11 made it a named one


def from_integers(pixels: np.ndarray, maximum: int) -> Tensor:
    """(H, W) or (H, W, 3) integers -> (3, H, W), times the reciprocal of the maximum."""
    if pixels.ndim == 2:
        pixels = np.broadcast_to(pixels[..., None], (*pixels.shape, 3))
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)) * (1.0 / maximum))


def scale(image: Tensor, size: float) -> Tensor:
    """Scale so that the longer side is size pixels, bilinearly: image.scale(image, size).

    image: (C, H, W). size may be fractional; both sides are cut to integers, 1 at least.
    """
    _, height, width = image.shape
    longer = max(width, height)
    if not abs(size) <= MOST_PIXELS:
        raise ValueError(f'cannot scale an image to size {size}')
    return scale_to(image, int(max(width * size / longer, 1)), int(max(height * size / longer, 1)))


def scale_to(image: Tensor, width: int, height: int) -> Tensor:
    """Scale to a given size, bilinearly: image.scale(image, width, height).

    image: (C, H, W), any C, taken as float64. Each axis is enlarged by linear interpolation
    with the corners aligned, or reduced by a box average. Returns (C, height, width), float64.
    Raises ValueError for sides below 1, or more than MOST_PIXELS.
    Source: image/generic/image.c: Main_scaleBilinear.
    """
    if width < 1 or height < 1:
        raise ValueError(f'cannot scale an image to {width} x {height}')
    if width * height > MOST_PIXELS:
        raise ValueError(
            f'too many pixels: {width} x {height}; {MOST_PIXELS:,} in all are the limit'
        )
    scaled = np.empty((len(image), height, width))
    for channel, result in zip(image.double().numpy(), scaled, strict=True):
        rows = _scale_lines(np.ascontiguousarray(channel.T), width)  # (width, H)
        result[:] = _scale_lines(np.ascontiguousarray(rows.T), height)
    return torch.from_numpy(scaled)


def _scale_lines(source, length):
    """Scale the first axis of an array (L, N): (length, N).

    Coefficients, and the sums of the box average, are float32 as in the C code; what a float
    is multiplied with is double.  generic/image.c: Main_scaleLinear_rowcol.
    """
    if length > len(source):
        return _interpolate(source, length)
    if length < len(source):
        return _average(source, length)
    return source


def _interpolate(source, length):
    last = len(source) - 1
    step = np.float32(last) / np.float32(length - 1)
    position = np.arange(length, dtype=np.float32) * step
    index = np.minimum(position.astype(np.int64), last)
    fraction = (position - index.astype(np.float32))[:, None]
    result = (np.float32(1) - fraction) * source[index]
    result += fraction * source[np.minimum(index + 1, last)]
    result[-1] = source[-1]
    return result


def _average(source, length):
    step = np.float32(len(source)) / np.float32(length)
    # Box i reaches from edge i to edge i + 1: a part of its first line, whole lines, a part of
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
    rest = part[1:][boxes]
    total[boxes] = total[boxes] + rest[:, None] * source[end[boxes]]
    weight[boxes] += rest
    return (total / weight[:, None]).astype(np.float64)


def is_supported(path: str | Path) -> bool:
    """Whether save knows the extension: jpg, jpeg, JPG, JPEG, png, PNG, ppm, PPM."""
    return _extension(path) in SAVERS


def _extension(path):
    """What stands behind the last dot, if it is letters only; else None."""
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

    image: (3, H, W), RGB; cut to [0, 1], times 255, truncated; nan becomes 0. jpeg_quality: 1 to
    100, for JPEG alone. alpha: (1, H, W) in [0, 1], for PNG alone. comment: ASCII, below 64 KB,
    kept beside the pixels; PPM goes without. The file appears whole or, if an error occurs, not at
    all. Raises ValueError for an extension or image that cannot be written, OSError if the disk
    refuses.
    Source: image/init.lua: save, clampImage.
    """
    if not is_supported(path):
        kinds = ', '.join(SAVERS)
        raise ValueError(
            f'{path}: unknown image type: {_extension(path) or "none"}: use one of {kinds}'
        )
    if image.ndim != 3 or len(image) != 3:
        raise ValueError(f'{path}: an image of shape {tuple(image.shape)} is not (3, H, W)')
    options = SAVERS[_extension(path)]
    if alpha is not None and options is not PNG:
        raise ValueError(f'{path}: only a .png holds transparency')
    pixels = np.empty((*image.shape[1:], 3 if alpha is None else 4), np.uint8)
    for row in range(0, len(pixels), ROWS):  # some at a time: they need eight times the bytes
        part = image[:, row : row + ROWS].detach().cpu().double()
        values = part.clamp(0, 1).mul_(255).nan_to_num_(nan=0)
        pixels[row : row + ROWS, :, :3] = values.permute(1, 2, 0).to(torch.uint8).numpy()
    if alpha is not None:
        pixels[:, :, 3] = alpha[0].double().clamp(0, 1).mul(255).round().to(torch.uint8).numpy()
    encoded = io.BytesIO()
    try:
        if options is JPEG:
            options = JPEG | {'quality': jpeg_quality} | ({'comment': comment} if comment else {})
        elif options is PNG and comment:
            chunks = PngImagePlugin.PngInfo()
            chunks.add_text('Comment', comment)
            options = PNG | {'pnginfo': chunks}
        PIL.Image.fromarray(pixels).save(encoded, **options)
    except (OSError, ValueError) as error:  # more pixels a side than the format can count
        raise ValueError(f'{path}: cannot encode the image: {error}') from error
    try:
        write_whole(path, encoded.getbuffer())
    except OSError as error:
        raise type(error)(f'{path}: cannot write the image: {error.strerror}') from error


def rgb2yuv(image: Tensor) -> Tensor:
    """(3, H, W) RGB -> YUV, float64.  Source: image/init.lua: rgb2yuv."""
    red, green, blue = image.double()
    y = (0.299 * red).add_(green, alpha=0.587).add_(blue, alpha=0.114)
    u = (-0.14713 * red).add_(green, alpha=-0.28886).add_(blue, alpha=0.436)
    v = (0.615 * red).add_(green, alpha=-0.51499).add_(blue, alpha=-0.10001)
    return torch.stack((y, u, v))


def yuv2rgb(image: Tensor) -> Tensor:
    """(3, H, W) YUV -> RGB, float64.  Source: image/init.lua: yuv2rgb."""
    y, u, v = image.double()
    red = y.clone().add_(v, alpha=1.13983)
    green = y.clone().add_(u, alpha=-0.39465).add_(v, alpha=-0.58060)
    blue = y.clone().add_(u, alpha=2.03211)
    return torch.stack((red, green, blue))
