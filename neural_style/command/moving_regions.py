"""-content_regions of a video that has masks of its own for every frame: masks_%04d.png."""

import os
from typing import Any

from neural_style.command.arguments import Arguments
from neural_style.command.images import image_loader
from neural_style.command.paths import as_stored, join_paths, split_paths
from neural_style.command.region_files import read_regions
from neural_style.video.clip import Clip
from neural_style.video.picture_files import is_pattern, numbered


def has_moving_regions(arguments: Arguments) -> bool:
    """Tell whether a file of -content_regions is named by the number of a frame."""
    return any(map(_is_numbered, split_paths(arguments.content_regions)))


def check_moving_regions(arguments: Arguments, clip: Clip) -> None:
    """Refuse regions that could not be told apart, and files that are missing.

    Frames whose number is not known for certain are looked for when they are painted.
    """
    paths = list(filter(_is_numbered, split_paths(arguments.content_regions)))
    is_flat = len(split_paths(arguments.content_regions)) == 1
    if paths and is_flat and (arguments.region_weights != '' or arguments.style_regions == ''):
        raise ValueError(
            f'-content_regions {arguments.content_regions}: colours may come in another order in'
            ' another frame; name masks, one pattern for each region, or -style_regions without'
            ' -region_weights'
        )
    for number in [1] if clip.numbers is None else clip.numbers:
        for path in paths:
            if not os.path.isfile(as_stored(numbered(path, number))):
                raise ValueError(
                    f'-content_regions {path}: there is no {numbered(path, number)}, for frame'
                    f' {number}'
                )


def read_regions_of_frame(arguments: Arguments, number: int) -> dict[str, Any]:
    """Read the regions of a frame, as arguments of stylize."""
    paths = [
        numbered(path, number) if _is_numbered(path) else path
        for path in split_paths(arguments.content_regions)
    ]
    style_count = len(split_paths(arguments.style_image))
    arguments = arguments.with_values(content_regions=join_paths(paths))
    return read_regions(arguments, image_loader(arguments), style_count)


def _is_numbered(path: str) -> bool:
    return is_pattern(path) and not os.path.exists(as_stored(path))
