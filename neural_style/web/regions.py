"""Regions that are drawn with the brush: strokes of a few colours → a picture of flat colours."""

from typing import Any

import numpy as np
import PIL.Image
import PIL.ImageColor

COLORS = {
    '#e6550d': 'orange',
    '#3182bd': 'blue',
    '#31a354': 'green',
    '#d6429b': 'pink',
}  # far from each other and from the rest in every channel's sum
REST = (40, 40, 40)
OPAQUE = 128  # of 255: strokes have soft edges


def drawn(editor: Any) -> PIL.Image.Image | None:
    """Return the strokes of an image editor as flat colours; None if there are none.

    editor: value of a gradio ImageEditor of type pil.  What is not painted has a colour of its own.
    """
    layers = (editor or {}).get('layers') or []
    if not layers:
        return None
    palette = np.array([PIL.ImageColor.getrgb(color) for color in COLORS])
    size = layers[0].size
    regions = np.full((size[1], size[0], 3), REST, np.uint8)
    is_painted = np.zeros((size[1], size[0]), bool)
    for layer in layers:
        pixels = np.asarray(layer.convert('RGBA').resize(size), np.int64)
        opaque = pixels[..., 3] >= OPAQUE
        distances = ((pixels[..., None, :3] - palette) ** 2).sum(-1)  # (H, W, colours)
        regions[opaque] = palette[distances.argmin(-1)][opaque]
        is_painted |= opaque
    return PIL.Image.fromarray(regions) if is_painted.any() else None


def flags(content: Any, style: Any, keeps_rest: bool) -> tuple[list[str], dict[str, Any]]:
    """Return the flags of drawn regions, and the pictures that they name.

    content, style: as drawn has them.  keeps_rest: leave what is not painted as it is.
    Raises ValueError.
    """
    regions, style_regions = drawn(content), drawn(style)
    if regions is None:
        if style_regions is not None:
            raise ValueError('regions are drawn on the style alone; draw them on the content too')
        return [], {}
    pictures = {'content_regions.png': regions}
    words = ['-content_regions', 'content_regions.png']
    colors = colors_of(regions)
    if style_regions is not None:
        missing = set(colors) - set(colors_of(style_regions)) - ({REST} if keeps_rest else set())
        if missing:
            raise ValueError(
                f'the style has no region in {" or ".join(sorted(map(color_name, missing)))};'
                ' draw it, or clear the regions of the style'
            )
        pictures['style_regions.png'] = style_regions
        words += ['-style_regions', 'style_regions.png']
    if keeps_rest and REST in colors:
        weights = ','.join('0' if color == REST else '1' for color in colors)
        words += ['-region_weights', weights]
    return words, pictures


def colors_of(picture: PIL.Image.Image) -> list[tuple[int, ...]]:
    """Return the colours of a picture in the order in which they appear, row after row."""
    pixels = np.asarray(picture).reshape(-1, 3)
    colors, first = np.unique(pixels, axis=0, return_index=True)
    return [tuple(map(int, colors[index])) for index in np.argsort(first)]


def color_name(color: tuple[int, ...]) -> str:
    names: dict[tuple[int, ...], str] = {
        PIL.ImageColor.getrgb(value): name for value, name in COLORS.items()
    }
    return names.get(color, 'what is not painted')
