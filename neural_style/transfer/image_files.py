"""Image files: formats that Torch7 cannot read, and metadata that it ignores.

What image.load reads has its numbers; other formats, and orientation, colour profile and
transparency of all of them, are Pillow's.
"""

import io
import logging
import math
import os
import re
import warnings
from collections.abc import Callable
from typing import Any, BinaryIO

import numpy as np
import PIL.Image
from PIL import ImageCms
from torch import Tensor

from neural_style.files.image_formats import missing_decoder, pillow_formats
from neural_style.files.metadata import profile_of, read_despite_metadata
from neural_style.files.pillow import (
    Source,
    decoder_errors,
    detect_format,
    draft,
    is_grey_with_alpha,
    load_pixels,
    open_image,
    open_with_pillow,
    raw_mode,
    read_16_bits,
)
from neural_style.files.raster import Raster, raster, stacked, turned
from neural_style.torch7 import image

logger = logging.getLogger(__name__)

ORIENTATION = 0x0112  # the EXIF tag
# For each colour space of ICC profiles, the mode it converts from, and modes of images it fits.
PROFILE_MODES: dict[str, tuple[str, set[str]]] = {
    'RGB ': ('RGB', {'1', 'L', 'LA', 'P', 'PA', 'RGB', 'RGBA', 'I;16'}),
    'GRAY': ('L', {'1', 'L', 'LA', 'I;16'}),
    'CMYK': ('CMYK', {'CMYK'}),
}


def read(path: Source, **options: Any) -> Tensor:
    """Read an image file as read_raster does: (3, H, W) or (4, H, W), float64."""
    return read_raster(path, **options).tensor()


def read_raster(
    path: Source,
    *,
    exif_orientation: bool = False,
    icc_profile: bool = False,
    alpha: bool = False,
    needed: float = math.inf,
    check: Callable[[PIL.Image.Image], None] = lambda picture: None,
) -> Raster:
    """Decode an image file: RGB in [0, 1], with its transparency as a fourth channel.

    JPEG, PNG, PPM and PGM are image.load's; besides them the formats of files.image_formats, and
    PNG of grey with alpha.  Of several frames the first counts.  16 bits are kept, but
    for grey with alpha; floating-point numbers must lie in [0, 1]; a TIFF's own orientation counts.
    exif_orientation: turn and mirror the image as its EXIF data say.
    icc_profile: convert the colours from the image's ICC profile, if it has one, to sRGB, at 8
    bits a channel.
    alpha: add a fourth channel, if the image has transparency.
    needed: as image.decode has it.  check: is called before anything is decoded.
    Raises FileNotFoundError or another OSError if the file cannot be opened, ValueError if it
    holds no image that we read.
    """

    def decode(file: BinaryIO) -> Raster:
        torch7_format = detect_format(file)
        grey_with_alpha = is_grey_with_alpha(file)
        picture = _open(path, file, torch7_format)
        check(picture)
        turn = _orientation(path, picture) if exif_orientation else 1
        profile = _usable_profile(path, picture, profile_of(file)) if icc_profile else None
        if torch7_format and not profile and not grey_with_alpha:
            pixels = image.decode(path, file, needed, turn)
            picture = _open(path, file, torch7_format) if alpha else picture
        else:
            pixels = _decode_with_pillow(path, file, picture, profile, needed, turn)
        if alpha and picture.has_transparency_data:
            with decoder_errors(path, picture.format):
                draft(picture, needed)
                load_pixels(picture)
            pixels = stacked(pixels, _alpha(picture, turn))
        return pixels

    with open_image(path) as file:
        return read_despite_metadata(path, file, decode)


def _orientation(path: Source, picture: PIL.Image.Image) -> int:
    """Return the orientation of the EXIF data; 1, with a warning, if they are damaged."""
    problem, orientation = '', None
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter('always')
        try:
            orientation = picture.getexif().get(ORIENTATION)
        except Exception as error:  # as decoders fail
            problem = str(error)
    if orientation is None and (problem or told):
        problem = (problem or str(told[0].message)).rstrip(' .')
        logger.warning('%s: its EXIF data were ignored, since they are damaged (%s)', path, problem)
    return orientation or 1


def comment(path: Source) -> str | None:
    """Return what image.save kept in a PNG or JPEG beside the pixels; None if there is nothing.

    Raises as read does.
    """
    with open_image(path) as file:
        torch7_format = detect_format(file)
        if torch7_format not in ('JPEG', 'PNG'):
            raise ValueError(f'{path}: not a JPEG or PNG image')
        info = _open(path, file, torch7_format).info
    text = info.get('Comment', info.get('comment'))
    return text.decode('latin-1') if isinstance(text, bytes) else text


def _open(path: Source, file: BinaryIO, torch7_format: str | None) -> PIL.Image.Image:
    """Open an image with Pillow, not yet decoded.  torch7_format: as detect_format says."""
    formats = pillow_formats(file) if torch7_format is None else (torch7_format,)
    try:
        with decoder_errors(path, torch7_format):
            return open_with_pillow(file, formats)
    except ValueError as error:
        is_unknown = isinstance(error.__cause__, PIL.UnidentifiedImageError)
        if torch7_format is None and is_unknown:
            is_empty = file.seek(0, os.SEEK_END) == 0
            remedy = 'the file is empty; copy it again, or ' if is_empty else ''
            remedy += missing_decoder(file) or 'convert it to PNG or JPEG'
            raise ValueError(f'{path}: not a picture that can be read: {remedy}') from error
        raise


def _decode_with_pillow(
    path: Source,
    file: BinaryIO,
    picture: Any,
    profile: bytes | None,
    needed: float,
    turn: int,
) -> Raster:
    """Decode at 16 bits where there are as many, in sRGB where there is a profile."""
    with decoder_errors(path, picture.format):
        has_16_bits = picture.format == 'TIFF' and all(map(_loses_bits, picture.tile))
        draft(picture, needed)
        load_pixels(picture)
    if profile:
        return raster(turned(_to_srgb(path, picture, profile), turn), 255)
    if has_16_bits:
        with decoder_errors(path, picture.format):
            return raster(turned(read_16_bits(file, 'TIFF'), turn), 65535)
    return _to_rgb(path, picture, turn)


def _loses_bits(tile: Any) -> bool:
    """Tell whether Pillow would cut the colours of a TIFF's tile from 16 bits to 8."""
    return re.match('RGB[AX]?;16', raw_mode(tile)) is not None


def _to_rgb(path: Source, picture: PIL.Image.Image, turn: int) -> Raster:
    """Convert a decoded image of any mode."""
    try:
        numbers = deep_numbers(picture)
    except ValueError as error:
        raise ValueError(f'{path}: {error}') from None
    if numbers is not None:
        values, maximum = numbers
        if picture.mode == 'F' and not (values.min() >= 0 and values.max() <= 1):
            raise ValueError(
                f'{path}: numbers from {values.min():g} to {values.max():g}: scale them to 0 to 1,'
                ' or convert the picture to PNG'
            )
        return raster(turned(values, turn), maximum)
    with decoder_errors(path, picture.format):
        opaque = turned(_opaque(picture), turn)
        return raster(opaque, 255, lambda rows: np.asarray(rows.convert('RGB')))


def deep_numbers(picture: PIL.Image.Image) -> tuple[np.ndarray, int] | None:
    """Return the numbers of a grey image of more than 8 bits, (H, W), and that which is white.

    None for images of 8 bits.  Raises ValueError for numbers of unknown scale.
    """
    if picture.mode.startswith('I;16'):
        return np.asarray(picture), 65535
    if picture.mode == 'F':
        return np.asarray(picture, np.float64), 1
    if picture.mode == 'I':
        raise ValueError('32-bit integers: convert it to PNG, with 8 or 16 bits')
    return None


def _opaque(picture: PIL.Image.Image) -> PIL.Image.Image:
    """Return the image with its colours as stored, whatever is transparent."""
    if picture.mode in ('La', 'RGBa'):  # colours multiplied with alpha
        picture = picture.convert(picture.mode.upper())
    if 'transparency' in picture.info:
        picture = picture.copy()
        del picture.info['transparency']
    return picture


def _usable_profile(path: Source, picture: PIL.Image.Image, stripped: bytes | None) -> bytes | None:
    """Return the ICC profile of a picture; None, with a warning, for one that cannot be used.

    stripped: the profile of a file that had to be read without its metadata.
    """
    profile = picture.info.get('icc_profile') or stripped
    if not profile:
        # Pillow leaves out one whose chunk is damaged, or of which a segment is missing
        segments = [content for _, content in getattr(picture, 'applist', [])]
        is_there = 'icc_profile' in picture.info
        if is_there or any(content.startswith(b'ICC_PROFILE') for content in segments):
            logger.warning('%s: its ICC profile was ignored, since it is damaged', path)
        return None
    try:
        color_space = ImageCms.ImageCmsProfile(io.BytesIO(profile)).profile.xcolor_space
    except (OSError, ImageCms.PyCMSError) as error:
        logger.warning('%s: its ICC profile was ignored, since it is damaged (%s)', path, error)
        return None
    if picture.mode in PROFILE_MODES.get(color_space, ('', set()))[1]:
        return profile
    logger.warning(
        '%s: its ICC profile was ignored, since it is for %s, not %s',
        *(path, color_space.strip(), picture.mode),
    )
    return None


def _to_srgb(path: Source, picture: PIL.Image.Image, profile: bytes) -> PIL.Image.Image:
    """Convert an image with an ICC profile to sRGB."""
    if picture.mode.startswith('I;16'):
        values = np.rint(np.asarray(picture) / 257).astype(np.uint8)
        picture = PIL.Image.fromarray(values)
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        color_space = source.profile.xcolor_space
        mode, _ = PROFILE_MODES[color_space]
        srgb = ImageCms.createProfile('sRGB')
        picture = _opaque(picture).convert(mode)
        converted = ImageCms.profileToProfile(picture, source, srgb, outputMode='RGB')
    except (OSError, ValueError, ImageCms.PyCMSError) as error:
        raise ValueError(
            f'{path}: its ICC profile cannot be used ({error}): remove it, or give -icc_profile 0'
        ) from error
    assert converted is not None
    return converted


def _alpha(picture: PIL.Image.Image, turn: int) -> Raster:
    """Return (1, H, W): 0 where the image is transparent, 1 where it is opaque."""
    if picture.mode.startswith('I'):  # one value stands for transparent
        opaque = np.asarray(picture) != picture.info['transparency']
        return raster(turned(opaque, turn), 1, channels=1)
    return raster(
        turned(picture, turn), 255, lambda rows: np.asarray(rows.convert('RGBA'))[..., 3], 1
    )
