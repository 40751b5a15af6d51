"""Image files: formats that Torch7 cannot read, and metadata that it ignores.

What image.load reads has its numbers; other formats, and orientation, colour profile and
transparency of all of them, are Pillow's.
"""

import io
import os
import re
import unicodedata
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import PIL.Image
import torch
from PIL import ImageCms
from torch import Tensor

from neural_style.command.paths import intended_path
from neural_style.files.image_formats import missing_decoder, pillow_formats
from neural_style.files.pillow import (
    decoder_errors,
    detect_format,
    is_grey_with_alpha,
    open_image,
    open_with_pillow,
    raw_mode,
    read_16_bits,
    to_tensor,
)
from neural_style.torch7 import image
from neural_style.torch7.cmdline import split

ORIENTATION = 0x0112  # the EXIF tag
# For each colour space of ICC profiles, the mode it converts from, and modes of images it fits.
PROFILE_MODES: dict[str, tuple[str, set[str]]] = {
    'RGB ': ('RGB', {'1', 'L', 'LA', 'P', 'PA', 'RGB', 'RGBA', 'I;16'}),
    'GRAY': ('L', {'1', 'L', 'LA', 'I;16'}),
    'CMYK': ('CMYK', {'CMYK'}),
}


def read(
    path: str | Path,
    *,
    exif_orientation: bool = False,
    icc_profile: bool = False,
    alpha: bool = False,
) -> Tensor:
    """Read an image file: (3, H, W), float64, RGB in [0, 1], or (4, H, W) with its transparency.

    JPEG, PNG, PPM and PGM are image.load's; besides them the formats of files.image_formats, and
    PNG of grey with alpha.  Of several frames the first counts.  16 bits are kept, but
    for grey with alpha; floating-point numbers must lie in [0, 1]; a TIFF's own orientation counts.
    exif_orientation: turn and mirror the image as its EXIF data say.
    icc_profile: convert the colours from the image's ICC profile, if it has one, to sRGB, at 8
    bits a channel.
    alpha: add a fourth channel, if the image has transparency.
    Raises FileNotFoundError or another OSError if the file cannot be opened, ValueError if it
    holds no image that we read.
    """
    with open_image(path) as file:
        torch7_format = detect_format(file)
        grey_with_alpha = is_grey_with_alpha(file)
        picture = _open(path, file, torch7_format)
        profile = picture.info.get('icc_profile') if icc_profile else None
        if torch7_format and not profile and not grey_with_alpha:
            pixels = image.load(path)
        else:
            pixels = _read_with_pillow(path, file, picture, profile)
        with decoder_errors(path, picture.format):
            if alpha and picture.has_transparency_data:
                pixels = torch.cat([pixels, _alpha(picture)])
            if exif_orientation:
                pixels = _apply_orientation(pixels, picture.getexif().get(ORIENTATION, 1))
    return pixels


def comment(path: str | Path) -> str | None:
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


def as_stored(path: str) -> str:
    """Return the name that a file has on disk, where ü may be one character, or u and its dots."""
    forms = [path, *(unicodedata.normalize(form, path) for form in ('NFC', 'NFD'))]
    return next((form for form in forms if os.path.exists(form)), path)


def split_paths(text: str) -> list[str]:
    r"""Split a list of files such as -style_image: a,b is two, a\,b one with a comma in its name.

    What the original splits into files that all exist is split so; else a file of the whole name
    wins, commas included.  Each path is the one that is meant: blanks around it do not count.
    """
    paths = split(text)
    if not all(os.path.exists(as_stored(path)) for path in paths):
        if os.path.exists(as_stored(text)):
            return [text]
        items = split(text.strip().replace('\\,', '\0'))
        paths = [intended_path(item.replace('\0', ',')) for item in items]
    return paths


def _open(path: str | Path, file: BinaryIO, torch7_format: str | None) -> PIL.Image.Image:
    """Open an image with Pillow, not yet decoded.  torch7_format: as detect_format says."""
    formats = pillow_formats(file) if torch7_format is None else (torch7_format,)
    try:
        with decoder_errors(path, torch7_format):
            return open_with_pillow(file, formats)
    except ValueError as error:
        is_unknown = isinstance(error.__cause__, PIL.UnidentifiedImageError)
        if torch7_format is None and is_unknown:
            remedy = missing_decoder(file) or 'convert it to PNG or JPEG'
            raise ValueError(f'{path}: not a picture that can be read: {remedy}') from error
        raise


def _read_with_pillow(
    path: str | Path, file: BinaryIO, picture: Any, profile: bytes | None
) -> Tensor:
    """Read (3, H, W), at 16 bits where there are as many, in sRGB where there is a profile."""
    with decoder_errors(path, picture.format):
        has_16_bits = picture.format == 'TIFF' and all(map(_loses_bits, picture.tile))
        picture.load()
    if profile:
        return _to_srgb(path, picture, profile)
    if has_16_bits:
        with decoder_errors(path, picture.format):
            return to_tensor(read_16_bits(file, 'TIFF'), 65535)
    return _to_rgb(path, picture)


def _loses_bits(tile: Any) -> bool:
    """Tell whether Pillow would cut the colours of a TIFF's tile from 16 bits to 8."""
    return re.match('RGB[AX]?;16', raw_mode(tile)) is not None


def _to_rgb(path: str | Path, picture: PIL.Image.Image) -> Tensor:
    """Convert an image of any mode to (3, H, W)."""
    if picture.mode.startswith('I;16'):
        return to_tensor(np.asarray(picture), 65535)
    if picture.mode == 'F':
        values = np.asarray(picture, np.float64)
        if not (values.min() >= 0 and values.max() <= 1):
            raise ValueError(
                f'{path}: numbers from {values.min():g} to {values.max():g}: scale them to 0 to 1,'
                ' or convert the picture to PNG'
            )
        return to_tensor(values, 1)
    if picture.mode == 'I':
        raise ValueError(f'{path}: 32-bit integers: convert it to PNG, with 8 or 16 bits')
    with decoder_errors(path, picture.format):
        return to_tensor(np.asarray(_opaque(picture).convert('RGB')), 255)


def _opaque(picture: PIL.Image.Image) -> PIL.Image.Image:
    """Return the image with its colours as stored, whatever is transparent."""
    if picture.mode in ('La', 'RGBa'):  # colours multiplied with alpha
        picture = picture.convert(picture.mode.upper())
    if 'transparency' in picture.info:
        picture = picture.copy()
        del picture.info['transparency']
    return picture


def _to_srgb(path: str | Path, picture: PIL.Image.Image, profile: bytes) -> Tensor:
    """Convert an image with an ICC profile to (3, H, W)."""
    if picture.mode.startswith('I;16'):
        values = np.rint(np.asarray(picture) / 257).astype(np.uint8)
        picture = PIL.Image.fromarray(values)
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        color_space = source.profile.xcolor_space
        mode, fitting_modes = PROFILE_MODES.get(color_space, ('', set()))
        if picture.mode not in fitting_modes:
            raise ValueError(f'is for {color_space.strip()}, not {picture.mode}')
        srgb = ImageCms.createProfile('sRGB')
        picture = _opaque(picture).convert(mode)
        converted = ImageCms.profileToProfile(picture, source, srgb, outputMode='RGB')
    except (OSError, ValueError, ImageCms.PyCMSError) as error:
        raise ValueError(
            f'{path}: its ICC profile cannot be used ({error}): remove it, or give -icc_profile 0'
        ) from error
    return to_tensor(np.asarray(converted), 255)


def _alpha(picture: PIL.Image.Image) -> Tensor:
    """Return (1, H, W): 0 where the image is transparent, 1 where it is opaque."""
    if picture.mode.startswith('I'):  # one value stands for transparent
        opaque = np.asarray(picture) != picture.info['transparency']
        return torch.from_numpy(opaque)[None].double()
    return to_tensor(np.asarray(picture.convert('RGBA'))[..., 3], 255)[:1]


def _apply_orientation(pixels: Tensor, orientation: int) -> Tensor:
    """Show (C, H, W) stored in one of EXIF's eight orientations upright."""
    if orientation in (5, 6, 7, 8):  # rows are columns
        pixels = pixels.mT
    if orientation in (2, 3, 6, 7):
        pixels = pixels.flip(2)
    if orientation in (3, 4, 7, 8):
        pixels = pixels.flip(1)
    return pixels.contiguous()
