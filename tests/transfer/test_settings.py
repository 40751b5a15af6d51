"""Settings: their forms, and what is refused."""

import dataclasses
from fractions import Fraction

import pytest

from neural_style import Settings
from neural_style.errors import SettingError
from neural_style.transfer.setting_forms import (
    parse_layers,
    parse_memory_limit,
    parse_multigpu_strategy,
    parse_paper_range,
    parse_scales,
)


@pytest.mark.parametrize(
    ('layers', 'names', 'weights'),
    [
        ('', [], {}),
        ('relu4_2', ['relu4_2'], {}),
        (',relu4_2,relu1_1,', ['relu4_2', 'relu1_1'], {}),
        ('relu4_2,,relu1_1', ['relu4_2', '', 'relu1_1'], {}),
        ('relu4_2, relu1_1', ['relu4_2', ' relu1_1'], {}),
        ('relu4_2:0.5,relu1_1', ['relu4_2', 'relu1_1'], {'relu4_2': 0.5}),
        ('block:conv,block:conv:3e-1', ['block:conv', 'block:conv'], {'block:conv': 0.3}),
        (['relu4_2', 'a,b', 'c:2'], ['relu4_2', 'a,b', 'c:2'], {}),
        ({'relu4_2': 0.5, 'relu1_1': 2}, ['relu4_2', 'relu1_1'], {'relu4_2': 0.5, 'relu1_1': 2}),
    ],
)
def test_layers_are_read_from_all_their_forms(layers, names, weights):
    assert parse_layers('style_layers', layers) == (names, weights)


@pytest.mark.parametrize('paper_range', ['0.7,0.9', (0.7, 0.9), [0.7, 0.9]])
def test_paper_range_is_text_or_a_pair(paper_range):
    assert parse_paper_range(paper_range) == (0.7, 0.9)


@pytest.mark.parametrize(
    ('strategy', 'layers'), [('', []), ('3', [3]), ('3,12', [3, 12]), ([3, 12], [3, 12]), (3, [3])]
)
def test_multigpu_strategy_is_text_or_numbers(strategy, layers):
    assert parse_multigpu_strategy(strategy) == layers


@pytest.mark.parametrize('strategy', ['x', '3,x', '1.5', [1.5], [None]])
def test_multigpu_strategy_without_layer_numbers_is_refused(strategy):
    with pytest.raises(SettingError, match='give layer numbers, such as 3,12'):
        parse_multigpu_strategy(strategy)


def test_multigpu_strategy_is_not_looked_at_before_it_is_needed():
    Settings(multigpu_strategy='x')  # one device has no use for it: the original does not mind


@pytest.mark.parametrize(
    ('memory', 'limit'), [('', None), ('4G', 4 << 30), ('1.5GiB', 3 << 29), (12345, 12345)]
)
def test_memory_is_text_or_bytes(memory, limit):
    assert parse_memory_limit(memory) == limit


@pytest.mark.parametrize(
    ('multiscale', 'scales'),
    [
        ('', []),
        ('3', [(3, None)]),
        (3, [(3, None)]),
        ([128, 256], [(128, None), (256, None)]),
        (' 1/4, 1/2:1/3', [(0.25, None), (0.5, Fraction(1, 3))]),
    ],
)
def test_multiscale_is_text_or_numbers(multiscale, scales):
    assert parse_scales(multiscale) == scales


NAN, INFINITY = float('nan'), float('inf')


@pytest.mark.parametrize(
    ('name', 'value', 'remedy'),
    [
        ('init', 'noise', 'choose random or image'),
        ('optimizer', 'sgd', 'choose lbfgs or adam'),
        ('losses', 'l1', 'choose neural_style or paper'),
        ('missing_layers', 'no', 'choose warn or error'),
        ('content_weight', NAN, 'give a finite number'),
        ('style_weight', INFINITY, 'give a finite number'),
        ('tv_weight', NAN, 'give a finite number'),
        ('num_iterations', INFINITY, 'give a finite number'),
        ('noise_scale', NAN, 'give a finite number'),
        ('seed', NAN, 'give a finite number'),
        ('lbfgs_num_correction', NAN, 'give a finite number'),
        ('lbfgs_max_step', -1, 'give a number from 0 to 3.40282e'),
        ('lbfgs_max_step', INFINITY, 'give a number from 0 to 3.40282e'),
        ('fourier_decay', 1.5, 'give a number from 0 to 1'),
        ('adam_beta1', 1, 'give a number from 0 to below 1'),
        ('adam_beta2', -0.1, 'give a number from 0 to below 1'),
        ('adam_epsilon', 0, 'give a number above 0'),
        ('luminance_only', 2, 'give 0 or 1'),
        ('recolor_content', 1.5, 'give a number from 0 to 1'),
        ('paper_mask', 'white', 'give auto, or a picture'),
        ('paper_range', '0.9,0.7', 'give two luminances from 0 to 1'),
        ('paper_range', '0.7', 'give two luminances from 0 to 1'),
        ('paper_range', '0.7,x', 'give two luminances from 0 to 1'),
        ('memory', '4X', 'give bytes, such as 4G or 500M'),
        ('memory', -1, 'give bytes, such as 4G or 500M'),
    ],
)
def test_values_that_make_no_sense_are_refused(name, value, remedy):
    with pytest.raises(ValueError, match=f'{name}.* {value}: {remedy}'):
        Settings(**{name: value})


def test_a_weight_that_is_not_finite_is_refused_with_its_layer():
    with pytest.raises(SettingError, match='`style_layers` relu1_1:inf: give a finite weight'):
        Settings(style_layers='relu1_1:inf')


@pytest.mark.parametrize(
    ('optimizer', 'settings'),
    [('lbfgs', {'learning_rate': INFINITY}), ('adam', {'lbfgs_num_correction': NAN})],
)
def test_settings_of_the_other_optimizer_are_not_checked(optimizer, settings):
    Settings(optimizer=optimizer, **settings)
    others = {'lbfgs': 'adam', 'adam': 'lbfgs'}
    with pytest.raises(SettingError):
        Settings(optimizer=others[optimizer], **settings)


def test_settings_do_not_change():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Settings().seed = 3


@pytest.mark.parametrize(
    ('name', 'value'),
    [
        *((name, value) for name in ('num_iterations', 'style_weight', 'seed') for value in 'x5'),
        *((name, None) for name in ('num_iterations', 'tv_weight', 'noise_scale', 'seed')),
        ('content_weight', [1, 2]),
        ('normalize_gradients', 'yes'),
        ('pooling', 'average'),
        ('backend', 'cuda'),
        ('content_layers', None),
        ('content_layers', {'relu1_1': '2'}),
    ],
)
def test_values_of_other_types_are_refused_by_the_name(name, value):
    with pytest.raises(SettingError, match=f'^`{name}`'):
        Settings(**{name: value})


def test_memory_without_a_unit_is_a_slip():
    with pytest.raises(SettingError, match='`memory` 4: .* is 4G meant?'):
        Settings(memory='4')
