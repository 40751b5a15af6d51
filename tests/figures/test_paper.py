"""Figures 1 to 3 of the paper as plans."""

import pytest
from planned import plan_of

from neural_style.figures.figures import FIGURES, PaperFigure
from neural_style.figures.paper import LAYERS, RATIOS, Reading

PAPER = [name for name, figure in FIGURES.items() if isinstance(figure, PaperFigure)]


def test_figure_1_reconstructs_content_from_single_layers_and_style_from_sets():
    settings = {painting.name: painting.settings for painting in plan_of('1').paintings}
    for count, layer in enumerate(LAYERS, start=1):
        content = settings[f'content_conv{layer}']
        assert (content['content_layers'], content['style_layers']) == (f'relu{layer}', '')
        style = settings[f'style_conv{layer}']
        assert style['content_layers'] == ''
        assert style['style_layers'] == ','.join(f'relu{layer}' for layer in LAYERS[:count])


def test_figure_2_has_the_ratios_of_the_caption():
    settings = [painting.settings for painting in plan_of('2', 'printed').paintings]
    ratios = [keywords['content_weight'] / keywords['style_weight'] for keywords in settings]
    assert ratios == pytest.approx([1e-3, 1e-3, 1e-3, 1e-4, 1e-4])
    assert {keywords['content_layers'] for keywords in settings} == {'relu4_2'}


def test_figure_3_has_layers_down_and_ratios_across():
    for painting in plan_of('3', 'printed').paintings:
        row, column = painting.cell
        settings = painting.settings
        layers = settings['style_layers'].split(',')
        assert layers == [f'relu{layer}' for layer in LAYERS[: row + 1]]
        ratio = settings['content_weight'] / settings['style_weight']
        assert ratio == pytest.approx(RATIOS[column])


@pytest.mark.parametrize('name', PAPER)
def test_every_painting_has_the_settings_of_the_paper(name):
    for painting in plan_of(name).paintings:
        settings = painting.settings
        assert settings['pooling'] == 'avg' and settings['tv_weight'] == 0
        assert 'init' not in settings and 'optimizer' not in settings  # noise and L-BFGS


def test_readings_differ_in_formulas_and_by_about_60():
    printed, code = Reading('printed').weights(1e-3), Reading('code').weights(1e-3)
    assert (printed['losses'], code['losses']) == ('paper', 'neural_style')
    # In weights of mean squares, at 512 x 384: see StyleLoss and PaperStyleLoss.
    n, m = 512, 64 * 48
    content = printed['content_weight'] * n * m / 2
    style = printed['style_weight'] * n**2 / 4 / 5
    factor = (content / style) / (code['content_weight'] / code['style_weight'])
    assert 55 < factor < 65


def test_features_may_be_taken_before_the_rectifier():
    paintings = plan_of('2', features='conv').paintings
    layers = {painting.settings['style_layers'] for painting in paintings}
    assert layers == {'conv1_1,conv2_1,conv3_1,conv4_1,conv5_1'}
