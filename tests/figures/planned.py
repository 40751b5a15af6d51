"""Plans of figures, and the records that a run leaves in out/."""

import json
from pathlib import Path

from neural_style.figures.figures import FIGURES, PaperFigure
from neural_style.figures.inputs import Input
from neural_style.figures.paper import Reading


def plan_of(name, formulas='code', features='relu', styles=5):
    """Return the plan of a figure whose input files have no contents."""
    figure = FIGURES[name]
    content = Input('c.jpg', '-content_image')
    paths = [f's{n}.jpg' for n in range(min(styles, figure.max_styles))]
    inputs = [Input(path, '-style_image') for path in paths]
    if isinstance(figure, PaperFigure):
        return figure.plan(content, inputs, Reading(formulas, features))
    return figure.plan(content, inputs[: len(figure.styles)])


def record_of(name):
    return json.loads(Path('out', f'{name}.json').read_text())
