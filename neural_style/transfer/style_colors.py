"""The colours of the style images: their own, or matched to those of the content image."""

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor

from neural_style.transfer.color_transfer import match_colors, match_luminance
from neural_style.transfer.settings import Settings

# Takes an image, a reference, and how much each pixel of them counts.
Transfer = Callable[[Tensor, Tensor, Tensor | None, Tensor | None], Tensor]


def recolored_style(
    style: Tensor,
    content: Tensor,
    settings: Settings,
    masks: Sequence[Tensor | None] = (),
    content_masks: Sequence[Tensor] = (),
) -> Tensor:
    """Return a style image in the colours, or luminances, that it takes from the content image.

    style, content: (3, H, W), RGB in [0, 1].  masks, content_masks: of the regions of each, in the
        same order, (1, H, W) in [0, 1] or bool; None where the style image does not serve a region.
        Each region takes the colours of its partner; where several overlap, their average.
    """
    transfer = _transfer(settings)
    if transfer is None:
        return style
    pairs = [
        (mask.to(style), content_mask.to(content))
        for mask, content_mask in _joined(masks, content_masks)
        if mask.any() and content_mask.any()
    ]
    if not pairs:
        return transfer(style, content, None, None)
    served = torch.stack([mask for mask, _ in pairs]).sum(0)
    remainder = (1 - served).clamp(min=0)
    matched = remainder * style
    for mask, content_mask in pairs:
        matched += mask * transfer(style, content, mask, content_mask)
    return matched / (remainder + served)


def _transfer(settings: Settings) -> Transfer | None:
    """Return how the settings recolour a style image; None if they leave it."""
    if settings.color == 'match':
        return partial(_match, settings.color_transfer)
    if settings.color == 'luminance':
        return _match_grey
    return None


def _match(
    method: str,
    style: Tensor,
    content: Tensor,
    weights: Tensor | None,
    content_weights: Tensor | None,
) -> Tensor:
    return match_colors(style, content, method, weights, content_weights)


def _match_grey(
    style: Tensor, content: Tensor, weights: Tensor | None, content_weights: Tensor | None
) -> Tensor:
    plane = match_luminance(style[:1], content[:1], weights, content_weights)
    return plane.expand(3, -1, -1)


def _joined(
    masks: Sequence[Tensor | None], content_masks: Sequence[Tensor]
) -> list[tuple[Tensor, Tensor]]:
    """Pair the masks of regions; regions that the same part of the style serves are one."""
    pairs: list[tuple[Tensor, Tensor]] = []
    for mask, content_mask in zip(masks, content_masks, strict=True):
        if mask is None:
            continue
        same = [number for number, (other, _) in enumerate(pairs) if other.equal(mask)]
        if same:
            joint = (pairs[same[0]][1] + content_mask.to(mask.device)).clamp(max=1)
            pairs[same[0]] = mask, joint
        else:
            pairs.append((mask, content_mask))
    return pairs
