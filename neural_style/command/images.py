"""The images of a run: the files that its flags name, read and scaled."""

import contextlib
import functools
import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import PIL.Image
from torch import Tensor

from neural_style.command import places
from neural_style.command.arguments import Arguments
from neural_style.command.checks import check_sides, style_scales
from neural_style.command.paths import LIST_FLAGS, as_stored, missing_file_hint, split_paths
from neural_style.command.region_files import Load, read_regions
from neural_style.command.saved_styles import has_saved_style, read_saved_style
from neural_style.command.trained_styles import has_trained_style, read_trained_style, shipped_hint
from neural_style.fast.encoder import Style
from neural_style.fast.trained import TrainedStyle
from neural_style.files.pillow import PipedFile, decoded_bytes
from neural_style.files.raster import Raster, mapped
from neural_style.memory import heap
from neural_style.memory.limits import format_bytes
from neural_style.torch7 import image
from neural_style.torch7.cmdline import split
from neural_style.transfer import image_files
from neural_style.transfer.color import luminance
from neural_style.transfer.saved_style import SavedStyle

UNCHECKED_BYTES = 64 << 20  # of a picture that is read whatever the limit


@dataclass
class InputImages:
    """RGB in [0, 1], float64.

    content: (3, H, W).  styles: likewise, of sizes of their own, or a saved or trained style.
    init: (3, H, W), or None without -init_image.
    alpha: of the content, (1, H, W), or None where it is not kept.
    mask: the value of -paper_mask, or (1, H, W) of the picture that it names.
    regions: arguments of stylize.
    colors: the image whose colours the output gets in the end, the content or the first style.
    reading_peak: bytes that the process needed to read large pictures; 0 without any.
    style_at_once: what -fast paints in; None until it has been computed.
    """

    content: Tensor
    styles: list[Tensor] | SavedStyle | TrainedStyle
    init: Tensor | None
    alpha: Tensor | None
    mask: str | Tensor
    regions: dict[str, Any]
    colors: Tensor | None
    reading_peak: float = 0
    style_at_once: Style | None = None


def read_images(
    arguments: Arguments, memory: float = math.inf, frame: Tensor | None = None
) -> InputImages:
    """Read and scale the pictures that the flags name.

    memory: bytes that the process may use.  frame: of a video, (3, H, W), in the place of the
    content image.  Raises OSError and ValueError, naming the flag.
    """
    budget = ReadingBudget(memory)
    load = image_loader(arguments, budget)
    size = arguments.image_size
    source: Raster | Tensor
    if frame is not None:
        source = frame
    else:
        keep_alpha = arguments.keep_alpha
        source = load('-content_image', arguments.content_image, keep_alpha=keep_alpha, needed=size)
    with errors_name_flag(f'-image_size {size}'):
        content = image.scale(source, size)
    del source
    height, width = content.shape[1:]
    check_sides(arguments.output_image, height, width)
    alpha = content[3:].clone() if len(content) > 3 else None
    content = content[:3]

    paths = split_paths(arguments.style_image)
    if not paths and (split(arguments.style_layers) or arguments.style_tint == 1):
        raise ValueError(f'-style_image {arguments.style_image}: name at least one picture')
    styles: list[Tensor] | SavedStyle | TrainedStyle
    if has_trained_style(arguments):
        styles = read_trained_style(arguments)
    elif has_saved_style(arguments):
        styles = read_saved_style(arguments)
    else:
        styles = read_styles(arguments, load, width)

    init: Tensor | None = None
    if arguments.init_image != '':
        init = image.scale_to(load('-init_image', arguments.init_image), width, height)
    mask = arguments.paper_mask
    if mask not in ('', 'auto'):
        mask = image.scale_to(mapped(load('-paper_mask', mask), luminance, 1), width, height)
    regions = read_regions(arguments, load, len(paths))
    colors = source_of_colors(arguments, content, styles)
    return InputImages(content, styles, init, alpha, mask, regions, colors, budget.peak)


def source_of_colors(
    arguments: Arguments, content: Tensor, styles: list[Tensor] | SavedStyle | TrainedStyle
) -> Tensor | None:
    """Return the image whose colours the output gets in the end, or None."""
    if arguments.keeps_content_colors:
        return content
    return styles[0] if arguments.style_tint == 1 and isinstance(styles, list) else None


def image_loader(arguments: Arguments, budget: 'ReadingBudget | None' = None) -> Load:
    """Return a function that reads the picture that a flag names, as the flags say."""
    return functools.partial(
        load_raster,
        exif_orientation=arguments.exif_orientation,
        icc_profile=arguments.icc_profile,
        budget=budget,
        piped=arguments.piped,
    )


def read_styles(arguments: Arguments, load: Load, content_width: int) -> list[Tensor]:
    """Read and scale the style images.  load: reads the file that a flag names."""
    by_side = arguments.style_size_by == 'side'
    styles = []
    paths = split_paths(arguments.style_image)
    for path, scale in zip(paths, style_scales(arguments), strict=True):
        needed = scale * arguments.image_size if by_side else math.inf
        picture = load('-style_image', path, needed=needed)
        styles.append(scale_style(picture, scale, arguments, content_width))
    return styles


def scale_style(style: Raster, scale: float, arguments: Arguments, content_width: int) -> Tensor:
    """Scale a style image by its -style_scale, as -style_size_by says."""
    with errors_name_flag(f'-style_scale {scale}'):
        if arguments.style_size_by == 'width':
            width = int(max(scale * content_width, 1))
            height = int(max(width * style.shape[1] / style.shape[2], 1))
            return image.scale_to(style, width, height)
        return image.scale(style, math.ceil(scale * arguments.image_size))


class ReadingBudget:
    """Memory for reading pictures: what there is, and the peak of what they take.

    limit, peak: bytes of the process.
    """

    def __init__(self, limit: float):
        self.limit = limit
        self.peak = 0.0

    def check(self, picture: PIL.Image.Image, needed: float) -> None:
        """Refuse a picture, not yet decoded, that does not fit.  Raises ValueError."""
        size = decoded_bytes(picture, needed)
        if size < UNCHECKED_BYTES:
            return
        used = heap.resident_bytes()
        self.peak = max(self.peak, used + size)
        if self.peak > self.limit:
            raise ValueError(
                f'{picture.width} x {picture.height} pixels take {format_bytes(size)} to be read,'
                f' and {format_bytes(max(self.limit - used, 0))} are left: scale it down first'
            )


def load_image(flag: str, path: str, **options: Any) -> Tensor:
    """Read an image file as load_raster does."""
    return load_raster(flag, path, **options).tensor()


def load_raster(
    flag: str,
    path: str,
    exif_orientation: float = 0,
    icc_profile: float = 0,
    keep_alpha: float = 0,
    needed: float = math.inf,
    budget: ReadingBudget | None = None,
    piped: Mapping[str, PipedFile] | None = None,
) -> Raster:
    """Decode an image file; errors name the flag.

    exif_orientation, icc_profile, keep_alpha: the flags.  needed: as image.decode has it.  piped:
    contents of files that came through pipes.
    """
    budget = budget or ReadingBudget(math.inf)
    stored = as_stored(path)

    if os.path.isdir(stored):
        several = ', or several, separated by commas' if flag == '-style_image' else ''
        raise ValueError(f'{flag} {path}: a folder; name a picture{several}')

    def check(picture: PIL.Image.Image) -> None:
        try:
            budget.check(picture, needed)
        except ValueError as error:
            raise ValueError(f'{path}: {error}') from None

    try:
        return image_files.read_raster(
            (piped or {}).get(stored, stored),
            exif_orientation=exif_orientation == 1,
            icc_profile=icc_profile == 1,
            alpha=keep_alpha == 1,
            needed=needed,
            check=check,
        )
    except FileNotFoundError:
        where = ''
        remedy = missing_file_hint(path) or 'name a JPEG, PNG, PPM, WebP, TIFF, BMP or GIF file'
        if places.is_searched(path):
            where, script = f' {places.searched()}', places.script('examples/fetch_inputs.sh')
            remedy += f"; {script} fetches the original's examples" if script else ''
        if flag == '-style_image':
            remedy += shipped_hint(path)
        if flag.lstrip('-') in LIST_FLAGS:
            remedy += r'; a comma in a name is written \,'
        raise FileNotFoundError(f'{flag} {path}: no such file{where}; {remedy}') from None
    except MemoryError:
        raise ValueError(
            f'{flag} {path}: out of memory while it is read: scale it down first'
        ) from None
    except (OSError, ValueError) as error:
        raise ValueError(f'{flag}: {error}') from error


@contextlib.contextmanager
def errors_name_flag(flag: str) -> Iterator[None]:
    """Put a flag before the text of a ValueError."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f'{flag}: {error}') from error
