"""Regions: paired with those of the style images, weighted, and refused where they do not fit."""

import pytest
import torch
from samples import mini_vgg19, noise

from neural_style import stylize, stylize_multiscale
from neural_style.errors import SettingError
from neural_style.kernels import precision
from neural_style.transfer.inputs import prepare
from neural_style.transfer.settings import make_settings

RED, GREEN, BLUE = (1, 0, 0), (0, 1, 0), (0, 0, 1)
CONTENT, STYLE, OTHER = noise(3, 48, 64, seed=1), noise(3, 40, 50, seed=2), noise(3, 45, 45, seed=3)


def stripes(*colors, size=(24, 32)):
    """Draw stripes of colours, one below the other."""
    image = torch.zeros(3, *size, dtype=torch.float64)
    for rows, color in zip(image.chunk(len(colors), 1), colors, strict=True):
        rows[:] = torch.tensor(color, dtype=torch.float64)[:, None, None]
    return image


def regions_of(styles, weights=None, **keywords):
    settings, pictures = make_settings(None, keywords)
    return prepare(settings, CONTENT, styles, None, weights, **pictures).regions


def run(styles, paint=stylize, **keywords):
    """Return the image and the losses of a short run."""
    losses = []
    defaults = {'num_iterations': 3, 'seed': 1, 'init': 'image', 'content_layers': 'relu4_2'}
    image = paint(
        mini_vgg19(),
        CONTENT,
        styles,
        callback=lambda iterate: losses.append(float(iterate.loss)),
        **(defaults | keywords),
    )
    return image, losses


def test_a_region_that_is_the_whole_image_changes_nothing():
    image, losses = run([STYLE])
    result, result_losses = run([STYLE], content_regions=stripes(RED))
    assert result_losses == pytest.approx(losses, rel=1e-6)
    assert (result - image).abs().max() < 1e-5


def test_colors_pair_the_regions():
    regions = regions_of(
        [STYLE],
        content_regions=stripes(RED, GREEN, BLUE),
        style_regions=[stripes(BLUE, RED, GREEN, size=(40, 50))],
    )
    rows = [mask.map[0, :, 0].double() for mask in regions.content]
    assert [int(column.argmax()) for column in rows] == [0, 16, 32]
    first = [int(mask.map[0, :, 0].double().argmax()) for mask in regions.styles[0]]
    assert first == [14, 28, 0], 'red, green, blue'


def test_the_weight_of_a_region_is_multiplied_by_its_share():
    regions = regions_of([STYLE], content_regions=stripes(RED, GREEN, BLUE), region_weights='3,0,1')
    assert [mask.name for mask in regions.content] == [
        'region #ff0000 of content_regions',
        'region #0000ff of content_regions',
    ]
    assert regions.term_weights == pytest.approx([1, 1 / 3])


@pytest.mark.parametrize(
    ('styles', 'style_regions', 'weights', 'want'),
    [
        # a single one serves all, several one each
        ([STYLE], None, None, [[1, 1]]),
        ([STYLE, OTHER], None, None, [[1, 0], [0, 1]]),
        # those with regions first; others serve the remainder
        ([STYLE, OTHER], [stripes(RED, size=(8, 8))], None, [[1, 0], [0, 1]]),
        ([STYLE, OTHER], [None, stripes(RED, size=(8, 8))], None, [[0, 1], [1, 0]]),
        # the weights of a region's style images sum to 1 in it
        (
            [STYLE, OTHER],
            [stripes(RED, BLUE, size=(40, 50)), stripes(BLUE)],
            [1, 3],
            [[1, 0.25], [0, 0.75]],
        ),
        ([STYLE, OTHER], [[noise(40, 50), None], [None, noise(45, 45)]], None, [[1, 0], [0, 1]]),
    ],
)
def test_style_images_serve_regions(styles, style_regions, weights, want):
    keywords = {} if style_regions is None else {'style_regions': style_regions}
    regions = regions_of(styles, weights, content_regions=stripes(RED, BLUE), **keywords)
    assert regions.blend_weights == want
    served = [[mask is not None for mask in masks] for masks in regions.styles]
    assert served == [[bool(weight) for weight in weights] for weights in want]


def test_masks_are_averaged_to_the_size_of_their_image():
    soft = noise(96, 128)
    first, second = regions_of([STYLE], content_regions=[soft, 1 - soft]).content
    torch.testing.assert_close(
        first.map, torch.nn.functional.avg_pool2d(soft[None].float(), 2), rtol=1e-6, atol=1e-6
    )
    assert (first.map + second.map).sub(1).abs().max() < 1e-6


def test_region_of_weight_0_keeps_the_content():
    image, _ = run(
        [STYLE],
        content_regions=stripes(RED, BLUE),
        region_weights=(1, 0),
        style_layers='relu1_1,relu2_1',  # which see five pixels beyond the region
        tv_weight=0,
    )
    change = (image - CONTENT).abs().mean((0, 2))
    assert change[32:].max() < 0.1 * change[:20].min()


def test_regions_without_paper_are_those_of_the_painted_area():
    mask = torch.zeros(1, 48, 64)
    mask[..., :16] = 1
    regions = regions_of(
        [STYLE], content_regions=stripes(RED, BLUE), paper_mask=mask, paper_range=(0.98, 0.99)
    )
    red, blue = regions.content
    assert not red.map[..., :16].any() and red.map[:, :20, 16:].all()
    assert regions.term_weights == pytest.approx([0.5, 0.5])


@pytest.mark.parametrize(
    'settings',
    [
        {'optimizer': 'adam'},
        {'losses': 'paper', 'style_weight': 1, 'content_weight': 1e-3},
        {'normalize_gradients': True},
        {'padding': 'reflect'},
        {'style_statistic': 'mean_std'},
        {'style_statistic': 'covariance'},
        {'style_statistic': 'wasserstein'},
        {'style_statistic': 'histogram'},
        {'luminance_only': 1},
        {'color': 'match'},
        {'paper_mask': 'auto', 'paper_range': '0.9,1'},
    ],
    ids=lambda settings: '-'.join(map(str, next(iter(settings.items())))),
)
def test_regions_work_with_other_settings(settings):
    image, losses = run([STYLE, OTHER], content_regions=stripes(RED, BLUE), **settings)
    assert image.isfinite().all() and all(torch.tensor(losses).isfinite())


def test_regions_work_in_low_precision(monkeypatch):
    monkeypatch.setattr(precision, 'why_not', lambda *args: '')
    _, losses = run([STYLE, OTHER], content_regions=stripes(RED, BLUE), precision='bf16')
    _, want = run([STYLE, OTHER], content_regions=stripes(RED, BLUE))
    assert losses[0] == pytest.approx(want[0], rel=0.05)


def test_regions_are_scaled_with_the_content():
    pictures = {
        'content_regions': stripes(RED, BLUE, size=(97, 129)),
        'style_regions': [stripes(RED, BLUE, size=(40, 50)), stripes(BLUE)],
    }
    image, losses = run([STYLE, OTHER], stylize_multiscale, multiscale='2', **pictures)
    assert image.shape == CONTENT.shape and len(losses) == 3 * 3


@pytest.mark.parametrize(
    ('keywords', 'message'),
    [
        ({'content_regions': noise(3, 48, 64)}, '`content_regions`: this is no picture of flat'),
        (
            {'content_regions': None, 'style_regions': [stripes(RED)]},
            '`style_regions`: there are no `content_regions`',
        ),
        ({'region_weights': '1'}, '`region_weights`: 1 weights for 2 regions: #ff0000, #0000ff;'),
        ({'region_weights': '0,0'}, '`region_weights`: give a weight other than 0'),
        (
            {'content_regions': stripes(RED, BLUE, size=(24, 24))},
            '#ff0000 of content_regions: 24 x 24 pixels have another aspect than the 64 x 48',
        ),
        (
            {'style_regions': [stripes(GREEN, (1, 1, 0))]},
            'no colour in common with content_regions: there are #00ff00, #ffff00 and #ff0000, #00',
        ),
        (
            {'style_regions': [stripes(RED)]},
            'no style image serves #0000ff of content_regions; paint it in style_regions[0], or',
        ),
        (
            {'style_regions': [stripes(RED)] * 2},
            '`style_regions`: 2 pictures for 1 style image(s); give one for each',
        ),
        ({'style_regions': [[noise(40, 50)]]}, '1 masks for 2 regions: #ff0000, #0000ff;'),
        (
            {'content_regions': [noise(48, 64)] * 2, 'style_regions': [stripes(RED)]},
            'style_regions[0] is a picture of flat colours, and `content_regions` are masks',
        ),
        ({'content_regions': [noise(48, 64), None]}, 'or a mask for each region'),
        (
            {'content_regions': [noise(48, 64), torch.zeros(48, 64)]},
            'content_regions[1] is too small for layer relu1_1, where it covers no more than 0%',
        ),
    ],
)
def test_regions_that_do_not_fit_are_refused(keywords, message):
    with pytest.raises(SettingError) as raised:
        run([STYLE], **({'content_regions': stripes(RED, BLUE)} | keywords))
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ('count', 'keywords', 'message'),
    [
        (3, {}, '3 pictures for 2 regions: #ff0000, #0000ff; give one for all, or one for each'),
        (2, {'style_regions': [stripes(RED, BLUE, size=(40, 50))]}, 'picture 2 serves no region'),
        (2, {'style_blend_weights': [0, 1]}, 'the style images of #ff0000 have weights that sum'),
    ],
)
def test_style_images_that_do_not_fit_the_regions_are_refused(count, keywords, message):
    with pytest.raises(SettingError) as raised:
        run([STYLE] * count, content_regions=stripes(RED, BLUE), **keywords)
    assert message in str(raised.value)


def test_small_regions_are_refused_at_the_layer_that_loses_them():
    corner = stripes(RED, size=(48, 64))
    corner[:, 20:25, 20:25] = torch.tensor(BLUE)[:, None, None]
    with pytest.raises(SettingError, match='#0000ff of content_regions is too small for layer rel'):
        run([STYLE], content_regions=corner)
    image, _ = run([STYLE], content_regions=corner, style_layers='relu1_1,relu2_1')
    assert image.isfinite().all()
