"""The evaluations of a run, scale after scale."""

import pytest

from neural_style.command.schedule import Schedule

THREE_SCALES = Schedule([64, 128, 256], [40, 20, 10])


@pytest.mark.parametrize(
    ('evaluation', 'number'), [(0, 1), (40, 1), (41, 2), (60, 2), (61, 3), (99, 3)]
)
def test_scale_follows_from_the_evaluation(evaluation, number):
    assert THREE_SCALES.scale_number(evaluation) == number


@pytest.mark.parametrize(
    ('evaluations', 'work'),
    [(0, 0), (10, 10), (40, 40), (50, 40 + 10 * 4), (70, 40 + 20 * 4 + 10 * 16)],
)
def test_work_grows_with_the_pixels(evaluations, work):
    assert THREE_SCALES.work(evaluations) == work * 64**2
