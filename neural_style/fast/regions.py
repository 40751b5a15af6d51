"""Regions of the content painted at once, each in the style of a region of the style images."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from neural_style.errors import SettingError
from neural_style.fast.encoder import Style
from neural_style.fast.painting import Painter, blended
from neural_style.transfer.regions import Regions

FEATHER = 128  # the longer side is so many times the width over which regions run into each other


def paint_regions(
    painter: Painter,
    content: Tensor,
    styles: Sequence[Tensor],
    regions: Regions,
    strength: float = 1.0,
) -> Tensor:
    """Paint each region of an image (3, H, W), RGB, in [0, 1], in its style; returns as much.

    styles: images likewise.  regions: of the content and of these; their weights multiply the
    strength, up to 1.  What is in no region stays as it is.  Raises SettingError for a region
    without a pixel.
    """
    for mask in regions.content:
        if not mask.map.any():
            raise SettingError('content_regions', f'{mask.name} is empty; leave it out')
    shares = softened(torch.stack([mask.map.float() for mask in regions.content]))
    picture = content.float() * (1 - shares.sum(0)).clamp(min=0)
    region_styles = styles_of_regions(painter, styles, regions)
    encoded = painter.encode(content)
    for mask, style, weight, share in zip(
        regions.content, region_styles, regions.weights, shares, strict=True
    ):
        share_of_strength = min(1.0, strength * weight)
        painted = painter.paint(encoded, style, share_of_strength, guide=mask.map.float())
        picture += painted * share
    return picture.clamp(0, 1)


def styles_of_regions(painter: Painter, styles: Sequence[Tensor], regions: Regions) -> list[Style]:
    """Return the style of each region: of those of the style images that serve it."""
    serving: list[list[tuple[Style, float]]] = [[] for _ in regions.content]
    for image, masks, weights in zip(styles, regions.styles, regions.blend_weights, strict=True):
        guides = {number: mask.map.float() for number, mask in enumerate(masks) if mask is not None}
        image_styles = painter.styles(image, list(guides.values())) if guides else []
        for number, style in zip(guides, image_styles, strict=True):
            serving[number].append((style, weights[number]))
    return [
        blended([style for style, _ in pairs], [weight for _, weight in pairs]) for pairs in serving
    ]


def softened(masks: Tensor) -> Tensor:
    """Soften the edges of masks (N, 1, H, W), and share what several have: at most 1 in all."""
    width = max(masks.shape[2:]) // FEATHER // 2 * 2 + 1
    for _ in range(2):
        masks = avg_pool2d(masks, width, 1, width // 2, count_include_pad=False)
    return masks / masks.sum(0).clamp(min=1)
