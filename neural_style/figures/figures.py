"""The figures by name."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from neural_style.figures.control import control
from neural_style.figures.galleries import colors, interpolation, multiple, style_scales
from neural_style.figures.inputs import (
    COMPOSITION_VII,
    GOLDEN_GATE,
    SEATED_NUDE,
    SHIPWRECK,
    STARRY_NIGHT,
    THE_SCREAM,
    TUBINGEN,
    Input,
    Role,
)
from neural_style.figures.paper import (
    Reading,
    five_paintings,
    layers_and_ratios,
    reconstructions,
)
from neural_style.figures.plan import Plan


@dataclass(frozen=True)
class Figure:
    """A figure: its title, its inputs, and the function that plans it.

    content, styles: the roles of its inputs; -style_image may name from min_styles to max_styles.
    """

    title: str
    content: Role
    styles: tuple[Role, ...]
    min_styles: int
    max_styles: float


@dataclass(frozen=True)
class PaperFigure(Figure):
    """One of the paper's figures, which can be read in several ways."""

    plan: Callable[[Input, Sequence[Input], Reading], Plan]


@dataclass(frozen=True)
class Gallery(Figure):
    """A gallery, of the original's README or of the project."""

    plan: Callable[[Input, Sequence[Input]], Plan]


FIVE = (SHIPWRECK, STARRY_NIGHT, THE_SCREAM, SEATED_NUDE, COMPOSITION_VII)
# Neighbours are blended: the original's four pairs, clockwise.
RING = (STARRY_NIGHT, THE_SCREAM, COMPOSITION_VII, SEATED_NUDE)
FIGURES: dict[str, PaperFigure | Gallery] = {
    '1': PaperFigure(
        'content and style reconstructed from five depths of the network',
        TUBINGEN,
        (STARRY_NIGHT,),
        1,
        1,
        reconstructions,
    ),
    '2': PaperFigure('one photograph, five paintings', TUBINGEN, FIVE, 1, 5, five_paintings),
    '3': PaperFigure(
        'style layers down, ratio of content to style across',
        TUBINGEN,
        (COMPOSITION_VII,),
        1,
        1,
        layers_and_ratios,
    ),
    'style_scale': Gallery(
        'the style picture at three scales', GOLDEN_GATE, (STARRY_NIGHT,), 1, 1, style_scales
    ),
    'interpolation': Gallery(
        'from one style to another in five steps',
        GOLDEN_GATE,
        (STARRY_NIGHT, THE_SCREAM),
        2,
        2,
        interpolation,
    ),
    'colors': Gallery(
        'style without its colours (-original_colors 1)', TUBINGEN, FIVE, 1, 25, colors
    ),
    'control': Gallery(
        'control of colour, scale and space (Gatys et al. 2017)',
        TUBINGEN,
        (STARRY_NIGHT, COMPOSITION_VII),
        2,
        2,
        control,
    ),
    'multiple': Gallery('two styles at once', TUBINGEN, RING, 2, math.inf, multiple),
}


def heading(name: str) -> str:
    """Return the heading of the sheet and the page."""
    figure = FIGURES[name]
    group = 'Figure' if isinstance(figure, PaperFigure) else 'Gallery'
    return f'{group} {name}: {figure.title}'


def figure_list() -> str:
    """Return a line for each figure."""
    width = max(map(len, FIGURES))
    return ''.join(f'  {name:<{width}}  {figure.title}\n' for name, figure in FIGURES.items())
