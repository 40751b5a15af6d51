"""Figures 1 to 3 of Gatys, Ecker, Bethge 2015, in either reading of alpha / beta."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from neural_style.figures.inputs import Input
from neural_style.figures.plan import InputPanel, Painting, Plan, lettered_plan

READINGS = ('printed', 'code')
FEATURES = ('relu', 'conv')
LAYERS = ('1_1', '2_1', '3_1', '4_1', '5_1')
CONTENT_LAYER = '4_2'
FIGURE_2_RATIOS = (1e-3, 1e-3, 1e-3, 1e-4, 1e-4)  # of B to F
RATIOS = (1e-5, 1e-4, 1e-3, 1e-2)
# alpha and beta are both multiplied by this, which moves no minimum.  L-BFGS uses a pair of step
# and gradient change only if their product is above 1e-10: with beta = 1 a picture may stay grey.
# A normalised network does well with gradients whose absolute values sum to 1e4 ... 1e6 at first;
# beyond that the first pairs are noise, and the next step is a leap.
SCALE = {'printed': 1e6, 'code': 1e9}
# The weight of a single content loss, for the same reason; the printed loss is a sum over all
# positions, the other a mean.
SINGLE_LOSS_WEIGHT = {'printed': 1.0, 'code': 1e4}
# Standard deviation of the noise that every painting starts from, in grey levels; the paper gives
# none.  From the original's 0.001 the middle of an image is flat, style gradients there are all
# alike, and low layers give a grey field in a frame; from 20 up grain is left over.
NOISE = 10
# A longer step of L-BFGS, which has no line search, is shortened to this, in grey levels.
MAX_STEP = 10


@dataclass(frozen=True)
class Reading:
    """A reading of the paper: its weights and its layers.

    formulas: 'printed', those of the paper with alpha, beta and w_l = 1 / number of layers; or
    'code', the authors' later program: means of squares, 1 for content, 1 / ratio for each layer.
    features: 'relu' or 'conv', what the paper calls conv1_1.
    """

    formulas: str = 'code'
    features: str = 'relu'

    def weights(self, ratio: float) -> dict[str, Any]:
        """Return keywords of stylize for a ratio alpha / beta."""
        scale = SCALE[self.formulas]
        return {
            'losses': 'paper' if self.formulas == 'printed' else 'neural_style',
            'missing_layers': 'error',
            'content_weight': ratio * scale,
            'style_weight': scale,
        }

    def layer(self, number: str) -> str:
        """Return the name of a layer such as '4_2'."""
        return self.features + number

    def settings(self, content: Sequence[str], style: Sequence[str], ratio: float) -> dict:
        """Return keywords of stylize for layers such as '4_2'; all else as the paper says."""
        return {
            'content_layers': ','.join(map(self.layer, content)),
            'style_layers': ','.join(map(self.layer, style)),
            'pooling': 'avg',
            'tv_weight': 0,
            'noise_scale': NOISE,
            'lbfgs_max_step': MAX_STEP,
            **self.weights(ratio),
        }


def reconstructions(content: Input, styles: Sequence[Input], reading: Reading) -> Plan:
    """Return figure 1: style from sets of layers above, content from single layers below."""
    style_row = [
        Painting(
            f'style_conv{layer}',
            f'{letter}  ' + ('conv1_1' if column == 1 else f'conv1_1 ... conv{layer}'),
            (0, column),
            content,
            (styles[0],),
            reading.settings((), LAYERS[:column], 1),
            unit=SCALE[reading.formulas],
            lowest=True,
        )
        for column, (letter, layer) in enumerate(zip('abcde', LAYERS, strict=True), start=1)
    ]
    weight = SINGLE_LOSS_WEIGHT[reading.formulas]
    content_row = [
        Painting(
            f'content_conv{layer}',
            f'{letter}  conv{layer}',
            (1, column),
            content,
            (content,),  # stylize asks for a style image even where no layer looks at it
            reading.settings((layer,), (), 1) | {'content_weight': weight},
            unit=weight,
            lowest=True,
        )
        for column, (letter, layer) in enumerate(zip('abcde', LAYERS, strict=True), start=1)
    ]
    panels = (
        InputPanel(styles[0], f'style: {styles[0].name}', (0, 0)),
        InputPanel(content, f'content: {content.name}', (1, 0)),
    )
    row_labels = ('Style reconstructions', 'Content reconstructions')
    return Plan((*style_row, *content_row), panels, row_labels=row_labels)


def five_paintings(content: Input, styles: Sequence[Input], reading: Reading) -> Plan:
    """Return figure 2: one photograph in the manner of several paintings."""
    return lettered_plan(
        content,
        styles,
        [reading.settings((CONTENT_LAYER,), LAYERS, ratio) for ratio in FIGURE_2_RATIOS],
        [
            f'{style.name}, 10^{_exponent(ratio)}'
            for style, ratio in zip(styles, FIGURE_2_RATIOS, strict=False)
        ],
        unit=SCALE[reading.formulas],
        lowest=True,
    )


def layers_and_ratios(content: Input, styles: Sequence[Input], reading: Reading) -> Plan:
    """Return figure 3: rows are sets of style layers, columns ratios of content to style."""
    grid = [
        Painting(
            f'conv{layer}_1e{_exponent(ratio)}',
            f'conv{layer}, 10^{_exponent(ratio)}',
            (row, column),
            content,
            (styles[0],),
            reading.settings((CONTENT_LAYER,), LAYERS[: row + 1], ratio),
            unit=SCALE[reading.formulas],
            lowest=True,
        )
        for row, layer in enumerate(LAYERS)
        for column, ratio in enumerate(RATIOS)
    ]
    return Plan(
        tuple(grid),
        (
            InputPanel(content, f'content: {content.name}', (0, 4)),
            InputPanel(styles[0], f'style: {styles[0].name}', (1, 4)),
        ),
        tuple(f'conv{layer}' for layer in LAYERS),
        tuple(f'10^{_exponent(ratio)}' for ratio in RATIOS),
    )


def _exponent(ratio: float) -> int:
    return round(math.log10(ratio))
