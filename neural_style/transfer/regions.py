"""Regions: parts of the image that each take their style from some parts of the style images.

The loss of a layer is the sum over regions of λ · E, where E compares Gram matrices of T F, the
features times a guide of the region (Gatys et al. 2017, Controlling Perceptual Factors, eq. 5 and
6).  λ is the weight of the region, 1 by default, times its share of the image, so that a position
counts as much as without regions, however many there are; the authors' code gives each the same λ.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from torch import Tensor

from neural_style.errors import SettingError
from neural_style.transfer.flat_colors import FlatPicture, closest
from neural_style.transfer.region_masks import EVERYTHING, Masks, RegionMask, masks_of


@dataclass(frozen=True)
class Regions:
    """The regions of a run, without those of weight 0.

    content: a mask for each, of the size of the content image.  weights: one for each.
    styles: for each style image, a mask for each region; None where it does not serve it.
    blend_weights: for each style image, its weight in each region; those of a region sum to 1.
    painted_share: the share of the content image that is not bare paper.
    """

    content: list[RegionMask]
    weights: list[float]
    styles: list[Masks]
    blend_weights: list[list[float]]
    painted_share: float = 1.0

    @property
    def maps(self) -> list[list[Tensor | None]]:
        """Return the masks of each style image as tensors."""
        return [[None if mask is None else mask.map for mask in masks] for masks in self.styles]

    @property
    def term_weights(self) -> list[float]:
        """Return λ of each region: its weight times its share of what is painted."""
        shares = [float(mask.map.double().mean()) / self.painted_share for mask in self.content]
        return [weight * share for weight, share in zip(self.weights, shares, strict=True)]

    def painted(self, painted: Tensor, guides: Sequence[Tensor | None]) -> 'Regions':
        """Return the regions without bare paper.

        painted: how much of the content image is painted, (1, H, W).  guides: of the style images.
        """
        styles = [
            [mask and mask.times(guide) for mask in masks]
            for masks, guide in zip(self.styles, guides, strict=True)
        ]
        return replace(
            self,
            content=[mask.times(painted) for mask in self.content],
            styles=styles,
            painted_share=float(painted.double().mean()),
        )


def resolve_regions(
    content_regions: FlatPicture | Masks | None,
    style_regions: Sequence[FlatPicture | Masks | None],
    region_weights: Sequence[float],
    size: tuple[int, int],
    style_sizes: Sequence[tuple[int, int]],
    style_blend_weights: Sequence[float],
) -> Regions | None:
    """Pair the regions of the content image with those of the style images.

    style_regions: of the style images, in their order; further ones have none, and serve what no
        region of a style image does; where none has any, several serve one region each.
    size, style_sizes: (H, W) of the images.
    Raises SettingError, naming the regions that have no partner, or another aspect.
    """
    if content_regions is None:
        if style_regions:
            raise SettingError(
                'style_regions', 'there are no `content_regions` that they could serve; name them'
            )
        return None
    names = region_names(content_regions)
    weights = _checked_weights(region_weights, names)
    active = [number for number, weight in enumerate(weights) if weight != 0]
    served = _pair(content_regions, names, active, style_regions, len(style_sizes))
    content = [mask.fitted('content_regions', size) for mask in masks_of(content_regions) if mask]
    styles = [
        [mask and mask.fitted('style_regions', style_size) for mask in (masks[k] for k in active)]
        for masks, style_size in zip(served, style_sizes, strict=True)
    ]
    return Regions(
        content=[content[k] for k in active],
        weights=[weights[k] for k in active],
        styles=styles,
        blend_weights=_blends([names[k] for k in active], styles, style_blend_weights),
    )


def region_names(content_regions: FlatPicture | Masks) -> list[str]:
    """Name the regions of the content image, in their order."""
    if isinstance(content_regions, FlatPicture):
        return content_regions.color_names
    names = [mask.name for mask in content_regions if mask is not None]
    if len(names) < len(content_regions) or not names:
        raise SettingError('content_regions', 'give a picture, or a mask for each region')
    return names


def _checked_weights(region_weights: Sequence[float], names: Sequence[str]) -> list[float]:
    weights = list(region_weights) or [1.0] * len(names)
    if len(weights) != len(names):
        raise SettingError(
            'region_weights',
            f'{len(weights)} weights for {len(names)} regions: {", ".join(names)}; give one for'
            ' each, in this order',
        )
    if not any(weights):
        raise SettingError('region_weights', 'give a weight other than 0 to one region at least')
    return weights


def _pair(
    content: FlatPicture | Masks,
    names: Sequence[str],
    active: Sequence[int],
    style_regions: Sequence[FlatPicture | Masks | None],
    count: int,
) -> list[Masks]:
    """Return, for each of so many style images, a mask for each region of the content image.

    active: numbers of the regions that need one.
    """
    if len(style_regions) > count:
        raise SettingError(
            'style_regions',
            f'{len(style_regions)} pictures for {count} style image(s); give one for each; masks'
            ' go with masks in `content_regions`',
        )
    entries = [*style_regions, *[None] * (count - len(style_regions))]
    if not any(entries) and count > 1:
        return _one_each(names, active, count)
    served = [entry and _masks_by_region(content, names, entry) for entry in entries]
    without_partner = [k for k in active if not any(masks and masks[k] for masks in served)]
    if without_partner and None not in served:
        raise _no_partner(content, [names[k] for k in without_partner], entries)
    remainder: Masks = [EVERYTHING if k in without_partner else None for k in range(len(names))]
    result = [masks or remainder for masks in served]
    for number, masks in enumerate(result):
        if not any(masks):
            raise SettingError(
                'style_image',
                f'picture {number + 1} serves no region, as all are served by `style_regions`;'
                ' give it a picture of regions there, or leave it out',
            )
    return result


def _one_each(names: Sequence[str], active: Sequence[int], count: int) -> list[Masks]:
    """Let each style image serve a region, in their order."""
    numbers = next((n for n in (list(range(len(names))), list(active)) if len(n) == count), None)
    if numbers is None:
        raise SettingError(
            'style_image',
            f'{count} pictures for {len(names)} regions: {", ".join(names)}; give one for all, or'
            ' one for each in this order, or say in `style_regions` which serve which',
        )
    return [[EVERYTHING if k == number else None for k in range(len(names))] for number in numbers]


def _masks_by_region(
    content: FlatPicture | Masks, names: Sequence[str], entry: FlatPicture | Masks
) -> Masks:
    """Return a style image's mask for each region of the content image."""
    if not isinstance(entry, FlatPicture):
        if len(entry) != len(names):
            raise SettingError(
                'style_regions',
                f'{len(entry)} masks for {len(names)} regions: {", ".join(names)}; give one for'
                ' each, in this order',
            )
        return entry
    if not isinstance(content, FlatPicture):
        raise SettingError(
            'style_regions',
            f'{entry.name} is a picture of flat colours, and `content_regions` are masks: give'
            ' masks, one for each of those, or a picture of flat colours there',
        )
    partners = [closest(color, content.colors) for color in entry.colors]
    if partners == [None] * len(partners):
        raise SettingError(
            'style_regions',
            f'{entry.name} has no colour in common with {content.name}: there are'
            f' {", ".join(entry.color_names)} and {", ".join(content.color_names)}; paint what'
            ' belongs together in the same colour',
        )
    masks: Masks = [None] * len(names)
    for mask, partner in zip(masks_of(entry), partners, strict=True):
        if mask is not None and partner is not None:
            former = masks[partner]
            masks[partner] = RegionMask(
                mask.name, mask.map if former is None else former.map | mask.map
            )
    return masks


def _no_partner(
    content: FlatPicture | Masks,
    missing: Sequence[str],
    entries: Sequence[FlatPicture | Masks | None],
) -> SettingError:
    pictures = [entry.name for entry in entries if isinstance(entry, FlatPicture)]
    where = f' in {", ".join(pictures)}' if pictures else ''
    file = f' of {content.name}' if isinstance(content, FlatPicture) else ''
    return SettingError(
        'style_regions',
        f'no style image serves {", ".join(missing)}{file}; paint it{where}, or give it weight 0 in'
        ' `region_weights`',
    )


def _blends(
    names: Sequence[str], styles: Sequence[Masks], style_blend_weights: Sequence[float]
) -> list[list[float]]:
    """Return the weight of each style image in each region."""
    blends = [[0.0] * len(names) for _ in styles]
    for k, name in enumerate(names):
        serving = [number for number, masks in enumerate(styles) if masks[k] is not None]
        total = math.fsum(style_blend_weights[number] for number in serving)
        if total == 0:
            raise SettingError(
                'style_blend_weights', f'the style images of {name} have weights that sum to 0'
            )
        for number in serving:
            blends[number][k] = style_blend_weights[number] / total
    return blends
