"""Formats of image files: which ones Pillow reads for us, by name and by content."""

import contextlib
import functools
import os
import warnings
from typing import BinaryIO

import PIL.Image

# Of the formats that Torch7 reads, and others.  Left out are those that need another program (EPS,
# WMF), and those without pixels or with numbers that are no colours (BUFR, FITS, GRIB, HDF5, MPEG).
TORCH7_FORMATS = ('JPEG', 'PNG', 'PPM')
FORMATS = (
    *('AVIF', 'BLP', 'BMP', 'CUR', 'DCX', 'DDS', 'DIB', 'FLI', 'FTEX', 'GIF', 'ICNS', 'ICO'),
    *('JPEG2000', 'MSP', 'PCX', 'PIXAR', 'PPM', 'PSD', 'QOI', 'SGI', 'SUN', 'TIFF', 'WEBP'),
    *('XBM', 'XPM', 'HEIF', 'TGA'),  # TGA has no magic number
)
HEIF_EXTENSIONS = {'.heic', '.heif', '.hif', '.heics', '.heifs'}
HEIF_BRANDS = {b'heic', b'heix', b'hevc', b'hevx', b'heim', b'heis', b'mif1', b'msf1'}
AVIF_BRANDS = {b'avif', b'avis'}
EXTRA = "pip install 'neural-style-caffe[heif]'"


def pillow_formats(file: BinaryIO) -> tuple[str, ...]:
    """Return the names of the formats that Pillow may try on an open file."""
    if _brands(file) & HEIF_BRANDS:
        _register_heif()
    return _registered(FORMATS)


def missing_decoder(file: BinaryIO) -> str | None:
    """Return the remedy for an AVIF or HEIC file whose decoder is not installed."""
    brands = _brands(file)
    if brands & AVIF_BRANDS:
        name, decoder = 'AVIF', 'AVIF'
    elif brands & HEIF_BRANDS:
        name, decoder = 'HEIC', 'HEIF'
    else:
        return None
    if _registered((decoder,)):
        return f'a damaged or unsupported {name} picture; convert it to PNG or JPEG'
    return f'{name} needs {EXTRA}, or convert it to PNG or JPEG'


def has_image_extension(name: str) -> bool:
    """Tell whether the name of a file is that of an image, readable or not."""
    return os.path.splitext(name)[1].lower() in _extensions()


def is_image(path: str) -> bool:
    """Tell whether a file of any name begins as an image."""
    with contextlib.suppress(Exception), warnings.catch_warnings(), open(path, 'rb') as file:
        warnings.simplefilter('ignore')
        if _brands(file) & (HEIF_BRANDS | AVIF_BRANDS):
            return True
        formats = [name for name in (*TORCH7_FORMATS, *pillow_formats(file)) if name != 'TGA']
        with PIL.Image.open(file, formats=formats):
            return True
    return False


@functools.cache
def _extensions() -> frozenset[str]:
    PIL.Image.init()
    formats = {*TORCH7_FORMATS, *FORMATS, 'MPO'}
    extensions = PIL.Image.registered_extensions().items()
    names = {extension for extension, name in extensions if name in formats}
    return frozenset({*names, *HEIF_EXTENSIONS, '.avif', '.avifs'})


def _registered(formats: tuple[str, ...]) -> tuple[str, ...]:
    """Return those of the formats that this Pillow, with its plugins, knows."""
    PIL.Image.init()
    return tuple(name for name in formats if name in PIL.Image.OPEN)


def _register_heif() -> None:
    with contextlib.suppress(ImportError):
        import pillow_heif

        pillow_heif.register_heif_opener()


def _brands(file: BinaryIO) -> set[bytes]:
    """Return the brands of an ISO base media file, such as heic; none for others."""
    file.seek(0)
    header = file.read(64)
    file.seek(0)
    if header[4:8] != b'ftyp':
        return set()
    end = min(int.from_bytes(header[:4], 'big'), len(header))
    return {header[8:12], *(header[start : start + 4] for start in range(16, end, 4))}
