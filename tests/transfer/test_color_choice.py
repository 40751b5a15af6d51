"""The setting color: what is painted, and whose colours the result has."""

import pytest
import torch
from resumption import resumed
from samples import mini_vgg19, noise

from neural_style import Settings, original_colors, stylize, stylize_multiscale
from neural_style.errors import SettingError
from neural_style.torch7.image import rgb2yuv
from neural_style.transfer.color import grey
from neural_style.transfer.color_transfer import METHODS, match_colors, match_luminance
from neural_style.transfer.session import Session

CONTENT, STYLE = noise(3, 32, 40, seed=1) ** 2, noise(3, 30, 30, seed=2)
START = {'num_iterations': 2, 'seed': 1, 'init': 'image'}


def paint(style=STYLE, method=stylize, content=CONTENT, **settings):
    return method(mini_vgg19(), content, [style], **START | settings)


def test_the_default_is_style():
    assert torch.equal(paint(color='style'), paint())


def test_content_gives_the_result_the_colours_of_the_content():
    assert torch.equal(paint(color='content'), original_colors(CONTENT, paint()))


def test_luminance_paints_in_grey_with_a_matched_style():
    matched = match_luminance(grey(STYLE)[:1], grey(CONTENT)[:1]).expand(3, -1, -1)
    want = original_colors(CONTENT, paint(matched, luminance_only=1))
    assert torch.equal(paint(color='luminance'), want)


def test_luminance_keeps_the_chrominance_of_the_content():
    result = paint(color='luminance')
    torch.testing.assert_close(rgb2yuv(result)[1:], rgb2yuv(CONTENT)[1:], rtol=0, atol=1e-4)


@pytest.mark.parametrize('method', METHODS)
def test_match_paints_with_a_recoloured_style(method):
    want = paint(match_colors(STYLE, CONTENT, method))
    assert torch.equal(paint(color='match', color_transfer=method), want)


@pytest.mark.parametrize('optimizer', ['lbfgs', 'adam'])
@pytest.mark.parametrize('color', ['content', 'luminance', 'match'])
def test_a_resumed_run_has_the_colours_of_an_uninterrupted_one(optimizer, color):
    settings = {'color': color, 'optimizer': optimizer, 'num_iterations': 4}
    assert torch.equal(resumed(paint, **settings), paint(**settings))


@pytest.mark.parametrize('color', ['content', 'luminance'])
def test_colours_come_back_after_the_last_scale_alone(color):
    def at_scales(**settings):
        return paint(method=stylize_multiscale, multiscale=[16], **settings)

    plain = Session(restores_colors=False)
    painted = at_scales(color=color, session=plain)
    assert torch.equal(at_scales(color=color), original_colors(CONTENT, painted))
    if color == 'content':
        assert torch.equal(painted, at_scales())


def test_contents_and_styles_from_functions_may_be_kept_for_their_colours():
    content = [CONTENT.clone()].pop
    got = stylize(mini_vgg19(), content, [STYLE], **START, color='content')
    assert torch.equal(got, paint(color='content'))


@pytest.mark.parametrize(
    ('settings', 'name', 'message'),
    [
        ({'color': 'grey'}, 'color', 'choose content or style or luminance or match'),
        ({'color_transfer': 'lab'}, 'color_transfer', 'choose mean or linear'),
        ({'color': 'match', 'recolor_content': 0.5}, 'color', 'give `recolor_content` 0'),
        ({'color': 'content', 'recolor_content': 1}, 'color', 'give `recolor_content` 0'),
        ({'color': 'match', 'luminance_only': 1}, 'color', 'give `color` luminance'),
    ],
)
def test_colours_that_contradict_each_other_are_refused(settings, name, message):
    with pytest.raises(SettingError, match=message) as error:
        Settings(**settings)
    assert error.value.name == name
