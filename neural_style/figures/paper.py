"""Figures 1 to 3 of Gatys, Ecker, Bethge 2015, in either reading of alpha / beta."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from neural_style.figures.pictures import Picture
from neural_style.figures.plan import InputPanel, Painting, Plan, letters

READINGS = ('printed', 'code')
FEATURES = ('relu', 'conv')
LAYERS = ('1_1', '2_1', '3_1', '4_1', '5_1')
CONTENT_LAYER = '4_2'
FIGURE_2 = (1e-3, 1e-3, 1e-3, 1e-4, 1e-4)  # ratios of B to F
RATIOS = (1e-5, 1e-4, 1e-3, 1e-2)
# What alpha and beta are both multiplied by, which moves no minimum.  L-BFGS uses a pair of step
# and gradient change only if their product is above 1e-10: with beta = 1 a picture may stay grey.
# A normalised network does well with gradients whose absolute values sum to 1e4 ... 1e6 at first;
# beyond that the first pairs are noise, and the next step is a leap.
SCALE = {'printed': 1e6, 'code': 1e9}
# The weight of a content loss that is alone, for the same reason; the printed one is a sum over all
# positions, the other a mean.
SINGLE_PROCESS = {'printed': 1.0, 'code': 1e4}
# Standard deviation of the noise that every picture starts from, of 256 levels; the paper gives
# none.  From the original's 0.001 the middle of a picture is flat, style gradients there are all
# alike, and low layers give a grey field in a frame; from 20 and above grain is left over.
NOISE = 10


@dataclass(frozen=True)
class Setting:
    """How the paper is read: see weights, and layer."""

    reading: str = 'code'
    features: str = 'relu'

    def weights(self, ratio: float) -> dict[str, Any]:
        """Keywords of stylize for a ratio alpha / beta.

        printed: the formulas of the paper with alpha, beta and w_l = 1 / number of layers.
        code: the authors' later program: means of squares, 1 for content, 1 / ratio for each layer.
        """
        scale = SCALE[self.reading]
        return {
            'losses': 'paper' if self.reading == 'printed' else 'neural_style',
            'missing_layers': 'error',
            'content_weight': ratio * scale,
            'style_weight': scale,
        }

    def layer(self, number: str) -> str:
        return self.features + number

    def keywords(self, content: Sequence[str], style: Sequence[str], ratio: float) -> dict:
        """Keywords of stylize for layers such as '4_2'; all else as the paper says."""
        return {
            'content_layers': ','.join(map(self.layer, content)),
            'style_layers': ','.join(map(self.layer, style)),
            'pooling': 'avg',
            'tv_weight': 0,
            'noise_scale': NOISE,
            **self.weights(ratio),
        }


def reconstructions(content: Picture, styles: Sequence[Picture], setting: Setting) -> Plan:
    """Figure 1: above from the style of sets of layers, below from the content of single ones."""
    paintings = []
    for column, layer in enumerate(LAYERS, start=1):
        letter = 'abcde'[column - 1]
        span = 'conv1_1' if column == 1 else f'conv1_1 ... conv{layer}'
        style = setting.keywords((), LAYERS[:column], 1)
        single = setting.keywords((layer,), (), 1)
        single['content_weight'] = SINGLE_PROCESS[setting.reading]
        above = Painting(
            f'style_conv{layer}',
            f'{letter}  {span}',
            (0, column),
            content,
            (styles[0],),
            style,
            unit=SCALE[setting.reading],
            lowest=True,
        )
        # stylize wants a style picture even where no layer looks at it.
        below = Painting(
            f'content_conv{layer}',
            f'{letter}  conv{layer}',
            (1, column),
            content,
            (content,),
            single,
            unit=SINGLE_PROCESS[setting.reading],
            lowest=True,
        )
        paintings += [above, below]
    paintings.sort(key=lambda painting: painting.place)
    inputs = (
        InputPanel(styles[0], f'style: {styles[0].name}', (0, 0)),
        InputPanel(content, f'content: {content.name}', (1, 0)),
    )
    rows = ('Style reconstructions', 'Content reconstructions')
    return Plan(tuple(paintings), inputs, row_labels=rows)


def five_paintings(content: Picture, styles: Sequence[Picture], setting: Setting) -> Plan:
    """Figure 2: one photograph in the manner of several paintings."""
    return letters(
        content,
        styles,
        [setting.keywords((CONTENT_LAYER,), LAYERS, ratio) for ratio in FIGURE_2],
        [
            f'{style.name}, 10^{_exponent(ratio)}'
            for style, ratio in zip(styles, FIGURE_2, strict=False)
        ],
        unit=SCALE[setting.reading],
        lowest=True,
    )


def layers_and_ratios(content: Picture, styles: Sequence[Picture], setting: Setting) -> Plan:
    """Figure 3: rows are sets of style layers, columns ratios of content to style."""
    grid = [
        Painting(
            f'conv{layer}_1e{_exponent(ratio)}',
            f'conv{layer}, 10^{_exponent(ratio)}',
            (row, column),
            content,
            (styles[0],),
            setting.keywords((CONTENT_LAYER,), LAYERS[: row + 1], ratio),
            unit=SCALE[setting.reading],
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
