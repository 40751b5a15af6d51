"""Pictures painted at once, from images of any kind."""

from collections.abc import Sequence

from torch import Tensor

from neural_style.errors import SettingError
from neural_style.fast.painting import Painter, blended
from neural_style.fast.regions import paint_regions
from neural_style.fast.trained import (
    TrainedPainter,
    TrainedStyle,
    as_trained_style,
)
from neural_style.transfer.images import Image, as_image, as_images
from neural_style.transfer.inputs import checked_weights
from neural_style.transfer.region_masks import (
    ContentRegions,
    StyleRegions,
    as_content_regions,
    as_style_regions,
)
from neural_style.transfer.regions import resolve_regions
from neural_style.transfer.setting_forms import parse_region_weights


def paint(
    content: Image,
    styles: Image | Sequence[Image] | TrainedStyle,
    *,
    strength: float = 1.0,
    style_blend_weights: Sequence[float] | None = None,
    content_regions: ContentRegions | None = None,
    style_regions: StyleRegions | None = None,
    region_weights: str | Sequence[float] = '',
    painter: Painter | None = None,
) -> Tensor:
    """Paint the content image in the style of other images; returns (3, H, W), RGB, float64.

    styles: images; or a trained style, given as such or by its path.
    Images and regions are taken as stylize takes them, images in the sizes that they have.
    strength: from 0, hardly any style, to 1; region_weights multiply it.  painter: a Painter, for
    many pictures; by default one is loaded.  Raises SettingError, and TypeError for what is no
    image.
    """
    if not 0 <= strength <= 1:
        raise SettingError('strength', 'give a number from 0 to 1', strength)
    picture = as_image('content', content)
    trained = as_trained_style(styles)
    if trained is not None:
        if content_regions is not None:
            raise SettingError('content_regions', 'a trained style has one for the whole picture')
        mixture = checked_weights(style_blend_weights, trained.network.shape.styles)
        return TrainedPainter(trained).paint(picture, mixture, strength).double()
    assert not isinstance(styles, TrainedStyle)
    images = as_images('styles', styles)
    if not images:
        raise SettingError('styles', 'give at least one image')
    painter = painter or Painter()
    weights = checked_weights(style_blend_weights, len(images))
    regions = resolve_regions(
        as_content_regions(content_regions),
        as_style_regions(style_regions),
        parse_region_weights(region_weights),
        (picture.shape[1], picture.shape[2]),
        [(image.shape[1], image.shape[2]) for image in images],
        weights,
    )
    if regions is not None:
        return paint_regions(painter, picture, images, regions, strength).double()
    style = blended([painter.style(image) for image in images], weights)
    return painter.paint(picture, style, strength).double()
