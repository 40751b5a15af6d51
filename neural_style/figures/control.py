"""The gallery of Gatys et al. 2017, Controlling Perceptual Factors: colour, scale, space."""

from collections.abc import Mapping, Sequence
from typing import Any

from neural_style.figures.galleries import GALLERY
from neural_style.figures.inputs import Input, regions_of
from neural_style.figures.plan import Cell, InputPanel, Painting, Plan

# Painted on the content image, so that few evaluations are enough.
SETTINGS: Mapping[str, Any] = {**GALLERY, 'init': 'image', 'lbfgs_max_step': 10}
SPACES: tuple[tuple[str, str, dict[str, str]], ...] = (
    ('regions', 'region by region, 2 elsewhere', {}),
    ('regions_match', 'with -color match', {'color': 'match'}),
)
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
    """Return paintings with colours, scales and regions of the content and two styles combined.

    The first style gives colours and strokes, the second shapes.
    """
    first, second = styles

    def painting(
        name: str, label: str, cell: Cell, used: tuple[Input, ...], changes: dict[str, Any]
    ) -> Painting:
        return Painting(name, label, cell, content, used, {**SETTINGS, **changes})

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
        {**SETTINGS, 'style_layers': FINE.replace('+', ','), 'style_weight': 1000},
    )
    combined = Painting(
        'combined',
        'in that style',
        (2, 2),
        content,
        (),
        SETTINGS,
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
    spaces, space_panels = spatial(content, styles)
    return Plan((*colors, *scales, *spaces), (*panels, *space_panels))


def spatial(content: Input, styles: Sequence[Input]) -> tuple[list[Painting], list[InputPanel]]:
    """Return paintings of regions, and panels that show these; none without pictures of regions.

    Regions of the content that the first style has not are painted in the second.
    """
    first, second = styles
    content_regions, style_regions = regions_of(content), regions_of(first)
    if content_regions is None or style_regions is None:
        return [], []
    paintings = [
        Painting(
            name,
            label,
            (3, column),
            content,
            (first, second),
            {**SETTINGS, **changes},
            content_regions=content_regions,
            style_regions=(style_regions,),
        )
        for column, (name, label, changes) in enumerate(SPACES, start=2)
    ]
    panels = [
        InputPanel(content_regions, f'regions: {content_regions.name}', (3, 0)),
        InputPanel(style_regions, f'regions of 1: {style_regions.name}', (3, 1)),
    ]
    return paintings, panels
