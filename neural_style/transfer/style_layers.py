"""The layers that each style image serves: strokes of one painting, shapes of another."""

from collections.abc import Sequence

from neural_style.errors import SettingError
from neural_style.torch7.cmdline import split

SETTING = 'style_image_layers'
ALL = 'all'
# 'relu1_1+relu2_1,all', or for each image names, or ALL.
ImageLayers = str | Sequence[str | Sequence[str]]


def parse_image_layers(image_layers: ImageLayers) -> list[list[str]]:
    """Return the names of the layers that each style image serves, [ALL] for all.

    Raises SettingError for an image without layers.
    """
    items = split(image_layers) if isinstance(image_layers, str) else image_layers
    lists = [
        [name.strip() for name in item.split('+')] if isinstance(item, str) else list(item)
        for item in items
    ]
    if any(not names or '' in names for names in lists):
        raise SettingError(
            SETTING, f'name layers for each image, such as relu1_1+relu2_1,{ALL}', image_layers
        )
    return lists


def weights_by_layer(
    image_layers: Sequence[Sequence[str]],
    blend_weights: Sequence[Sequence[float]],
    style_layers: Sequence[str],
) -> list[dict[str, list[float]]]:
    """Return, for each style image, its blend weights at each layer that it serves.

    blend_weights: for each style image one of every style term, 0 where it does not serve the term.
    At each layer those of the images that serve it are divided by their sum.
    Raises SettingError for lists that fit neither the images nor the layers.
    """
    if len(image_layers) != len(blend_weights):
        count = len(blend_weights)
        raise SettingError(
            SETTING, f'{len(image_layers)} lists for {count} style images; give one for each'
        )
    _check_names(image_layers, style_layers)
    weights: list[dict[str, list[float]]] = [{} for _ in image_layers]
    for layer in style_layers:
        serving = [n for n, names in enumerate(image_layers) if layer in names or ALL in names]
        if not serving:
            raise SettingError(
                SETTING,
                f'no style image serves {layer}; add it to one, or omit it in `style_layers`',
            )
        totals = [sum(terms) for terms in zip(*(blend_weights[n] for n in serving), strict=True)]
        if 0 in totals:
            term = totals.index(0)
            region = f' in region {term + 1}' if len(totals) > 1 else ''
            if region and all(blend_weights[n][term] == 0 for n in serving):
                raise SettingError(
                    SETTING,
                    f'no style image of region {term + 1} serves {layer}; add it to one, or let'
                    ' another style image serve the region, with `style_regions`',
                )
            raise SettingError(
                'style_blend_weights',
                f'those of the style images that serve {layer}{region} sum to 0',
            )
        for number in serving:
            terms = zip(blend_weights[number], totals, strict=True)
            weights[number][layer] = [weight / total for weight, total in terms]
    return weights


def _check_names(image_layers: Sequence[Sequence[str]], style_layers: Sequence[str]) -> None:
    """Raise SettingError for a layer that has no style loss."""
    for name in (name for names in image_layers for name in names):
        if name != ALL and name not in style_layers:
            raise SettingError(
                SETTING, f'{name} is not among the `style_layers` {",".join(style_layers)}'
            )
