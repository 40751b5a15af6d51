"""Image files through Pillow: what they are, their pixels at full depth, their errors."""

import contextlib
import io
import os
import sys
import threading
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import PIL.Image
import torch
from torch import Tensor

# The first bytes of the formats that Torch7 reads: image/init.lua: load.
MAGIC = {
    b'\xff\xd8\xff': 'JPEG',
    b'\x89PNG': 'PNG',
    b'P2': 'PPM',
    b'P3': 'PPM',
    b'P5': 'PPM',
    b'P6': 'PPM',
}
# Images that we make have at most so many pixels, twice Pillow's MAX_IMAGE_PIXELS.  A larger JPEG
# is reduced while it is decoded.
MAX_PIXELS = 178_956_970
MAX_SOURCE_PIXELS = 1 << 30  # of files that are read
# Formats whose headers say how large an image is that is decoded.
LARGE_FORMATS = ('JPEG', 'MPO', 'PNG', 'PPM', 'BMP', 'TIFF', 'WEBP', 'JPEG2000', 'AVIF', 'HEIF')
# An image of more than this many pixels whose file has fewer bytes is taken for a decompression
# bomb: a white JPEG has up to 170 pixels a byte, an empty bitmap of 13,000 x 13,000 has 8,200.
MAX_PIXELS_UNCHECKED, MAX_PIXELS_PER_BYTE = MAX_PIXELS // 2, 1000
LIMIT_LOCK = threading.RLock()
PNG_DEPTH, PNG_COLOR_TYPE = 24, 25  # positions in a PNG file
GREY_WITH_ALPHA = 4  # a colour type of PNG


@dataclass(frozen=True)
class PipedFile:
    """A file that came through a pipe, which can be read once only."""

    name: str
    content: bytes

    def __str__(self) -> str:
        return self.name


Source = str | Path | PipedFile


@contextlib.contextmanager
def open_image(path: Source) -> Iterator[BinaryIO]:
    """Open an image file; an OSError names it."""
    if isinstance(path, PipedFile):
        yield io.BytesIO(path.content)
        return
    try:
        with open(path, 'rb') as file:
            yield file
    except FileNotFoundError:
        raise FileNotFoundError(f'{path}: no such image file') from None
    except OSError as error:
        raise type(error)(f'{path}: cannot read the image: {error.strerror or error}') from None


def detect_format(file: BinaryIO) -> str | None:
    """Tell the format of an open file by its first bytes: 'JPEG', 'PNG' or 'PPM'; None for others.

    Those are the formats that Torch7 reads, whatever the file's name.
    """
    header = _read_header(file)
    return next((MAGIC[magic] for magic in MAGIC if header.startswith(magic)), None)


def is_grey_with_alpha(file: BinaryIO) -> bool:
    """Tell whether an open file is a PNG of grey with alpha, the one kind that Torch7 refuses."""
    return _read_png_byte(file, PNG_COLOR_TYPE) == GREY_WITH_ALPHA


def has_16_bits(file: BinaryIO) -> bool:
    """Tell whether an open file is a PNG with 16 bits a channel."""
    return _read_png_byte(file, PNG_DEPTH) == 16


def _read_png_byte(file: BinaryIO, position: int) -> int | None:
    """Return a byte of the header of a PNG; None for other formats and shorter files."""
    header = _read_header(file)
    is_png = detect_format(file) == 'PNG' and len(header) > position
    return header[position] if is_png else None


def _read_header(file: BinaryIO) -> bytes:
    file.seek(0)
    header = file.read(PNG_COLOR_TYPE + 1)
    file.seek(0)
    return header


def open_with_pillow(file: BinaryIO, formats: tuple[str, ...]) -> PIL.Image.Image:
    """Open an image of an open file, not yet decoded; no decompression bomb."""
    image: PIL.Image.Image
    try:
        image = PIL.Image.open(file, formats=formats)
    except PIL.Image.DecompressionBombError as error:
        large_formats = tuple(name for name in formats if name in LARGE_FORMATS)
        if not large_formats:
            raise
        try:
            with _no_pillow_limit():  # ours is checked below
                image = PIL.Image.open(file, formats=large_formats)
        except PIL.UnidentifiedImageError:
            raise error from None
    position = file.tell()  # where the decoder goes on
    pixels, size = image.width * image.height, file.seek(0, os.SEEK_END)
    file.seek(position)
    shown = f'{image.width} x {image.height}'
    if pixels > MAX_SOURCE_PIXELS:
        raise PIL.Image.DecompressionBombError(f'{shown}; {MAX_SOURCE_PIXELS:,} are the limit')
    if pixels > MAX_PIXELS_UNCHECKED and pixels > MAX_PIXELS_PER_BYTE * size:
        raise PIL.Image.DecompressionBombError(
            f'{shown} in {size:,} bytes; {MAX_PIXELS_PER_BYTE} a byte are the limit, against'
            ' decompression bombs'
        )
    return image


@contextlib.contextmanager
def _no_pillow_limit() -> Iterator[None]:
    """Lift Pillow's own limit of pixels, for one thread of ours at a time."""
    with LIMIT_LOCK:
        former, PIL.Image.MAX_IMAGE_PIXELS = PIL.Image.MAX_IMAGE_PIXELS, None
        try:
            yield
        finally:
            PIL.Image.MAX_IMAGE_PIXELS = former


def load_pixels(image: PIL.Image.Image) -> None:
    """Decode an image that open_with_pillow has opened."""
    is_large = image.width * image.height > MAX_PIXELS and image.format in LARGE_FORMATS
    with _no_pillow_limit() if is_large else contextlib.nullcontext():
        image.load()


def check_pixels(path: Source) -> None:
    """Raise ValueError for a JPEG, PNG or PPM that has not all of its pixels."""
    with open_image(path) as file:
        file_format = detect_format(file)
        if file_format is None:
            raise ValueError(f'{path}: not a JPEG, PNG or PPM image')
        with decoder_errors(path, file_format):
            load_pixels(open_with_pillow(file, (file_format,)))


def draft(image: PIL.Image.Image, needed: float) -> None:
    """Let a JPEG of more than MAX_PIXELS be reduced by its decoder, by 2, 4 or 8.

    needed: pixels of the longer side that suffice.
    """
    divisor = _draft_divisor(image, needed)
    if divisor > 1:
        image.draft(None, (image.width // divisor, image.height // divisor))


def _draft_divisor(image: PIL.Image.Image, needed: float) -> int:
    if image.format != 'JPEG' or image.width * image.height <= MAX_PIXELS:
        return 1
    longer = max(image.size)
    return next((divisor for divisor in (8, 4, 2) if longer // divisor >= needed), 1)


def decoded_bytes(image: Any, needed: float) -> int:
    """Count the bytes that decoding an image takes.  needed: as draft has it."""
    pixels = image.width * image.height
    if image.format == 'JPEG':
        # a progressive one keeps all coefficients, at two bytes each
        coefficients = 6 * pixels if image.info.get('progressive') else 0
        return coefficients + 4 * pixels // _draft_divisor(image, needed) ** 2
    if image.format in ('PNG', 'TIFF') and any('16' in raw_mode(tile) for tile in image.tile):
        return pixels * 24  # read_16_bits
    size = {'1': 1, 'L': 1, 'P': 1, 'I;16': 2}.get(image.mode, 4)
    return pixels * (size if image.format in ('PNG', 'PPM') else 2 * size)


@contextlib.contextmanager
def decoder_errors(path: Source, file_format: str | None) -> Iterator[None]:
    """Turn whatever a decoder raises into a ValueError that names the file and its format."""
    try:
        with warnings.catch_warnings():
            # Pillow warns above 90 million pixels, refuses above 179 million and warns of
            # odd metadata; the first and the last are no concern of ours.
            warnings.simplefilter('ignore')
            yield
    except PIL.Image.DecompressionBombError as error:
        raise ValueError(f'{path}: too many pixels: {error}: scale it down first') from None
    except MemoryError:
        raise
    except Exception as error:  # a decoder fails in any way that a broken file makes it fail
        reason = '' if isinstance(error, PIL.UnidentifiedImageError) else f' ({error})'
        what = f'{file_format} image' if file_format else 'image'
        raise ValueError(
            f'{path}: damaged or unsupported {what}{reason}: convert it to PNG or JPEG'
        ) from error


def read_16_bits(file: BinaryIO, file_format: str) -> np.ndarray:
    """Read an image with 16 bits a channel: (H, W) or (H, W, 3) uint16.

    Pillow cuts 16-bit colours to their high byte.  Told that the low byte came first, it cuts them
    to the other one, so that two passes read both.
    file_format: 'PNG', or 'TIFF' whose raw mode is RGB, RGBX or RGBA.
    """
    file.seek(0)
    content = file.read()  # libtiff leaves a file unfit for a second pass
    image: Any = open_with_pillow(io.BytesIO(content), (file_format,))
    load_pixels(image)
    if image.mode.startswith('I'):  # grey
        return np.asarray(image)
    high = np.asarray(image)[..., :3].astype(np.uint16)
    image = open_with_pillow(io.BytesIO(content), (file_format,))
    image.tile = [_swap_bytes(tile) for tile in image.tile]
    load_pixels(image)
    return high << 8 | np.asarray(image)[..., :3]


def raw_mode(tile: Any) -> str:
    """Return what Pillow takes the bytes of a tile for, such as RGB;16B."""
    return tile[3] if isinstance(tile[3], str) else tile[3][0]


def _swap_bytes(tile: Any) -> Any:
    """Return a tile with the order of its bytes reversed."""
    stored = raw_mode(tile)
    order = stored[-1].replace('N', 'L' if sys.byteorder == 'little' else 'B')
    swapped = stored[:-1] + ('B' if order == 'L' else 'L')
    arguments = swapped if isinstance(tile[3], str) else (swapped, *tile[3][1:])
    parts = (*tile[:3], arguments)
    return parts if type(tile) is tuple else type(tile)(*parts)  # Pillow 11 made it a named one


def to_tensor(pixels: np.ndarray, maximum: int) -> Tensor:
    """Turn numbers (H, W) or (H, W, 3) into (3, H, W), times the reciprocal of the maximum."""
    if pixels.ndim == 2:
        pixels = np.broadcast_to(pixels[..., None], (*pixels.shape, 3))
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)) * (1.0 / maximum))
