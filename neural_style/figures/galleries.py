"""The galleries of the original's README, with the original's defaults."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from neural_style.figures.pictures import Picture
from neural_style.figures.plan import InputPanel, Painting, Plan, letters

# The original's defaults, but that a layer which the network lacks is an error.
GALLERY: Mapping[str, Any] = {
    'content_layers': 'relu4_2',
    'style_layers': 'relu1_1,relu2_1,relu3_1,relu4_1,relu5_1',
    'missing_layers': 'error',
}


def style_scales(content: Picture, styles: Sequence[Picture]) -> Plan:
    """The style picture at 2, 1 and 0.5 times the size."""
    row = [
        Painting(
            f'scale_{scale:g}',
            f'-style_scale {scale:.1f}',
            (0, column),
            content,
            (styles[0],),
            GALLERY,
            style_scale=scale,
        )
        for column, scale in enumerate((2.0, 1.0, 0.5), start=1)
    ]
    inputs = (
        InputPanel(content, f'content: {content.name}', (0, 0)),
        InputPanel(styles[0], f'style: {styles[0].name}', (0, 4)),
    )
    return Plan(tuple(row), inputs)


def interpolation(content: Picture, styles: Sequence[Picture]) -> Plan:
    """From one style to another in five steps."""
    first, second = styles
    row = [
        Painting(
            f'blend_{share}_{10 - share}',
            f'{share} : {10 - share}',
            (0, column),
            content,
            (first, second),
            {**GALLERY, 'style_blend_weights': (share, 10 - share)},
        )
        for column, share in enumerate((9, 7, 5, 3, 1), start=1)
    ]
    inputs = (
        InputPanel(first, f'1: {first.name}', (0, 0)),
        InputPanel(second, f'2: {second.name}', (0, 6)),
    )
    return Plan(tuple(row), inputs)


def colors(content: Picture, styles: Sequence[Picture]) -> Plan:
    """Strokes of the paintings in the colours of the photograph."""
    labels = [style.name for style in styles]
    return letters(content, styles, [GALLERY] * len(styles), labels, original_colors=True)


def multiple(content: Picture, styles: Sequence[Picture]) -> Plan:
    """Two styles at once, in a ring: each picture shares a style with its neighbours."""
    count = len(styles)
    pairs = [(n, (n + 1) % count) for n in range(count if count > 2 else 1)]
    across = math.ceil(len(pairs) / 2)
    # Clockwise from the upper left: the second half comes back below.
    places = [(0, n) if n < across else (1, len(pairs) - 1 - n) for n in range(len(pairs))]
    return Plan(
        tuple(
            Painting(
                f'styles_{one + 1}_{other + 1}',
                f'{styles[one].name} + {styles[other].name}',
                place,
                content,
                (styles[one], styles[other]),
                GALLERY,
                insets=(styles[one], styles[other]),
            )
            for (one, other), place in zip(pairs, places, strict=True)
        )
    )
