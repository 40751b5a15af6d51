"""What is refused at the start: ValueErrors that name the flag and the remedy."""

import contextlib
import math
import os
import tempfile
from types import SimpleNamespace

from neural_style.command.checkpoint import is_checkpoint, own_file
from neural_style.command.input_files import input_files
from neural_style.distributed import World
from neural_style.torch7 import image

JPEG_SIDE = 65500  # jmorecfg.h: JPEG_MAX_DIMENSION
LONGEST_NAME = 245  # of an -output_image, in bytes; file systems allow 255


def check_output(flag: str, path: str) -> None:
    """Refuse at the start what could not be saved at the end."""
    if flag == '-output_image' and not image.is_supported(path):
        raise ValueError(f'{flag} {path}: name a .png, .jpg, .jpeg or .ppm file')
    name = os.path.basename(path)
    if flag == '-output_image' and len(os.fsencode(name)) > LONGEST_NAME:
        raise ValueError(
            f'{flag} {path}: the name is too long; {LONGEST_NAME} bytes leave room for the number'
            ' of the iteration'
        )
    if os.path.isdir(path):
        raise ValueError(f'{flag} {path}: this is a directory; name a file')
    if os.path.exists(path) and not os.path.isfile(path):
        raise ValueError(f'{flag} {path}: this is no file that can be replaced; name another')
    if os.path.exists(path) and not os.access(path, os.W_OK):
        raise ValueError(f'{flag} {path}: the file is read-only; name another')
    # a link's target is what is written
    directory = os.path.dirname(os.path.realpath(path) if os.path.islink(path) else path) or '.'
    try:
        with contextlib.suppress(FileNotFoundError):
            os.stat(path)  # a name that is too long, links in a circle
        with tempfile.TemporaryFile(dir=directory):
            pass
    except OSError as error:
        raise ValueError(
            f'{flag} {path}: cannot write in {directory}: {error.strerror};'
            ' make the directory, or name another'
        ) from error


def check_checkpoint(params: SimpleNamespace, world: World) -> None:
    """Refuse a -checkpoint that would be written over something else."""
    path = params.checkpoint
    for flag, other in (('output_image', params.output_image), *input_files(params)):
        if os.path.realpath(path) == os.path.realpath(other):
            raise ValueError(f'-checkpoint {path}: this is the -{flag}; name another')
    if is_intermediate(params.output_image, path):
        raise ValueError(f'-checkpoint {path}: a picture on the way has this name; name another')
    own = own_file(path, world)
    if os.path.exists(own) and not is_checkpoint(own):
        raise ValueError(f'-checkpoint {own}: the file is there, and no checkpoint; name another')


def overwritten_inputs(params: SimpleNamespace) -> list[tuple[str, str]]:
    """Flag, without dash, and path of the inputs that the pictures of a run are written over."""
    output = params.output_image
    return [
        (flag, path)
        for flag, path in input_files(params)
        if os.path.realpath(path) == os.path.realpath(output)
        or (params.save_iter > 0 and is_intermediate(output, path))
    ]


def build_filename(output_image: str, iteration: int | str) -> str:
    """Name of an intermediate picture: out.png → ./out_100.png (neural_style.lua)."""
    directory, name = os.path.split(output_image)
    basename, _, extension = name.rpartition('.')
    return f'{directory or "."}/{basename}_{iteration}.{extension}'


def is_intermediate(output_image: str, path: str) -> bool:
    """Whether an intermediate picture may have that path."""
    folder, name = os.path.split(os.path.realpath(path))
    if folder != os.path.realpath(os.path.dirname(output_image) or '.'):
        return False
    number = name.rpartition('.')[0].rpartition('_')[2]
    return number.isdecimal() and name == os.path.basename(build_filename(output_image, number))


def check_sizes(image_size: float, style_scale: float) -> None:
    """Refuse sizes that are no sizes; those below one pixel mean one, as in the original."""
    for flag, value in (('-image_size', image_size), ('-style_scale', style_scale)):
        if not math.isfinite(value):
            raise ValueError(f'{flag} {value}: give a finite number')
    for flag, value, size in (
        ('-image_size', image_size, image_size),
        ('-style_scale', style_scale, style_scale * image_size),
    ):
        if not size <= image.MOST_PIXELS:
            raise ValueError(
                f'{flag} {value}: too large: {image.MOST_PIXELS:,} pixels are the limit'
            )


def check_sides(output_image: str, height: int, width: int) -> None:
    """Refuse a picture that its format cannot hold."""
    if output_image.lower().endswith(('.jpg', '.jpeg')) and max(height, width) > JPEG_SIDE:
        raise ValueError(
            f'-output_image {output_image}: {width} x {height} pixels; JPEG has {JPEG_SIDE} a side'
            ' at most; name a .png'
        )


def check_extension_flags(params: SimpleNamespace) -> None:
    """Refuse what stylize does not see."""
    if params.parallel not in ('layers', 'tiles'):
        raise ValueError(f'-parallel {params.parallel}: choose layers or tiles')
    quality = params.jpeg_quality
    if not (isinstance(quality, int) and 1 <= quality <= 100):
        raise ValueError(f'-jpeg_quality {quality}: give a whole number from 1 to 100')
    if params.style_size_by not in ('side', 'width'):
        raise ValueError(f'-style_size_by {params.style_size_by}: choose side or width')
    for flag in ('style_tint', 'exif_orientation', 'icc_profile', 'keep_alpha'):
        if getattr(params, flag) not in (0, 1):
            raise ValueError(f'-{flag} {getattr(params, flag)}: give 0 or 1')
    if params.keep_alpha == 1 and not params.output_image.lower().endswith('.png'):
        raise ValueError(
            f'-keep_alpha 1: -output_image {params.output_image} holds no transparency; name a .png'
        )
