"""Tiles: the whole image's losses and gradient, whatever the layers, sizes and tiles."""

from collections import OrderedDict
from dataclasses import replace

import pytest
import torch
from samples import STYLE_LAYERS, loss_network, mini_vgg19
from torch import nn

from loadcaffe.layers.pooling import Pooling
from neural_style import evaluate
from neural_style.kernels.winograd import Winograd
from neural_style.network.windows import stage_boundaries
from neural_style.tiling.stages import Stage, Tiling


@pytest.fixture(scope='module')
def cnn():
    """A little VGG-19 in float64, loaded once."""
    return mini_vgg19().double()


def image(height, width, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(3, height, width, generator=generator, dtype=torch.float64) * 50


def network(cnn, content='relu4_2', style=STYLE_LAYERS, **settings):
    layers = {'content_layers': content.split(','), 'style_layers': list(style)}
    return loss_network(cnn, **layers, **settings)


def stages(net, side, at=None, single_last=False):
    """Cut stages at all boundaries, or some of them.  single_last: the last one is one tile."""
    layers = list(net.chunks[0].children())
    starts, stop = stage_boundaries(layers)
    if at is not None:
        starts = [starts[k] for k in at]
    if stop < len(layers):
        starts, single_last = [*starts, stop], True
    stops = [*starts[1:], len(layers)]
    result = [Stage(a, b, side) for a, b in zip(starts, stops, strict=True)]
    if single_last:
        result[-1] = Stage(result[-1].start, result[-1].stop)
    return Tiling(tuple(result))


def recomputing(tiling, recompute):
    """The same stages with more saved for the backward pass."""
    return Tiling(tuple(replace(stage, recompute=recompute) for stage in tiling.stages))


def results(net, tiling, size, guide=None, weights=(0.7, 0.3)):
    """Losses and gradient, targets captured the same way."""
    net.tiling = tiling
    for loss in net.losses:
        loss.target = torch.empty(0)
    net.capture_content(image(*size, seed=1))
    net.capture_style(image(45, 52, seed=2), weights[0], None if guide is None else guide(45, 52))
    net.capture_style(image(38, 61, seed=3), weights[1], None if guide is None else guide(38, 61))
    net.guide_style(None if guide is None else guide(*size))
    x = image(*size, seed=4)
    net.forward_only(x)
    first = [float(loss.loss) for loss in net.losses]
    total, gradient = evaluate(net, x)
    values = [float(loss.loss) for loss in net.losses]
    if sum(values):
        assert first == pytest.approx(values, rel=1e-12)
    return values, float(total), gradient


def check(net, tiling, size=(50, 67), guide=None, saving=('loss features',), weights=(0.7, 0.3)):
    """Compare tiles with the whole image, to 1e-12 in float64: recomputed, and with bitmasks."""
    values, total, gradient = results(net, None, size, guide, weights)
    assert gradient.abs().sum() > 0
    for tiled in (tiling, *(recomputing(tiling, recompute) for recompute in saving)):
        result = results(net, tiled, size, guide, weights)
        assert result[0] == pytest.approx(values, rel=1e-12)
        assert result[1] == pytest.approx(total, rel=1e-12)
        assert (result[2] - gradient).norm() <= 1e-12 * gradient.norm()


# A last stage of one piece is left to the slow tests.
SINGLE_LAST = [False, pytest.param(True, marks=pytest.mark.slow)]


@pytest.mark.parametrize('single_last', SINGLE_LAST)
@pytest.mark.parametrize(('side', 'size'), [(16, (80, 67)), (48, (264, 200))])
def test_gradients_in_the_place_of_features_are_exact(cnn, side, size, single_last):
    """Where halos are wider than tiles, and where only neighbours overlap."""
    net = network(cnn)
    saving = ('nothing', 'loss features')
    check(net, stages(net, side, single_last=single_last), size, saving=saving)


@pytest.mark.parametrize('size', [(48, 64), (50, 67), (33, 41), (37, 130), (17, 23)])
@pytest.mark.parametrize('side', [16, 32, 1000])
def test_tiles_equal_the_whole_image_at_any_size(cnn, size, side):
    net = network(cnn)
    check(net, stages(net, side), size)


@pytest.mark.parametrize(
    'settings',
    [
        {'pooling': 'avg'},
        {'normalize_gradients': True},
        {'losses': 'paper'},
        {'style_statistic': 'mean_std'},
        {'style_statistic': 'covariance', 'normalize_gradients': True},
        {'style_statistic': 'wasserstein'},
        {'style_statistic': 'gram:1,histogram:0.5', 'normalize_gradients': True},
        {'losses': 'paper', 'normalize_gradients': True, 'content': 'conv3_2'},
        {'tv_weight': 0},
        {'tv_weight': 1e2},
        {'content': 'conv4_2', 'style': ['conv1_1', 'conv2_1']},
        {'content': 'conv3_1,relu3_1', 'style': ['conv1_2', 'pool1'], 'normalize_gradients': True},
        {'content': 'pool1,pool2', 'style': ['pool2', 'pool3'], 'pooling': 'avg'},
        {'content': 'relu1_1', 'style': []},
        {'content': '', 'style': ['relu2_2'], 'tv_weight': 0},
        {'content': 'relu5_4', 'style': ['pool5']},
    ],
)
@pytest.mark.parametrize('single_last', SINGLE_LAST)
def test_tiles_equal_the_whole_image_for_any_losses(cnn, settings, single_last):
    net = network(cnn, **settings)
    saving = ('nothing', 'loss features') if single_last else ('loss features',)
    check(net, stages(net, 16, single_last=single_last), saving=saving)


EARLY = pytest.param([0, 2], marks=pytest.mark.slow)


@pytest.mark.parametrize('at', [[0], EARLY, [0, 1, 3], [0, 3, 4]])
def test_stages_may_begin_at_any_boundary(cnn, at):
    net = network(cnn)
    check(net, stages(net, 16, at))


def test_tiles_equal_the_whole_image_with_layers_of_their_own_for_each_style_image(cnn):
    fine, coarse = dict.fromkeys(STYLE_LAYERS[:3], 1.0), dict.fromkeys(STYLE_LAYERS[2:], 1.0)
    fine['relu3_1'], coarse['relu3_1'] = 0.7, 0.3
    net = network(cnn)
    check(net, stages(net, 16), weights=(fine, coarse))


def test_tiles_of_a_guided_style_equal_the_whole_image(cnn):
    def guide(height, width):
        return image(height, width, 9)[:1].sigmoid()

    net = network(cnn, normalize_gradients=True)
    check(net, stages(net, 16), guide=guide)


def unusual():
    """Make layers with strides, dilation, groups and paddings, the last without a window."""
    torch.manual_seed(0)
    layers = [
        nn.Conv2d(3, 6, 7, 3, 2),
        nn.ReLU(inplace=True),
        nn.LocalResponseNorm(3, 0.1),
        nn.MaxPool2d(3, 2, 1, ceil_mode=True),
        nn.Conv2d(6, 6, (3, 5), (1, 2), (2, 0), (2, 1), groups=2),
        nn.Tanh(),
        Pooling(True, (3, 3), (2, 2), (2, 2), False),
        nn.Conv2d(6, 5, 1),
        nn.AvgPool2d(2, 1),
        nn.Softmax2d(),
    ]
    return nn.Sequential(*layers).double()


@pytest.mark.parametrize('size', [(70, 90), (81, 95), (60, 131)])
@pytest.mark.parametrize('side', [16, 36])
def test_tiles_go_through_unusual_layers(size, side):
    cnn = unusual()
    net = network(cnn, '4,8', ['0', '3', '6', '7', '9'])
    check(net, stages(net, side), size)


HEIGHTS = [
    height if height % 3 == 2 else pytest.param(height, marks=pytest.mark.slow)
    for height in range(50, 70)
]


@pytest.mark.parametrize('height', HEIGHTS)
def test_last_tile_may_own_nothing_of_layers_without_padding(height):
    """It is as large as all of them need, although only the first loss counts there."""
    layers = [nn.Conv2d(3, 4, 5), nn.ReLU(), nn.Conv2d(4, 5, 5), nn.ReLU()]
    net = network(nn.Sequential(*layers).double(), '1', ['1', '3'])
    check(net, stages(net, 16), (height, 53), saving=('nothing', 'loss features'))


def test_border_may_be_that_of_a_later_layer():
    """A pooling leaves out an odd last row: tiles that end before it are at the border still."""
    convolutions = [nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 5, 3, padding=1)]
    cnn = nn.Sequential(nn.AvgPool2d(2), *convolutions).double()
    net = network(cnn, '3', ['1', '3'])
    check(net, stages(net, 16, [0]), (51, 67), saving=('nothing', 'loss features'))


def test_dropout_and_later_layers_run_whole(cnn):
    layers = [*list(cnn.children())[:6], nn.Dropout(0.5), *list(cnn.children())[6:8]]
    net = network(nn.Sequential(*layers), '2', ['4', '8'])
    tiling = stages(net, 16)
    assert tiling.stages[-1].side == 0
    generator = next(m for m in net.chunks[0] if hasattr(m, 'generator')).generator
    generator.manual_seed(1)
    _, total, gradient = results(net, None, (33, 47))
    generator.manual_seed(1)
    _, tiled_total, tiled = results(net, tiling, (33, 47))
    assert tiled_total == pytest.approx(total, rel=1e-12)
    assert (tiled - gradient).norm() <= 1e-12 * gradient.norm()


@pytest.mark.parametrize(
    ('precision', 'tolerance'), [('fp32', 1e-5), ('bf16', 3e-2), ('fp16', 1e-2)]
)
def test_tiles_in_lower_precision_agree_to_its_rounding(cnn, precision, tolerance):
    net = network(cnn.float(), precision=precision)
    cnn.double()
    net.float()
    x, targets = (image(150, 170, seed).float() for seed in (1, 2))
    result = []
    tiles = stages(net, 64, [0, 2])
    for tiling in (None, tiles, recomputing(tiles, 'loss features')):
        net.tiling = tiling
        for loss in net.losses:
            loss.target = torch.empty(0)
        net.capture_content(targets)
        net.capture_style(targets, 1.0)
        result.append(evaluate(net, x))
    total, gradient = result[0]
    for tiled_total, tiled in result[1:]:
        assert float(tiled_total) == pytest.approx(float(total), rel=1e-3)
        assert (tiled - gradient).norm() <= tolerance * gradient.norm()


@pytest.mark.parametrize('winograd', [True, False])
def test_stage_may_do_without_winograd_convolutions(winograd, monkeypatch):
    torch.manual_seed(0)
    layers = [('a', nn.Conv2d(3, 128, 3, padding=1)), ('b', nn.ReLU())]
    layers += [('c', nn.Conv2d(128, 256, 3, padding=1)), ('d', nn.ReLU())]
    net = network(nn.Sequential(OrderedDict(layers)), 'd', ['b', 'd'])
    made = []

    def make(*arguments):
        made.append(arguments)
        return Winograd(*arguments)

    make.is_faster = Winograd.is_faster
    monkeypatch.setattr('neural_style.kernels.convolution.Winograd', make)
    x, targets = (image(150, 170, seed).float() for seed in (1, 2))
    tiles = recomputing(stages(net, 64), 'loss features')
    tiles = Tiling(tuple(replace(stage, winograd=winograd) for stage in tiles.stages))
    result = []
    for net.tiling in (tiles, None):
        net.capture_content(targets)
        for loss in net.style_losses:
            loss.target = torch.empty(0)
        net.capture_style(targets, 1.0)
        result.append(evaluate(net, x)[1])
        assert bool(made) == (winograd or net.tiling is None)
    assert (result[0] - result[1]).norm() <= 1e-5 * result[1].norm()
