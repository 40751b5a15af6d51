"""What a figure says about itself: the caption of the sheet and the settings of the page."""

import os
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from neural_style.figures.figures import FIGURES, PaperFigure
from neural_style.figures.pictures import Picture
from neural_style.figures.plan import Plan


def caption(
    name: str, params: SimpleNamespace, plan: Plan, normalized: bool, stand_ins: Sequence[str]
) -> str:
    """What stands under the sheet."""
    sentences = []
    if isinstance(FIGURES[name], PaperFigure):
        first = 'Layers conv1_1 and so on are'
        what = 'rectified (relu1_1)' if params.features == 'relu' else 'not rectified'
        reading = {
            'printed': 'the printed formulas, with alpha and beta as weights',
            'code': "the authors' later code: means of squares, weight 1 for content and"
            ' beta / alpha for every style layer',
        }[params.reading]
        sentences += [f'Reading: {params.reading} ({reading}).', f'{first} {what}.']
    else:
        sentences.append('Settings: the defaults of neural-style.')
    network = os.path.basename(params.model_file).removesuffix('.caffemodel')
    scaling = ', scaled to mean activations of 1' if normalized else ''
    pooling = 'average' if plan.paintings[0].keywords.get('pooling') == 'avg' else 'max'
    deviation = plan.paintings[0].keywords.get('noise_scale')
    noise = f'noise of deviation {deviation:g}' if deviation else 'noise'
    shown = ', that of the lowest loss shown' if plan.paintings[0].lowest else ''
    sentences += [
        f'Network: {network}{scaling}; {pooling} pooling.',
        f'{params.image_size} pixels, {params.num_iterations} evaluations of L-BFGS from {noise},'
        f' seed {params.seed}{shown}.',
    ]
    if stand_ins:
        sentences.append('; '.join(stand_ins) + '.')
    return ' '.join(sentences)


def settings(
    params: SimpleNamespace,
    figure: Any,
    content: Picture,
    styles: Sequence[Picture],
    normalized: bool,
) -> dict[str, Any]:
    """Settings of the whole figure, for its page."""
    rows = {
        'content image': content.name,
        'style images': ', '.join(style.name for style in styles),
        'network': os.path.basename(params.model_file),
        'image size': params.image_size,
        'evaluations': params.num_iterations,
        'seed': params.seed,
    }
    if isinstance(figure, PaperFigure):
        rows |= {'reading': params.reading, 'features': params.features, 'scaled': normalized}
        rows['losses'] = 'with beta = 1; figure 1: of weight 1'
    return rows
