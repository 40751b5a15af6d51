"""The choice of statistics, and their weighted sums."""

import pytest
import torch
from statistics_samples import guide_map, guided, loss_of, rectified, value_and_gradient

from neural_style import Settings
from neural_style.errors import SettingError
from neural_style.losses.statistics.choice import make_statistic, parse_statistics


@pytest.mark.parametrize('is_guided', [False, True])
@pytest.mark.parametrize('exact', [False, True])
def test_weighted_sum_has_the_losses_of_its_parts(is_guided, exact):
    x, a = rectified((4, 6, 8), 1), rectified((4, 5, 5), 2)
    guides = (guide_map(6, 8, 3), guide_map(5, 5, 4)) if is_guided else (None, None)
    weights = {'gram': 2.0, 'wasserstein': 0.5, 'histogram': 0.25, 'mean_std': 1.0}
    value, gradient = 0.0, torch.zeros_like(x)
    for name, weight in weights.items():
        loss = guided(loss_of({name: weight}), guides[1])
        loss.capture(a)
        part = value_and_gradient(guided(loss, guides[0]), x, exact)
        value, gradient = value + part[0], gradient + part[1]
    loss = guided(loss_of(weights), guides[1])
    loss.capture(a)
    result = value_and_gradient(guided(loss, guides[0]), x, exact)
    torch.testing.assert_close(result[0], value, rtol=1e-12, atol=0)
    torch.testing.assert_close(result[1], gradient, rtol=1e-11, atol=1e-14)
    assert loss.compared.name == 'gram+wasserstein+histogram+mean_std'


@pytest.mark.parametrize(
    ('choice', 'weights'),
    [
        ('gram', {'gram': 1}),
        (' gram , histogram:0.5', {'gram': 1, 'histogram': 0.5}),
        (['mean_std', 'gram'], {'mean_std': 1, 'gram': 1}),
        ({'covariance': 3}, {'covariance': 3}),
    ],
)
def test_choice_may_have_any_form_that_settings_have(choice, weights):
    assert parse_statistics(choice) == weights
    statistic, factor = make_statistic(parse_statistics(choice))
    assert statistic.name == '+'.join(weights)
    assert factor == (1 if len(weights) > 1 else next(iter(weights.values())))


@pytest.mark.parametrize(
    ('choice', 'message'),
    [
        ('', 'choose one of gram, mean_std, covariance, wasserstein, histogram'),
        ('grams', '`style_statistic` grams: choose one of'),
        ('gram:x', 'choose one of'),
        (3, 'choose one of'),
        ('gram,gram:2', 'name each statistic once'),
        ('gram:0', '`style_statistic` gram:0: give weights above 0'),
        ('gram:1,histogram:-1', 'histogram:-1: give weights above 0'),
        ('gram:inf', 'give weights above 0'),
    ],
)
def test_unusable_choice_is_refused(choice, message):
    with pytest.raises(SettingError, match=message):
        Settings(style_statistic=choice)


def test_losses_of_the_paper_take_gram_matrices_alone():
    Settings(losses='paper', style_statistic='gram')
    with pytest.raises(SettingError, match='`style_statistic` histogram: the losses of the paper'):
        Settings(losses='paper', style_statistic='histogram')
