"""The pictures of -content_regions and -style_regions: flat colours, or a grey mask a region."""

from collections.abc import Callable, Sequence
from typing import Any

import torch

from neural_style.command.arguments import Arguments
from neural_style.command.paths import split_paths
from neural_style.errors import SettingError
from neural_style.files.raster import Raster, mapped
from neural_style.transfer.color import luminance
from neural_style.transfer.flat_colors import FlatPicture, flat_picture
from neural_style.transfer.region_masks import Masks, RegionMask

Load = Callable[..., Raster]  # of a flag and a path


def read_regions(arguments: Arguments, load: Load, style_count: int) -> dict[str, Any]:
    """Return the arguments of stylize that -content_regions and -style_regions give.

    load: reads the file that a flag names.  style_count: style images.
    One picture is of flat colours; several are masks, one for each region.  Masks of the style are
    those of a single style image, or one of each.  Raises ValueError, naming flag and file.
    """
    paths, style_paths = (
        split_paths(value) for value in (arguments.content_regions, arguments.style_regions)
    )
    for flag, files in (('content_regions', paths), ('style_regions', style_paths)):
        if not files and getattr(arguments, flag) != '':
            raise SettingError(flag, 'names no picture', getattr(arguments, flag))
    if not paths:
        if style_paths:
            raise SettingError(
                'style_regions', 'there are no `content_regions` that they could serve; name them'
            )
        return {}
    if len(paths) == 1:
        pictures = [_flat_picture('style_regions', path, load) for path in style_paths]
        return {
            'content_regions': _flat_picture('content_regions', paths[0], load),
            'style_regions': pictures,
        }
    masks = [_mask('content_regions', path, load) for path in paths]
    style_masks = [_mask('style_regions', path, load) for path in style_paths]
    return {
        'content_regions': masks,
        'style_regions': _by_style_image(arguments, style_masks, len(masks), style_count),
    }


def describe_regions(regions: dict[str, Any]) -> str:
    """Say in which order the flat colours of -content_regions are; '' for masks and for none."""
    picture = regions.get('content_regions')
    if not isinstance(picture, FlatPicture):
        return ''
    shares = zip(picture.color_names, picture.shares(), strict=True)
    names = ', '.join(f'{name} ({share:.0%})' for name, share in shares)
    return f'-content_regions {picture.name}: the regions are, in this order, {names}'


def _by_style_image(
    arguments: Arguments, masks: Sequence[RegionMask], regions: int, style_count: int
) -> list[Masks]:
    """Return, for each style image, a mask for each region."""
    if not masks:
        return []
    if len(masks) == regions and style_count == 1:
        return [list(masks)]
    if len(masks) == regions == style_count:
        return [
            [mask if k == number else None for k in range(regions)]
            for number, mask in enumerate(masks)
        ]
    raise SettingError(
        'style_regions',
        f'{len(masks)} masks, for {regions} regions and {style_count} style images; give a mask'
        ' for each region, all of one style image or each of another',
        arguments.style_regions,
    )


def _flat_picture(setting: str, path: str, load: Load) -> FlatPicture:
    source = load(f'-{setting}', path)
    rows = [
        source.rows(start, stop).mul_(255).add_(0.5).clamp_(0, 255).to(torch.uint8)
        for start, stop in source.chunks()
    ]
    return flat_picture(setting, path, torch.cat(rows, 1))


def _mask(setting: str, path: str, load: Load) -> RegionMask:
    source = mapped(load(f'-{setting}', path), luminance, 1)
    rows = [source.rows(start, stop).float() for start, stop in source.chunks()]
    return RegionMask(path, torch.cat(rows, 1))
