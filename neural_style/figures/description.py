"""Texts that describe a figure: the caption of the sheet and the settings of the page."""

import os
from collections.abc import Sequence
from typing import Any

from neural_style.command.arguments import Arguments
from neural_style.figures.figures import FIGURES, PaperFigure
from neural_style.figures.inputs import Input
from neural_style.figures.normalization import MEAN
from neural_style.figures.plan import Plan
from neural_style.transfer.multiscale import scales

FORMULAS = {
    'printed': 'the printed formulas, with alpha and beta as weights',
    'code': "the authors' later code: means of squares, weight 1 for content and"
    ' beta / alpha for every style layer',
}


def caption(
    name: str, arguments: Arguments, plan: Plan, normalized: bool, remarks: Sequence[str]
) -> str:
    """Return the text under the sheet.  remarks: of images that stand for others."""
    first = plan.paintings[0]
    sentences = ['Settings: the defaults of neural-style.']
    if isinstance(FIGURES[name], PaperFigure):
        features = {'relu': 'rectified (relu1_1)', 'conv': 'not rectified'}[arguments.features]
        sentences = [
            f'Reading: {arguments.reading} ({FORMULAS[arguments.reading]}).',
            f'Layers conv1_1 and so on are {features}.',
        ]
    network = os.path.basename(arguments.model_file).removesuffix('.caffemodel')
    scaling = f', scaled to mean activations of {MEAN:g}' if normalized else ''
    pooling = 'average' if first.settings.get('pooling') == 'avg' else 'max'
    deviation = first.settings.get('noise_scale')
    noise = f'noise of deviation {deviation:g}' if deviation else 'noise'
    start = 'the content image' if first.settings.get('init') == 'image' else noise
    choice = ', that of the lowest loss shown' if first.lowest else ''
    padding = '' if arguments.padding == 'zero' else f', {arguments.padding} padding'
    count = len(scales(arguments.multiscale, arguments.image_size))
    coarse = '' if count == 1 else f' at the last of {count} sizes'
    sentences += [
        f'Network: {network}{scaling}; {pooling} pooling{padding}.',
        f'{arguments.image_size} pixels, {arguments.num_iterations} evaluations of L-BFGS{coarse},'
        f' from {start}, seed {arguments.seed}{choice}.',
    ]
    if remarks:
        sentences.append('; '.join(remarks) + '.')
    return ' '.join(sentences)


def figure_settings(
    name: str, arguments: Arguments, content: Input, styles: Sequence[Input], normalized: bool
) -> dict[str, Any]:
    """Return the settings of the whole figure, by their labels on its page."""
    rows = {
        'content image': content.name,
        'style images': ', '.join(style.name for style in styles),
        'network': os.path.basename(arguments.model_file),
        'image size': arguments.image_size,
        'evaluations': arguments.num_iterations,
        'scales': ', '.join(map(str, scales(arguments.multiscale, arguments.image_size))),
        'padding': arguments.padding,
        'seed': arguments.seed,
    }
    if isinstance(FIGURES[name], PaperFigure):
        rows |= {'reading': arguments.reading, 'features': arguments.features}
        rows |= {'scaled': normalized, 'losses': 'with beta = 1; figure 1: of weight 1'}
    return rows
