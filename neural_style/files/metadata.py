"""Metadata of PNG and JPEG files, left out where a decoder stumbles over them."""

import contextlib
import io
import logging
import os
import struct
import warnings
import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO, TypeVar

import PIL.Image

from neural_style.files.pillow import Source, detect_format

logger = logging.getLogger(__name__)

T = TypeVar('T')

PNG_SIGNATURE = b'\x89PNG\r\n\x1a\n'
PNG_PIXELS = {b'IHDR', b'PLTE', b'IDAT', b'IEND'}
PNG_KEPT = {b'tRNS', b'eXIf'}  # if they are sound
# Bytes that tRNS has at least, by the colour type.
TRANSPARENCY_BYTES = {0: 2, 2: 6, 3: 1}
MAX_PROFILE_BYTES = 64 << 20  # unpacked
SOS, COM = 0xDA, 0xFE  # markers of JPEG
END_MARKER = b'\xff\xd9'
# Lengths of the segments of JFIF and Adobe, which say how colours are stored.
JPEG_KEPT = {0xE0: 14, 0xEE: 12}
APPLICATION_SEGMENTS = range(0xE0, 0xF0)


class StrippedFile(io.BytesIO):
    """An image file without its metadata, but for the colour profile."""

    profile: bytes | None = None


def read_despite_metadata(path: Source, file: BinaryIO, reader: Callable[[BinaryIO], T]) -> T:
    """Read an open image file; if that fails, read it without its metadata, and log a warning.

    reader: raises ValueError for a file that it cannot read.
    """
    try:
        return reader(file)
    except ValueError as error:
        if error.__cause__ is None:  # a refusal, such as of too many pixels, and no decoder's
            raise
        ended = with_end_marker(file)
        if ended is not None:
            logger.warning('%s: it has all its pixels, but no marker at its end', path)
            return reader(ended)
        stripped = without_metadata(file)
        if stripped is None:
            raise
        try:
            result = reader(stripped)
        except ValueError:
            raise error from error.__cause__
        is_vague = isinstance(error.__cause__, PIL.UnidentifiedImageError)
        reason = 'damaged' if is_vague else str(error.__cause__).rstrip('.')
        logger.warning(
            '%s: its metadata were ignored, since they cannot be read (%s)', path, reason
        )
        return result


def with_end_marker(file: BinaryIO) -> io.BytesIO | None:
    """Return a JPEG with the marker that its end lacks; None for others, or if pixels are missing.

    Where the data end before the pixels do, a decoder makes pixels of what follows them, so these
    must not depend on it.  A progressive JPEG may lack a scan, which nobody would see.
    """
    if detect_format(file) != 'JPEG':
        return None
    file.seek(0)
    content = file.read()
    if content.endswith(END_MARKER):
        return None
    images = []
    with contextlib.suppress(Exception), warnings.catch_warnings():  # as decoders fail
        warnings.simplefilter('ignore')
        for filling in (b'\x55', b'\xaa'):
            ended = io.BytesIO(content + 64 * filling + END_MARKER)
            image = PIL.Image.open(ended, formats=['JPEG'])
            image.load()
            images.append(image)
    is_complete = len(images) == 2 and images[0].tobytes() == images[1].tobytes()
    if not is_complete or 'progressive' in images[0].info:
        return None
    return io.BytesIO(content + END_MARKER)


def without_metadata(file: BinaryIO) -> StrippedFile | None:
    """Return a PNG or JPEG without its metadata; None for others, and where there are none."""
    strip = {'PNG': _strip_png, 'JPEG': _strip_jpeg}.get(detect_format(file) or '')
    if strip is None or isinstance(file, StrippedFile):
        return None
    file.seek(0)
    content = file.read()
    try:
        stripped = strip(content)
    except (IndexError, struct.error):  # not even its parts can be told
        return None
    return stripped if stripped.seek(0, os.SEEK_END) < len(content) else None


def profile_of(file: BinaryIO) -> bytes | None:
    """Return the colour profile that a file had before it was stripped."""
    return file.profile if isinstance(file, StrippedFile) else None


def _strip_png(content: bytes) -> StrippedFile:
    stripped = StrippedFile()
    stripped.write(content[: len(PNG_SIGNATURE)])
    color_type = content[25]
    for name, data, chunk in _png_chunks(content):
        is_sound = chunk[-4:] == zlib.crc32(name + data).to_bytes(4, 'big')
        if name == b'tRNS':
            is_sound = is_sound and len(data) >= TRANSPARENCY_BYTES.get(color_type, 1)
        if name in PNG_PIXELS or (name in PNG_KEPT and is_sound):
            stripped.write(chunk)
        if name == b'iCCP' and is_sound:
            stripped.profile = _unpacked_profile(data)
    return stripped


def _png_chunks(content: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
    """Yield name, data and all bytes of each chunk."""
    position = len(PNG_SIGNATURE)
    while position + 12 <= len(content):
        (length,) = struct.unpack_from('>I', content, position)
        end = position + 12 + length
        name = content[position + 4 : position + 8]
        yield name, content[position + 8 : end - 4], content[position:end]
        if name == b'IEND':
            break
        position = end


def _unpacked_profile(data: bytes) -> bytes | None:
    """Return the profile of an iCCP chunk; None if it is damaged, or too long."""
    packed = data.partition(b'\0')[2][1:]  # behind the name and the method
    decompressor = zlib.decompressobj()
    try:
        profile = decompressor.decompress(packed, MAX_PROFILE_BYTES)
    except zlib.error:
        return None
    return profile if decompressor.eof else None


def _strip_jpeg(content: bytes) -> StrippedFile:
    stripped = StrippedFile()
    stripped.write(content[:2])
    position = 2
    while content[position] == 0xFF:
        marker = content[position + 1]
        if marker == 0xFF:  # a filling byte
            position += 1
            continue
        if marker == SOS:
            break
        (length,) = struct.unpack_from('>H', content, position + 2)
        end = position + 2 + length
        is_metadata = marker in APPLICATION_SEGMENTS or marker == COM
        if not is_metadata or length - 2 >= JPEG_KEPT.get(marker, 1 << 16):
            stripped.write(content[position:end])
        position = end
    stripped.write(content[position:])
    return stripped
