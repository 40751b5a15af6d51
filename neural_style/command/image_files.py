"""Pictures that Torch7's image package could not read, and what it did not look at in the others.

What image.load reads has its numbers; the rest, and orientation, colour profile and transparency
of all of them, is Pillow's.
"""

import io
import os
import re
import unicodedata
from pathlib import Path

import numpy as np
import PIL.Image
import torch
from PIL import ImageCms
from torch import Tensor

from neural_style.torch7 import image
from neural_style.torch7.cmdline import split

# Besides what image.load reads.  TGA comes last: it has no magic number.
FORMATS = ('BMP', 'GIF', 'ICO', 'PPM', 'TIFF', 'WEBP', 'TGA')
EXTENSIONS = tuple('.jpg .jpeg .png .ppm .pgm .pbm .bmp .gif .ico .tif .tiff .webp .tga'.split())
ORIENTATION = 0x0112  # EXIF's
# The kinds of pictures that a profile for a colour space can belong to.
PROFILED = {
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
    """Read a picture: (3, H, W), float64, RGB in [0, 1], or (4, H, W) with its transparency.

    JPEG, PNG, PPM and PGM are image.load's; besides them BMP, GIF, ICO, PBM, PFM, TIFF, WebP and
    TGA, and PNG of grey with alpha.  Of several frames the first counts.  16 bits are kept, but
    for grey with alpha; floating-point numbers must lie in [0, 1]; a TIFF's own orientation counts.
    exif_orientation: turn and mirror the picture as its EXIF data say.
    icc_profile: convert the colours from the picture's ICC profile, if it has one, to sRGB, at 8
    bits a channel.
    alpha: add a fourth channel, if the picture has transparency.
    Raises FileNotFoundError or another OSError if the file cannot be opened, ValueError if it
    holds no picture that we read.
    """
    with image.opened(path) as file:
        kind, grey_with_alpha = image.detect_format(file), image.is_grey_with_alpha(file)
        picture = _open(path, file, kind)
        profile = picture.info.get('icc_profile') if icc_profile else None
        as_torch7 = kind and not profile and not grey_with_alpha
        if as_torch7:
            result = image.load(path)
        else:
            with image.decoder_errors(path, picture.format):
                wide = picture.format == 'TIFF' and all(map(_wide, picture.tile))
                picture.load()
            if profile:
                result = _to_srgb(path, picture, profile)
            elif wide:
                with image.decoder_errors(path, picture.format):
                    result = image.from_integers(image.pixels16(file, 'TIFF'), 65535)
            else:
                result = _rgb(path, picture)
        with image.decoder_errors(path, picture.format):
            if alpha and picture.has_transparency_data:
                result = torch.cat([result, _alpha(picture)])
            if exif_orientation:
                result = _turned(result, picture.getexif().get(ORIENTATION, 1))
    return result


def comment(path: str | Path) -> str | None:
    """What image.save kept in a PNG or JPEG beside the pixels; None if there is nothing.

    Raises as read does.
    """
    with image.opened(path) as file:
        kind = image.detect_format(file)
        if kind not in ('JPEG', 'PNG'):
            raise ValueError(f'{path}: not a JPEG or PNG image')
        found = _open(path, file, kind).info
    text = found.get('Comment', found.get('comment'))
    return text.decode('latin-1') if isinstance(text, bytes) else text


def as_stored(path: str) -> str:
    """The name that a file has: ü may be stored as one character or as u and its dots."""
    forms = [path, *(unicodedata.normalize(form, path) for form in ('NFC', 'NFD'))]
    return next((form for form in forms if os.path.exists(form)), path)


def _open(path, file, kind):
    """Pillow's image of an open file, not yet decoded.  kind: of image.kind_of."""
    formats = FORMATS if kind is None else (kind,)
    try:
        with image.decoder_errors(path, kind):
            return image.pillow(file, formats)
    except ValueError as error:
        if kind is None and isinstance(error.__cause__, PIL.UnidentifiedImageError):
            raise ValueError(
                f'{path}: not a picture that can be read: convert it to PNG or JPEG'
            ) from error
        raise


def _wide(tile):
    """Whether Pillow would cut the colours of a TIFF's tile from 16 bits to 8."""
    return re.match('RGB[AX]?;16', image.rawmode(tile)) is not None


def _rgb(path, picture):
    """(3, H, W) of what image.load does not read."""
    if picture.mode.startswith('I;16'):
        return image.from_integers(np.asarray(picture), 65535)
    if picture.mode == 'F':
        values = np.asarray(picture, np.float64)
        if not (values.min() >= 0 and values.max() <= 1):
            raise ValueError(
                f'{path}: numbers from {values.min():g} to {values.max():g}: scale them to 0 to 1,'
                ' or convert the picture to PNG'
            )
        return image.from_integers(values, 1)
    if picture.mode == 'I':
        raise ValueError(f'{path}: 32-bit integers: convert it to PNG, with 8 or 16 bits')
    with image.decoder_errors(path, picture.format):
        return image.from_integers(np.asarray(_opaque(picture).convert('RGB')), 255)


def _opaque(picture):
    """The picture with its colours as stored, whatever is transparent."""
    if picture.mode in ('La', 'RGBa'):  # colours multiplied with alpha
        picture = picture.convert(picture.mode.upper())
    if 'transparency' in picture.info:
        picture = picture.copy()
        del picture.info['transparency']
    return picture


def _to_srgb(path, picture, profile):
    """(3, H, W) in the colours that the profile means."""
    if picture.mode.startswith('I;16'):
        values = np.rint(np.asarray(picture) / 257).astype(np.uint8)
        picture = PIL.Image.fromarray(values)
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        mode, pictures = PROFILED.get(source.profile.xcolor_space, ('', set()))
        if picture.mode not in pictures:
            raise ValueError(f'is for {source.profile.xcolor_space.strip()}, not {picture.mode}')
        srgb = ImageCms.createProfile('sRGB')
        picture = _opaque(picture).convert(mode)
        converted = ImageCms.profileToProfile(picture, source, srgb, outputMode='RGB')
    except (OSError, ValueError, ImageCms.PyCMSError) as error:
        raise ValueError(
            f'{path}: its ICC profile cannot be used ({error}): take it out, or give -icc_profile 0'
        ) from error
    return image.from_integers(np.asarray(converted), 255)


def _alpha(picture):
    """(1, H, W): 0 where the picture is transparent, 1 where it is opaque."""
    if picture.mode.startswith('I'):  # one value stands for transparent
        opaque = np.asarray(picture) != picture.info['transparency']
        return torch.from_numpy(opaque)[None].double()
    return image.from_integers(np.asarray(picture.convert('RGBA'))[..., 3], 255)[:1]


def _turned(result, orientation):
    """Show (C, H, W) stored in one of EXIF's eight orientations upright."""
    if orientation in (5, 6, 7, 8):  # rows are columns
        result = result.mT
    if orientation in (2, 3, 6, 7):
        result = result.flip(2)
    if orientation in (3, 4, 7, 8):
        result = result.flip(1)
    return result.contiguous()


def has_image_extension(name: str) -> bool:
    """Whether a file's name is a picture's, as far as names tell."""
    return name.lower().endswith(EXTENSIONS) and not name.startswith('.')


def split_paths(text: str) -> list[str]:
    r"""The files of a list such as -style_image: a,b is two, a\,b one with a comma in its name.

    What the original splits into files that are all there is split so; else a file of the whole
    name wins, commas and all.
    """
    pieces = split(text)
    if not all(os.path.exists(as_stored(piece)) for piece in pieces):
        if os.path.exists(as_stored(text)):
            return [text]
        pieces = [piece.replace('\0', ',') for piece in split(text.replace('\\,', '\0'))]
    return pieces
