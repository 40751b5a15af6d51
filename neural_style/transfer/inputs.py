"""The images of a run: checked, recoloured and masked."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from neural_style.errors import SettingError
from neural_style.transfer.color import grey, recolor
from neural_style.transfer.images import UNCLAMPED, Image, as_image, as_mask
from neural_style.transfer.paper import paper_color, resolve_paper_mask
from neural_style.transfer.region_masks import (
    ContentRegions,
    StyleRegions,
    as_content_regions,
    as_style_regions,
)
from neural_style.transfer.regions import Regions, resolve_regions
from neural_style.transfer.saved_style import SavedStyle, StyleImages, as_styles, separate
from neural_style.transfer.setting_forms import (
    parse_layers,
    parse_paper_range,
    parse_region_weights,
)
from neural_style.transfer.settings import Settings
from neural_style.transfer.style_colors import recolored_style
from neural_style.transfer.style_layers import parse_image_layers, weights_by_layer


@dataclass(frozen=True)
class Inputs:
    """The images of a run, RGB in [0, 1].

    content: (3, H, W).  styles: likewise, of any sizes; blend_weights sum to 1.
    saved_style: what stands for the style images, or None.
    layer_weights: for each style image its weights at each layer that it serves, one of each style
        term; None if all images serve all layers with their blend_weights.
    init: the image to start from, or None.
    mask: (1, H, W), 1 where paper is left, or None; paper: its colour, (3, 1, 1).
    guides: for each style image None, or (1, H, W): how much of it is painted.
    regions: of the content and the style images, or None.
    colors: the image whose colours come back in the end, (3, H, W), or None.
    released_bytes: of images that only this object refers to.
    """

    content: Tensor
    styles: list[Tensor]
    saved_style: SavedStyle | None
    blend_weights: list[float]
    layer_weights: list[dict[str, list[float]]] | None
    init: Tensor | None
    mask: Tensor | None
    paper: Tensor | None
    guides: list[Tensor | None]
    regions: Regions | None
    colors: Tensor | None
    released_bytes: int

    @property
    def size(self) -> tuple[int, int]:
        """Return (H, W) of the content image, which is that of the generated one."""
        return _size(self.content)

    @property
    def term_guides(self) -> list[list[Tensor | None]]:
        """Return the guides of each style image, one for each term of a style loss."""
        return [[guide] for guide in self.guides] if self.regions is None else self.regions.maps

    @property
    def term_weights(self) -> Sequence[list[float] | dict[str, list[float]]]:
        """Return the weights of each style image, one for each term of a style loss."""
        return self.layer_weights or _term_weights(self.blend_weights, self.regions)


def prepare(
    settings: Settings,
    content_image: Image | Callable[[], Image],
    style_images: StyleImages,
    init_image: Image | None = None,
    style_blend_weights: Sequence[float] | None = None,
    paper_mask: Image | None = None,
    content_regions: ContentRegions | None = None,
    style_regions: StyleRegions | None = None,
    start_tolerance: float = UNCLAMPED,
) -> Inputs:
    """Check the images given to stylize, and recolour and mask them as the settings ask.

    start_tolerance: how far init_image may lie outside [0, 1] without a warning.
    Raises SettingError for images that do not fit each other or the settings, TypeError for what is
    no image.
    """
    content, given, init, released_bytes = _read_images(
        settings, content_image, style_images, init_image, start_tolerance
    )
    saved_style, styles = separate(
        given, settings, style_blend_weights, paper_mask, content_regions
    )
    colors = content if settings.keeps_content_colors else None
    needs_style = saved_style is None and parse_layers('style_layers', settings.style_layers).names
    has_paper = paper_mask is not None or settings.paper_mask
    if not styles and (needs_style or settings.recolor_content or has_paper):
        raise SettingError('style_image', 'give at least one')
    blend_weights = normalize_weights(style_blend_weights, len(styles))
    pictures = (content_regions, style_regions) if needs_style else (None, None)
    regions = _paired_regions(settings, content, styles, blend_weights, *pictures)
    layer_weights = style_layer_weights(settings, _term_weights(blend_weights, regions))
    if settings.paints_grey:
        content, styles = grey(content), [grey(image) for image in styles]
        init = None if init is None else grey(init)
    unmatched, styles = styles, _recolored_styles(styles, content, settings, regions)
    contents = _recolored_contents(content, styles, settings)
    mask, guides = resolve_paper_mask(
        settings.paper_mask if paper_mask is None else as_mask('paper_mask', paper_mask),
        parse_paper_range(settings.paper_range),
        contents,
        unmatched,  # where paper still has its own colour
    )
    if regions is not None and mask is not None:
        regions = regions.painted(1 - mask, guides)
    return Inputs(
        content=contents[-1],
        styles=styles,
        saved_style=saved_style,
        blend_weights=blend_weights,
        layer_weights=layer_weights,
        init=init,
        mask=mask,
        paper=None if mask is None else paper_color(styles, blend_weights),
        guides=guides,
        regions=regions,
        colors=colors,
        released_bytes=released_bytes,
    )


def style_layer_weights(
    settings: Settings, blend_weights: Sequence[Sequence[float]]
) -> list[dict[str, list[float]]] | None:
    """Return the blend weights by layer of each style image, if the settings tell layers apart.

    blend_weights: as weights_by_layer takes them.
    """
    image_layers = parse_image_layers(settings.style_image_layers)
    if not image_layers:
        return None
    style_layers = parse_layers('style_layers', settings.style_layers).names
    return weights_by_layer(image_layers, blend_weights, [name.strip() for name in style_layers])


def _paired_regions(
    settings: Settings,
    content: Tensor,
    styles: Sequence[Tensor],
    blend_weights: Sequence[float],
    content_regions: ContentRegions | None,
    style_regions: StyleRegions | None,
) -> Regions | None:
    return resolve_regions(
        as_content_regions(content_regions),
        as_style_regions(style_regions),
        parse_region_weights(settings.region_weights),
        _size(content),
        list(map(_size, styles)),
        blend_weights,
    )


def _term_weights(blend_weights: Sequence[float], regions: Regions | None) -> list[list[float]]:
    """Return the blend weights of each style image, one for each term of a style loss."""
    return [[weight] for weight in blend_weights] if regions is None else regions.blend_weights


def _recolored_contents(
    content: Tensor, styles: Sequence[Tensor], settings: Settings
) -> list[Tensor]:
    """Return the content image, and behind it the one in other colours if it takes them."""
    if not settings.recolor_content:
        return [content]
    return [content, recolor(content, styles, settings.recolor_content)]


def _recolored_styles(
    styles: Sequence[Tensor], content: Tensor, settings: Settings, regions: Regions | None
) -> list[Tensor]:
    """Return the style images in the colours that they take, region by region."""
    if regions is None:
        return [recolored_style(style, content, settings) for style in styles]
    content_maps = [mask.map for mask in regions.content]
    return [
        recolored_style(style, content, settings, maps, content_maps)
        for style, maps in zip(styles, regions.maps, strict=True)
    ]


def _read_images(
    settings: Settings,
    content_image: Image | Callable[[], Image],
    style_images: StyleImages,
    init_image: Image | None,
    start_tolerance: float,
) -> tuple[Tensor, list[Tensor] | SavedStyle, Tensor | None, int]:
    """Return content, styles and initial image, and the bytes of those that nobody else has."""
    content = as_image('content_image', called(content_image))
    styles = as_styles(called(style_images))
    init = None if init_image is None else as_image('init_image', init_image, start_tolerance)
    _check_images(settings, content, init)
    released_bytes = 0
    if callable(content_image) and not settings.keeps_content_colors:
        released_bytes += content.nbytes
    if callable(style_images) and not isinstance(styles, SavedStyle):
        released_bytes += sum(style.nbytes for style in styles)
    return content, styles, init, released_bytes


def _size(image: Tensor) -> tuple[int, int]:
    return image.shape[1], image.shape[2]


def called(image: Any) -> Any:
    """Return an image, or images, that a function may return."""
    return image() if callable(image) else image


def _check_images(settings: Settings, content: Tensor, init: Tensor | None) -> None:
    height, width = content.shape[1:]
    if settings.tv_weight > 0 and min(height, width) < 2:
        raise SettingError(
            'image_size',
            f'the image is {width} x {height} pixels, and TV needs 2 x 2;'
            ' give a larger `image_size`, or `tv_weight` 0',
        )
    if init is not None and init.shape != content.shape:
        raise SettingError(
            'init_image',
            f'its shape is {tuple(init.shape)}, that of the content image'
            f' {tuple(content.shape)}: scale it',
        )


def normalize_weights(style_blend_weights: Sequence[float] | None, count: int) -> list[float]:
    """Return blend weights of so many style images that sum to 1; equal ones by default.

    Weights that sum to 0 become NaN or infinite, as in the original.
    """
    if style_blend_weights is None:
        style_blend_weights = [1.0] * count
    try:
        weights = torch.tensor(style_blend_weights, dtype=torch.float64).reshape(-1)
    except (TypeError, ValueError):
        raise SettingError(
            'style_blend_weights', 'give a number for each style image', style_blend_weights
        ) from None
    if len(weights) != count:
        raise SettingError(
            'style_blend_weights',
            f'{len(weights)} weights for {count} style images; give one for each',
        )
    return (weights / weights.sum()).tolist()


def checked_weights(style_blend_weights: Sequence[float] | None, count: int) -> list[float]:
    """Return blend weights as normalize_weights does, but refuse those that sum to 0."""
    weights = normalize_weights(style_blend_weights, count)
    if not all(map(math.isfinite, weights)):
        raise SettingError('style_blend_weights', 'the weights sum to 0; give others')
    return weights
