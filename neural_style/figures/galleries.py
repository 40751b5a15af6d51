"""The galleries of the original's README, with the original's defaults."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from neural_style.figures.inputs import Input
from neural_style.figures.plan import InputPanel, Painting, Plan, lettered_plan

# The original's defaults, except that a missing layer is an error.
GALLERY: Mapping[str, Any] = {
    'content_layers': 'relu4_2',
    'style_layers': 'relu1_1,relu2_1,relu3_1,relu4_1,relu5_1',
    'missing_layers': 'error',
}


def style_scales(content: Input, styles: Sequence[Input]) -> Plan:
    """Return paintings with the style image at 2, 1 and 0.5 times the size."""
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
    panels = (
        InputPanel(content, f'content: {content.name}', (0, 0)),
        InputPanel(styles[0], f'style: {styles[0].name}', (0, 4)),
    )
    return Plan(tuple(row), panels)


def interpolation(content: Input, styles: Sequence[Input]) -> Plan:
    """Return paintings from one style to another in five steps."""
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
    panels = (
        InputPanel(first, f'1: {first.name}', (0, 0)),
        InputPanel(second, f'2: {second.name}', (0, 6)),
    )
    return Plan(tuple(row), panels)


def colors(content: Input, styles: Sequence[Input]) -> Plan:
    """Return paintings with the strokes of the styles and the colours of the photograph."""
    labels = [style.name for style in styles]
    return lettered_plan(content, styles, [GALLERY] * len(styles), labels, original_colors=True)


def multiple(content: Input, styles: Sequence[Input]) -> Plan:
    """Return paintings of two styles each, in a ring: neighbours share a style."""
    count = len(styles)
    pairs = [(n, (n + 1) % count) for n in range(count if count > 2 else 1)]
    across = math.ceil(len(pairs) / 2)
    # Clockwise from the upper left: the second half comes back below.
    cells = [(0, n) if n < across else (1, len(pairs) - 1 - n) for n in range(len(pairs))]
    return Plan(
        tuple(
            Painting(
                f'styles_{first + 1}_{second + 1}',
                f'{styles[first].name} + {styles[second].name}',
                cell,
                content,
                (styles[first], styles[second]),
                GALLERY,
                insets=(styles[first], styles[second]),
            )
            for (first, second), cell in zip(pairs, cells, strict=True)
        )
    )
