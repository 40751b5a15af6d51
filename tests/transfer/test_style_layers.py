"""Layers that each style image serves, and what comes of them in a run."""

import pytest
import torch
from resumption import resumed
from samples import mini_vgg19, noise

from neural_style import Settings, stylize, stylize_multiscale
from neural_style.errors import SettingError
from neural_style.transfer.session import Session
from neural_style.transfer.style_layers import parse_image_layers, weights_by_layer

LAYERS = ['relu1_1', 'relu2_1', 'relu3_1']
CONTENT = noise(3, 32, 40, seed=1)
STYLES = [noise(3, 30, 30, seed=2), noise(3, 36, 28, seed=3)]
FINE_AND_COARSE = 'relu1_1+relu2_1,relu3_1'


HALF = torch.ones(1, 32, 40).triu()  # of an image


def paint(styles=STYLES, method=stylize, **settings):
    defaults = {'num_iterations': 2, 'seed': 1, 'style_layers': LAYERS, 'init': 'image'}
    return method(mini_vgg19(), CONTENT, styles, **defaults | settings)


@pytest.mark.parametrize(
    ('value', 'lists'),
    [
        ('', []),
        ([], []),
        ('relu1_1+relu2_1,all', [['relu1_1', 'relu2_1'], ['all']]),
        ('relu1_1 + relu2_1, relu3_1', [['relu1_1', 'relu2_1'], ['relu3_1']]),
        ([['relu1_1', 'relu2_1'], 'all'], [['relu1_1', 'relu2_1'], ['all']]),
        (['relu1_1+relu2_1', 'relu3_1'], [['relu1_1', 'relu2_1'], ['relu3_1']]),
        ('inception_3a/output,all', [['inception_3a/output'], ['all']]),
    ],
)
def test_layers_of_images_are_text_or_lists(value, lists):
    assert parse_image_layers(value) == lists


@pytest.mark.parametrize('value', ['relu1_1,,all', 'relu1_1+,all', [[], ['relu1_1']]])
def test_an_image_without_layers_is_refused(value):
    with pytest.raises(SettingError, match='name layers for each image') as error:
        Settings(style_image_layers=value)
    assert error.value.name == 'style_image_layers'


def test_weights_are_shared_out_among_the_images_that_serve_a_layer():
    weights = weights_by_layer(
        [['all'], ['relu1_1'], ['relu2_1', 'relu1_1']], [[0.5], [0.3], [0.2]], LAYERS
    )
    assert weights == [
        {
            'relu1_1': pytest.approx([0.5]),
            'relu2_1': pytest.approx([0.5 / 0.7]),
            'relu3_1': pytest.approx([1]),
        },
        {'relu1_1': pytest.approx([0.3])},
        {'relu1_1': pytest.approx([0.2]), 'relu2_1': pytest.approx([0.2 / 0.7])},
    ]


def test_weights_are_shared_out_in_each_region():
    first, second = weights_by_layer(
        [['all'], ['relu1_1', 'relu3_1']], [[1.0, 0.4], [0.0, 0.6]], LAYERS
    )
    assert first['relu1_1'] == pytest.approx([1, 0.4]) and first['relu2_1'] == [1, 1]
    assert second == {'relu1_1': pytest.approx([0, 0.6]), 'relu3_1': pytest.approx([0, 0.6])}
    with pytest.raises(SettingError, match='no style image of region 2 serves relu2_1'):
        weights_by_layer([['all'], ['relu1_1']], [[1.0, 0.0], [0.0, 1.0]], LAYERS)


@pytest.mark.parametrize(
    ('settings', 'name', 'message'),
    [
        ({'style_image_layers': 'all'}, 'style_image_layers', '1 lists for 2 style images'),
        ({'style_image_layers': 'relu1_1,relu3_1'}, 'style_image_layers', 'serves relu2_1; add it'),
        (
            {'style_image_layers': 'all,relu4_1'},
            'style_image_layers',
            'relu4_1 is not among the `style_layers` relu1_1,relu2_1,relu3_1',
        ),
        (
            {'style_image_layers': FINE_AND_COARSE, 'style_blend_weights': [1, 0]},
            'style_blend_weights',
            'serve relu3_1 sum to 0',
        ),
        (
            {'style_image_layers': 'all,relu9_9', 'style_layers': [*LAYERS, 'relu9_9']},
            'style_layers',
            "the network has no layer 'relu9_9'",
        ),
        (
            {'style_image_layers': FINE_AND_COARSE, 'content_regions': [HALF, 1 - HALF]},
            'style_image_layers',
            'no style image of region 2 serves relu1_1; add it',
        ),
    ],
)
def test_layers_that_fit_neither_images_nor_network_are_refused(settings, name, message):
    with pytest.raises(SettingError, match=message) as error:
        paint(**settings)
    assert error.value.name == name


def test_all_layers_for_all_images_are_the_default():
    assert torch.equal(paint(style_image_layers='all,all'), paint())


def test_images_that_serve_the_same_layers_keep_their_blend():
    settings = {'style_blend_weights': [1, 3]}
    everything = [LAYERS, LAYERS]
    assert torch.equal(paint(style_image_layers=everything, **settings), paint(**settings))


def test_targets_are_those_of_the_images_that_serve_the_layers():
    networks = []
    session = Session(on_network=networks.append)
    paint(style_image_layers=FINE_AND_COARSE, session=session)
    for style in STYLES:
        paint([style], session=session)
    combined, fine, coarse = (network.targets.style for network in networks)
    for layer, source in zip(LAYERS, (fine, fine, coarse), strict=True):
        assert torch.equal(combined[layer][0], source[layer][0])


@pytest.mark.parametrize('optimizer', ['lbfgs', 'adam'])
def test_a_resumed_run_has_the_layers_of_an_uninterrupted_one(optimizer):
    settings = {'style_image_layers': FINE_AND_COARSE, 'optimizer': optimizer, 'num_iterations': 4}
    assert torch.equal(resumed(paint, **settings), paint(**settings))


def test_every_scale_has_the_layers_of_the_images():
    seen = []
    session = Session(on_network=lambda network: seen.append(network.targets.style))
    paint(
        method=stylize_multiscale,
        multiscale=[16],
        style_image_layers=FINE_AND_COARSE,
        session=session,
    )
    changed = [STYLES[0], noise(3, 36, 28, seed=4)]
    paint(
        changed,
        stylize_multiscale,
        multiscale=[16],
        style_image_layers=FINE_AND_COARSE,
        session=session,
    )
    for before, after in zip(seen[:2], seen[2:], strict=True):
        assert torch.equal(before['relu1_1'][0], after['relu1_1'][0])
        assert not torch.equal(before['relu3_1'][0], after['relu3_1'][0])
