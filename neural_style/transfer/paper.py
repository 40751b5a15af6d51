"""Bare paper: where the image stays unpainted, and in which colour."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from neural_style.errors import SettingError
from neural_style.transfer.color import luminance

# The share of a style image's brightest pixels whose mean colour is taken for its paper's.
PAPER_SHARE = 0.1
# Radius of the margin that stays paintable around dark areas, as a share of the longer side.
MASK_MARGIN = 0.004
# The smallest share of an image that can hold a style.
MIN_PAINTED_SHARE = 1e-3


def bright_area_mask(content: Tensor, low: float, high: float) -> Tensor:
    """Find where the content image is bright enough to be left as bare paper.

    content: (3, H, W), RGB in [0, 1].  A luminance up to low gives 0, from high on 1, with a smooth
    step between.  A narrow margin around darker areas, 0.4 % of the longer side, is kept free for
    the edges of brush strokes, and the mask is blurred by as much.
    Returns (1, H, W), float64.
    """
    radius = max(1, round(MASK_MARGIN * max(content.shape[1:])))
    bright = luminance(content.double())[None]  # (1, 1, H, W)
    darkest = -functional.max_pool2d(-bright, 2 * radius + 1, 1, radius)
    step = ((darkest - low) / (high - low)).clamp(0, 1)
    mask = step * step * (3 - 2 * step)
    for _ in range(2):
        padded = functional.pad(mask, (radius,) * 4, mode='replicate')
        mask = functional.avg_pool2d(padded, 2 * radius + 1, 1)
    return mask[0]


def resolve_paper_mask(
    paper_mask: str | Tensor,
    paper_range: tuple[float, float],
    contents: Sequence[Tensor],
    styles: Sequence[Tensor],
) -> tuple[Tensor | None, list[Tensor | None]]:
    """Return the mask of the generated image, and a guide for each style image.

    paper_mask: '' for none, 'auto', or a mask (1, H, W).  contents: versions of the content image,
    as given and recoloured: paper is left where one of them is bright.  A guide (1, H, W) says how
    much of a style image is painted where; without a mask it is None.
    Raises SettingError where nothing is left to paint or to take a style from.
    """
    if isinstance(paper_mask, Tensor):
        if paper_mask.shape != (1, *contents[0].shape[1:]):
            raise SettingError(
                'paper_mask',
                f'the mask has shape {tuple(paper_mask.shape)}, the image'
                f' {tuple(contents[0].shape)}: scale it',
            )
        mask = paper_mask.double()
    elif paper_mask == 'auto':
        masks = [bright_area_mask(content, *paper_range) for content in contents]
        mask = torch.stack(masks).amax(0)
    else:
        return None, [None] * len(styles)
    guides: list[Tensor | None] = [1 - bright_area_mask(style, *paper_range) for style in styles]
    painted = [('content_image', 1 - mask), *(('style_image', guide) for guide in guides)]
    for name, guide in painted:
        if guide is not None and float(guide.mean()) < MIN_PAINTED_SHARE:
            raise SettingError(
                'paper_mask', f'`{name}` is nothing but paper; give a `paper_range` nearer to 1'
            )
    return mask, guides


def paper_color(styles: Sequence[Tensor], weights: Sequence[float]) -> Tensor:
    """Average the brightest tenth of each style image (3, H, W), blended: (3, 1, 1), RGB."""
    color = styles[0].new_zeros(3, dtype=torch.float64)
    for style, weight in zip(styles, weights, strict=True):
        bright = luminance(style.double()).flatten()
        count = max(1, round(PAPER_SHARE * bright.numel()))
        color += weight * style.double().flatten(1)[:, bright.topk(count).indices].mean(1)
    return color.view(3, 1, 1)
