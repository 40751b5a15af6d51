"""The images of a run: checked, recoloured and masked."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from neural_style.errors import SettingError
from neural_style.transfer.color import grey, recolor
from neural_style.transfer.images import UNCLAMPED, Image, as_image, as_images, as_mask
from neural_style.transfer.paper import paper_color, resolve_paper_mask
from neural_style.transfer.settings import Settings, parse_layers, parse_paper_range
from neural_style.transfer.style_colors import recolored_style
from neural_style.transfer.style_layers import parse_image_layers, weights_by_layer


@dataclass(frozen=True)
class Inputs:
    """The images of a run, RGB in [0, 1].

    content: (3, H, W).  styles: likewise, of any sizes; blend_weights sum to 1.
    layer_weights: for each style image its weights at each layer that it serves, one of each style
        term; None if all images serve all layers with their blend_weights.
    init: the image to start from, or None.
    mask: (1, H, W), 1 where paper is left, or None; paper: its colour, (3, 1, 1).
    guides: for each style image None, or (1, H, W): how much of it is painted.
    colors: the image whose colours come back in the end, (3, H, W), or None.
    released_bytes: of images that only this object refers to.
    """

    content: Tensor
    styles: list[Tensor]
    blend_weights: list[float]
    layer_weights: list[dict[str, list[float]]] | None
    init: Tensor | None
    mask: Tensor | None
    paper: Tensor | None
    guides: list[Tensor | None]
    colors: Tensor | None
    released_bytes: int

    @property
    def size(self) -> tuple[int, int]:
        """Return (H, W) of the content image, which is that of the generated one."""
        return self.content.shape[1], self.content.shape[2]


def prepare(
    settings: Settings,
    content_image: Image | Callable[[], Image],
    style_images: Sequence[Image] | Callable[[], Sequence[Image]],
    init_image: Image | None = None,
    paper_mask: Image | None = None,
    style_blend_weights: Sequence[float] | None = None,
) -> Inputs:
    """Check the images given to stylize, and recolour and mask them as the settings ask.

    Raises SettingError for images that do not fit each other or the settings, TypeError for what is
    no image.
    """
    released_bytes = 0
    content = as_image('content_image', called(content_image))
    colors = content if settings.keeps_content_colors else None
    if callable(content_image) and colors is None:
        released_bytes += content.nbytes
    styles = as_images('style_images', called(style_images))
    if callable(style_images):
        released_bytes += sum(style.nbytes for style in styles)
    init = None if init_image is None else as_image('init_image', init_image, UNCLAMPED)
    _check_images(settings, content, init)
    needs_style = parse_layers('style_layers', settings.style_layers).names
    has_paper = paper_mask is not None or settings.paper_mask
    if not styles and (needs_style or settings.recolor_content or has_paper):
        raise SettingError('style_image', 'give at least one')
    blend_weights = normalize_weights(style_blend_weights, len(styles))
    layer_weights = style_layer_weights(settings, [[weight] for weight in blend_weights])
    if settings.paints_grey:
        content, styles = grey(content), [grey(image) for image in styles]
        init = None if init is None else grey(init)
    styles = [recolored_style(style, content, settings) for style in styles]
    contents = [content]
    if settings.recolor_content:
        content = recolor(content, styles, settings.recolor_content)
        contents.append(content)
    paper_range = parse_paper_range(settings.paper_range)
    mask, guides = resolve_paper_mask(
        settings.paper_mask if paper_mask is None else as_mask('paper_mask', paper_mask),
        paper_range,
        contents,
        styles,
    )
    return Inputs(
        content=content,
        styles=styles,
        blend_weights=blend_weights,
        layer_weights=layer_weights,
        init=init,
        mask=mask,
        paper=None if mask is None else paper_color(styles, blend_weights),
        guides=guides,
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
