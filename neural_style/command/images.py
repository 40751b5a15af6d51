"""The pictures of a run: what its flags name, read and scaled."""

import contextlib
import functools
import math
from dataclasses import dataclass
from types import SimpleNamespace

import torch

from neural_style.command import image_files as picture
from neural_style.command.checks import check_sides
from neural_style.torch7 import image
from neural_style.torch7.cmdline import split
from neural_style.transfer.color import luminance


@dataclass
class Pictures:
    """RGB in [0, 1], float64.

    content: (3, H, W).  styles: likewise, of sizes of their own.  init: (3, H, W), None without
    -init_image.  alpha: of the content, (1, H, W), (0, H, W) where it is not kept.  mask: what
    -paper_mask says, or (1, H, W) of the picture that it names.
    """

    content: torch.Tensor
    styles: list[torch.Tensor]
    init: torch.Tensor | None
    alpha: torch.Tensor
    mask: str | torch.Tensor


def read_pictures(params: SimpleNamespace) -> Pictures:
    """Read and scale what -content_image, -style_image, -init_image and -paper_mask name.

    Raises OSError and ValueError, naming the flag.
    """
    load = functools.partial(
        load_image, exif_orientation=params.exif_orientation, icc_profile=params.icc_profile
    )
    content = load('-content_image', params.content_image, keep_alpha=params.keep_alpha)
    with named(f'-image_size {params.image_size}'):
        content = image.scale(content, params.image_size)
    height, width = content.shape[1:]
    check_sides(params.output_image, height, width)
    paths = picture.split_paths(params.style_image)
    if not paths and (split(params.style_layers) or params.style_tint == 1):
        raise ValueError(f'-style_image {params.style_image}: name at least one picture')

    def load_style(path: str) -> torch.Tensor:
        style = load('-style_image', path)
        with named(f'-style_scale {params.style_scale}'):
            if params.style_size_by == 'width':
                return scale_to_width(style, int(max(params.style_scale * width, 1)))
            return image.scale(style, math.ceil(params.style_scale * params.image_size))

    styles = [load_style(path) for path in paths]
    init = None
    if params.init_image != '':
        init = image.scale_to(load('-init_image', params.init_image), width, height)
    mask = params.paper_mask
    if mask not in ('', 'auto'):
        mask = image.scale_to(luminance(load('-paper_mask', mask)), width, height)
    return Pictures(content[:3], styles, init, content[3:].clone(), mask)


def load_image(
    flag: str, path: str, exif_orientation: float = 0, icc_profile: float = 0, keep_alpha: float = 0
) -> torch.Tensor:
    """picture.read, with the flag in its errors; the keywords are flags."""
    try:
        return picture.read(
            picture.as_stored(path),
            exif_orientation=exif_orientation == 1,
            icc_profile=icc_profile == 1,
            alpha=keep_alpha == 1,
        )
    except FileNotFoundError:
        remedy = 'name a JPEG, PNG, PPM, WebP, TIFF, BMP or GIF file'
        if path.startswith('examples/inputs/'):
            remedy += "; sh examples/fetch_inputs.sh fetches the original's examples"
        if flag == '-style_image':
            remedy += r'; a comma in a name is written \,'
        raise FileNotFoundError(f'{flag} {path}: no such file; {remedy}') from None
    except (OSError, ValueError) as error:
        raise ValueError(f'{flag}: {error}') from error


def scale_to_width(style: torch.Tensor, width: int) -> torch.Tensor:
    """image.scale_to with the height that keeps the picture's shape, truncated."""
    height = int(max(width * style.shape[1] / style.shape[2], 1))
    return image.scale_to(style, width, height)


@contextlib.contextmanager
def named(flag: str):
    """Put a flag before what a ValueError says."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f'{flag}: {error}') from error
