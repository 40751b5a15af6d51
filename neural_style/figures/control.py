"""The gallery of Gatys et al. 2017, Controlling Perceptual Factors: colour and scale."""

from collections.abc import Sequence
from typing import Any

from neural_style.figures.galleries import GALLERY
from neural_style.figures.inputs import Input
from neural_style.figures.plan import Cell, InputPanel, Painting, Plan

FINE, COARSE = 'relu1_1+relu2_1', 'relu3_1+relu4_1+relu5_1'
COLORS: tuple[tuple[str, str, dict[str, str]], ...] = (
    ('style', 'colours of the style', {}),
    ('luminance', '-color luminance', {'color': 'luminance'}),
    ('match_linear', '-color match', {'color': 'match'}),
    ('content', '-color content', {'color': 'content'}),
    (
        'match_histogram',
        '-color_transfer histogram',
        {'color': 'match', 'color_transfer': 'histogram'},
    ),
)


def control(content: Input, styles: Sequence[Input]) -> Plan:
    """Return paintings with colours and scales of the content and two styles combined.

    The first style gives colours and strokes, the second shapes.
    """
    first, second = styles

    def painting(
        name: str, label: str, cell: Cell, used: tuple[Input, ...], changes: dict[str, Any]
    ) -> Painting:
        return Painting(name, label, cell, content, used, {**GALLERY, **changes})

    cells = [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3)]
    colors = [
        painting(name, label, cell, (first,), changes)
        for (name, label, changes), cell in zip(COLORS, cells, strict=True)
    ]
    strokes = Painting(
        'strokes',
        'strokes of 1 on shapes of 2',
        (2, 1),
        second,
        (first,),
        {**GALLERY, 'style_layers': FINE.replace('+', ','), 'init': 'image'},
    )
    combined = Painting(
        'combined',
        'in that style',
        (2, 2),
        content,
        (),
        GALLERY,
        style_paintings=(strokes,),
    )
    layers = {'style_image_layers': f'{FINE},{COARSE}'}
    scales = [
        painting('shapes', 'in the style of 2', (1, 1), (second,), {}),
        strokes,
        combined,
        painting('layers', '-style_image_layers', (2, 3), (first, second), layers),
    ]
    panels = (
        InputPanel(content, f'content: {content.name}', (0, 0)),
        InputPanel(first, f'1: {first.name}', (1, 0)),
        InputPanel(second, f'2: {second.name}', (2, 0)),
    )
    return Plan((*colors, *scales), panels)
