"""What says where regions are: pictures of flat colours, or a mask for each region."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from neural_style.errors import SettingError
from neural_style.transfer.flat_colors import FlatPicture, flat_picture
from neural_style.transfer.images import Image, as_image, as_mask


@dataclass(frozen=True)
class RegionMask:
    """How much each pixel belongs to a region: (1, H, W) in [0, 1], or bool.

    name: of the region or the mask's file, for messages.
    """

    name: str
    map: Tensor

    def fitted(self, setting: str, size: tuple[int, int]) -> 'RegionMask':
        """Return the mask at the size of its image: averaged if that is smaller.

        Raises SettingError, naming the setting, for a mask of another aspect.
        """
        height, width = self.map.shape[1:]
        if (height, width) == size:
            return self
        if bool((self.map == self.map[:, :1, :1]).all()):
            return RegionMask(self.name, self.map[:, :1, :1].expand(1, *size))
        # either size may be rounded by a pixel
        if abs(height * size[1] - width * size[0]) > max(height, width, *size):
            raise SettingError(
                setting,
                f'{self.name}: {width} x {height} pixels have another aspect than the'
                f' {size[1]} x {size[0]} of the image; scale or crop it as the image',
            )
        return RegionMask(self.name, functional.adaptive_avg_pool2d(self.map.float(), size))

    def times(self, guide: Tensor | None) -> 'RegionMask':
        """Return the mask times how much of its image is painted, (1, H, W); None: all of it."""
        return self if guide is None else RegionMask(self.name, (self.map * guide).float())


EVERYTHING = RegionMask('the whole image', torch.ones(1, 1, 1, dtype=torch.bool))

ContentRegions = Image | FlatPicture | Sequence[Image | RegionMask]
# For each style image; None: it has no regions, and in a list: nothing of it is in the region.
StyleRegions = Sequence[Image | FlatPicture | Sequence[Image | RegionMask | None] | None]
Masks = list[RegionMask | None]


def as_content_regions(regions: ContentRegions | None) -> FlatPicture | Masks | None:
    """Return the argument content_regions as a picture of flat colours, or as masks."""
    if regions is None or isinstance(regions, FlatPicture):
        return regions
    return _as_regions('content_regions', 'content_regions', regions)


def as_style_regions(regions: StyleRegions | None) -> list[FlatPicture | Masks | None]:
    """Return the argument style_regions: for each style image a picture, masks, or None."""
    if regions is None:
        return []
    entries = regions if isinstance(regions, list | tuple) else [regions]
    return [
        _as_regions('style_regions', f'style_regions[{number}]', entry)
        for number, entry in enumerate(entries)
    ]


def _as_regions(setting, name, regions):
    if regions is None or isinstance(regions, FlatPicture):
        return regions
    if not isinstance(regions, list | tuple):
        return as_flat_picture(setting, name, as_image(name, regions))
    return [_as_region_mask(f'{name}[{number}]', mask) for number, mask in enumerate(regions)]


def _as_region_mask(name, mask):
    if mask is None or isinstance(mask, RegionMask):
        return mask
    return RegionMask(name, as_mask(name, mask))


def as_flat_picture(setting: str, name: str, image: Tensor) -> FlatPicture:
    """Return an image (3, H, W), RGB in [0, 1], as a picture of flat colours."""
    return flat_picture(setting, name, image.mul(255).add(0.5).clamp(0, 255).to(torch.uint8))


def masks_of(picture: FlatPicture | Masks) -> Masks:
    """Return the masks of a picture's colours, in their order, or the masks that there are."""
    if not isinstance(picture, FlatPicture):
        return picture
    return [
        RegionMask(f'region {name} of {picture.name}', (picture.labels == number)[None])
        for number, name in enumerate(picture.color_names)
    ]
