"""The figures by name."""

import pytest
from planned import plan_of

from neural_style.figures.figures import FIGURES, figure_list, heading

COUNTS = {
    '1': 10,
    '2': 5,
    '3': 20,
    'style_scale': 3,
    'interpolation': 5,
    'colors': 5,
    'control': 9,
    'multiple': 4,
}


@pytest.mark.parametrize('name', FIGURES)
def test_plan_has_as_many_paintings_as_the_figure(name):
    paintings = plan_of(name).paintings
    assert len(paintings) == COUNTS[name]
    assert len({painting.name for painting in paintings}) == COUNTS[name]
    assert len({painting.cell for painting in paintings}) == COUNTS[name]


def test_heading_and_list_name_every_figure():
    for name, figure in FIGURES.items():
        assert heading(name).endswith(f' {name}: {figure.title}')
        assert figure.title in figure_list()
