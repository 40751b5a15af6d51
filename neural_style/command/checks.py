"""Checks at the start of a run: ValueErrors that name the flag and the remedy."""

import contextlib
import math
import os
import tempfile
from collections.abc import Mapping, Sequence

from neural_style.command.arguments import Arguments
from neural_style.command.checkpoint import file_of_rank, is_checkpoint
from neural_style.command.input_files import input_files
from neural_style.command.paths import split_paths
from neural_style.command.saving import is_intermediate
from neural_style.command.terminal import warn
from neural_style.distributed import World
from neural_style.files.pillow import MAX_PIXELS
from neural_style.torch7 import image
from neural_style.torch7.cmdline import split, tonumber
from neural_style.video.animations import SUFFIXES
from neural_style.video.encoding import CODECS

JPEG_SIDE = 65500  # jmorecfg.h: JPEG_MAX_DIMENSION
# What each value of -color means for the older flags of colours.
KEEPS_CONTENT = {'style_tint': 0, 'recolor_content': 0}
IMPLIED_BY_COLOR: Mapping[str, Mapping[str, int]] = {
    'content': {'original_colors': 1, **KEEPS_CONTENT},
    'style': {'original_colors': 0},
    'luminance': {'luminance_only': 1, 'original_colors': 1, **KEEPS_CONTENT},
    'match': {'luminance_only': 0, 'original_colors': 0, **KEEPS_CONTENT},
}
STARTS = ('random', 'image', 'fast')  # of a picture, and of the first frame of a scene
MAX_NAME_BYTES = 245  # of an -output_image; file systems allow 255


def check_arguments(arguments: Arguments, world: World) -> None:
    """Refuse bad flags before a file is read; warn of inputs that would be overwritten."""
    if arguments.picture_stream is None:
        check_output_image(arguments.output_image)
    if arguments.checkpoint != '':
        check_writable('-checkpoint', arguments.checkpoint)
        check_checkpoint(arguments, world)
    for flag, path in overwritten_inputs(arguments):
        warn(f'-output_image {arguments.output_image}: the run overwrites its -{flag} {path}')
    check_init(arguments.init)
    check_settings(arguments)


def check_settings(arguments: Arguments) -> None:
    """Refuse bad flags that name no files."""
    check_sizes(arguments.image_size, style_scales(arguments) or [arguments.style_scale])
    check_color(arguments)
    check_extension_flags(arguments)


def check_init(init: str) -> None:
    """Refuse what no picture starts from."""
    if init not in STARTS:
        later = '; a second word is for videos' if len(split(init)) > 1 else ''
        *others, last = STARTS
        raise ValueError(f'-init {init}: choose {", ".join(others)} or {last}{later}')


def check_output_image(path: str) -> None:
    """Refuse at the start a picture that could not be saved at the end."""
    if not image.is_supported(path):
        is_clip = os.path.splitext(path)[1].lower() in (*CODECS, *SUFFIXES)
        clip = '; clips are made of a video, an animation or a folder in -content_image'
        raise ValueError(
            f'-output_image {path}: name a .png, .jpg, .jpeg or .ppm file{clip if is_clip else ""}'
        )
    if len(os.fsencode(os.path.basename(path))) > MAX_NAME_BYTES:
        raise ValueError(
            f'-output_image {path}: the name is too long; {MAX_NAME_BYTES} bytes leave room for the'
            ' number of the iteration'
        )
    check_writable('-output_image', path)


def check_writable(flag: str, path: str) -> None:
    """Refuse a path that no file can be written to."""
    if os.path.isdir(path):
        raise ValueError(f'{flag} {path}: this is a directory; name a file')
    if os.path.exists(path) and not os.path.isfile(path):
        raise ValueError(f'{flag} {path}: this is not a regular file; name another')
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
        remedy = 'name another'
        if not os.path.isdir(directory):
            remedy = 'make the directory, or name another'
        raise ValueError(
            f'{flag} {path}: cannot write in {directory}: {error.strerror}; {remedy}'
        ) from error


def check_checkpoint(arguments: Arguments, world: World) -> None:
    """Refuse a -checkpoint that would overwrite anything but a checkpoint."""
    path = arguments.checkpoint
    for flag, other in (('output_image', arguments.output_image), *input_files(arguments)):
        if os.path.realpath(path) == os.path.realpath(other):
            raise ValueError(f'-checkpoint {path}: this is the -{flag}; name another')
    if is_intermediate(arguments.output_image, path):
        raise ValueError(
            f'-checkpoint {path}: an intermediate picture may have this name; name another'
        )
    file = file_of_rank(path, world)
    if os.path.exists(file) and not is_checkpoint(file):
        raise ValueError(
            f'-checkpoint {file}: the file exists and is not a checkpoint; name another'
        )


def overwritten_inputs(arguments: Arguments) -> list[tuple[str, str]]:
    """Return flag, without dash, and path of the inputs that the run writes its pictures over."""
    output = arguments.output_image
    if arguments.picture_stream is not None:
        return []
    return [
        (flag, path)
        for flag, path in input_files(arguments)
        if os.path.realpath(path) == os.path.realpath(output)
        or (arguments.save_iter > 0 and is_intermediate(output, path))
    ]


def style_scales(arguments: Arguments) -> list[float]:
    """Return the -style_scale of each style image.  Raises ValueError if there are not as many."""
    value, count = arguments.style_scale, len(split_paths(arguments.style_image))
    if not isinstance(value, str):
        return [value] * count
    scales = [tonumber(item) for item in split(value)]
    if len(scales) == 1:
        scales *= count
    if len(scales) != count:
        raise ValueError(
            f'-style_scale {value}: {len(scales)} scales for {count} style image(s); give one, or'
            ' one for each; decimals come after a point, as in 0.5'
        )
    return [scale for scale in scales if scale is not None]


def check_sizes(image_size: float, style_scales: Sequence[float]) -> None:
    """Refuse infinite and too large sizes; those below one pixel mean one, as in the original."""
    scales = [('-style_scale', scale) for scale in style_scales]
    for flag, value in (('-image_size', image_size), *scales):
        if not math.isfinite(value):
            raise ValueError(f'{flag} {value}: give a finite number')
    for flag, value, size in (
        ('-image_size', image_size, image_size),
        *(('-style_scale', scale, scale * image_size) for _, scale in scales),
    ):
        if not size <= MAX_PIXELS:
            raise ValueError(f'{flag} {value}: too large: {MAX_PIXELS:,} pixels are the limit')


def check_sides(output_image: str, height: int, width: int) -> None:
    """Refuse a picture that its format cannot hold."""
    if output_image.lower().endswith(('.jpg', '.jpeg')) and max(height, width) > JPEG_SIDE:
        raise ValueError(
            f'-output_image {output_image}: {width} x {height} pixels; JPEG has {JPEG_SIDE} a side'
            ' at most; name a .png'
        )


def check_color(arguments: Arguments) -> None:
    """Refuse older flags of colours that contradict -color."""
    color, implied = arguments.color, IMPLIED_BY_COLOR.get(arguments.color, {})
    contradictions = {
        name: value
        for name, value in implied.items()
        if name in arguments.explicit and getattr(arguments, name) != value
    }
    for name, value in contradictions.items():
        if name in arguments.typed:
            raise ValueError(
                f'-color {color}: means -{name} {value}, and -{name} {getattr(arguments, name)} is'
                ' given as well; omit one of them'
            )
    if contradictions:
        flags = ' '.join(f'-{name} {value}' for name, value in contradictions.items())
        raise ValueError(
            f'-color {color}: means {flags}, and the preset or the recipe says otherwise; omit'
            ' -color, or give these as well'
        )


def check_extension_flags(arguments: Arguments) -> None:
    """Refuse values of the flags that stylize does not see."""
    if arguments.parallel not in ('layers', 'tiles', 'scenes'):
        raise ValueError(f'-parallel {arguments.parallel}: choose layers, tiles or scenes')
    quality = arguments.jpeg_quality
    if not (isinstance(quality, int) and 1 <= quality <= 100):
        raise ValueError(f'-jpeg_quality {quality}: give a whole number from 1 to 100')
    if arguments.style_size_by not in ('side', 'width'):
        raise ValueError(f'-style_size_by {arguments.style_size_by}: choose side or width')
    for flag in ('style_tint', 'exif_orientation', 'icc_profile', 'keep_alpha'):
        if getattr(arguments, flag) not in (0, 1):
            raise ValueError(f'-{flag} {getattr(arguments, flag)}: give 0 or 1')
    output = arguments.output_image
    is_png = arguments.picture_stream is not None or output.lower().endswith('.png')
    if arguments.keep_alpha == 1 and not is_png:
        raise ValueError(
            f'-keep_alpha 1: -output_image {output} holds no transparency; name a .png'
        )
