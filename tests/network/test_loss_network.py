"""The loss network: where losses go, how it is cut, what it prints."""

import logging
import re

import numpy as np
import pytest
import torch
from samples import loss_network
from torch import nn

import loadcaffe
from neural_style import evaluate, stylize
from neural_style.losses.losses import ContentLoss, StyleLoss, TVLoss
from neural_style.network.building import loss_positions
from neural_style.torch7.convolution import convolve
from neural_style.torch7.random import Generator

NAMES = ['conv1', 'relu1', 'pool1', 'conv2', 'relu2', 'fc3']


@pytest.fixture
def cnn(data):
    models = data / 'models'
    return loadcaffe.load(
        str(models / 'mini_vgg19_conv.prototxt'), str(models / 'mini_vgg19_conv.caffemodel')
    )


def network(cnn, **settings):
    return loss_network(cnn, **{'style_layers': ['relu1_1', 'relu2_1']} | settings)


def image(height=33, width=41, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(3, height, width, generator=generator) * 50


def targeted(cnn, **settings):
    """A loss network with targets from two random images."""
    net = network(cnn, **settings)
    net.capture_content(image(seed=1))
    net.capture_style(image(29, 37, seed=2), 1.0)
    return net


@pytest.mark.parametrize(
    ('content', 'style', 'want'),
    [
        (['relu2'], ['relu1', 'relu2'], ([4], [1, 4], 5)),
        (['relu1'], ['relu1'], ([1], [1], 2)),
        ([], [], ([], [], 0)),
        (['relu1'], [], ([1], [], 2)),
        (['relu1'], ['relu2', 'relu1'], ([1], [4], 6)),  # out of order: stalls
        (['relu1'], ['relu1', 'nosuch', 'relu2'], ([1], [1], 6)),  # unknown: stalls
        (['relu1', 'relu1'], ['relu1'], ([1], [1], 6)),  # named twice: stalls
        ([' relu1'], ['relu1'], ([], [1], 6)),  # a space is part of the name
        (['fc3'], ['conv1'], ([5], [0], 6)),
    ],
)
def test_layer_lists_advance_in_list_order_only(content, style, want):
    assert loss_positions(NAMES, content, style) == want


def test_a_stalled_list_is_warned_of(cnn, caplog):
    with caplog.at_level(logging.WARNING):
        network(cnn, style_layers=['relu1_1', 'nosuch', 'relu2_1'])
    assert "`style_layers`: 'nosuch' and what follows it are not used" in caplog.text
    assert 'no layer of that name' in caplog.text


def test_network_ends_with_its_last_loss_and_starts_with_tv(cnn):
    layers = list(network(cnn, content_layers=['relu2_1'], style_layers=['relu1_1']).chunks[0])
    assert isinstance(layers[0], TVLoss)
    assert isinstance(layers[3], StyleLoss)
    assert isinstance(layers[-1], ContentLoss)
    assert len(layers) == 1 + 7 + 2


def test_no_tv_layer_for_weight_zero(cnn):
    assert not isinstance(network(cnn, tv_weight=0).chunks[0][0], TVLoss)


def test_no_loss_at_all_is_refused(cnn):
    with pytest.raises(ValueError, match='no loss to minimise'):
        network(cnn, content_layers=[], style_layers=[], tv_weight=0)


def test_only_a_loss_right_below_a_relu_is_rectified(cnn):
    net = network(cnn, content_layers=['conv4_2'], style_layers=['conv1_1', 'relu2_1', 'pool2'])
    assert [loss.precedes_relu for loss in net.style_losses] == [True, False, False]
    # The network ends at conv4_2, so no ReLU overwrites its features.
    assert [loss.precedes_relu for loss in net.content_losses] == [False]


@pytest.mark.parametrize(
    ('content', 'style', 'exact'),
    [((48, 64), (200, 210), True), ((200, 160), (48, 64), True), ((200, 160), (200, 210), False)],
)
def test_larger_style_images_are_rounded_as_torch7s_where_the_content_is_small(
    cnn, monkeypatch, content, style, exact
):
    calls = []

    def seen(layer, features):
        calls.append(features.shape[2:])
        return convolve(layer, features)

    monkeypatch.setattr('neural_style.network.execution.convolve', seen)
    net = network(cnn, style_layers=['relu1_1'], content_layers=[])
    net.capture_content(image(*content))
    calls.clear()
    net.capture_style(image(*style, seed=1), 1.0)
    assert calls == ([style] if exact else [])
    calls.clear()
    net.forward_only(image(200, 210, seed=2))  # what is painted is not
    assert calls == []


@pytest.fixture(params=['small', 'large'])
def image_class(request, monkeypatch):
    """Small images round as Torch7's; large ones, here made to count as such, take other paths."""
    if request.param == 'large':
        monkeypatch.setattr('neural_style.network.loss_network.EXACT', 0)
        monkeypatch.setattr('neural_style.network.loss_network.EXACT_STYLE', 0)
        monkeypatch.setattr('neural_style.losses.losses.EXACT_STYLE', 0)


@pytest.mark.usefixtures('image_class')
@pytest.mark.parametrize('pooling', ['max', 'avg'])
@pytest.mark.parametrize(
    ('content', 'style'), [('relu3_1', ['relu1_1', 'relu2_1']), ('pool3', ['pool1', 'conv2_2'])]
)
def test_evaluation_matches_autograd_of_the_formulas(cnn, pooling, content, style):
    """The whole network in float64, against the losses written out over plain features."""
    cnn.double()
    net = network(cnn, pooling=pooling, content_layers=[content], style_layers=style, tv_weight=0)
    net.capture_content(image(seed=1).double())
    net.capture_style(image(29, 37, seed=2).double(), 1.0)
    loss, gradient = evaluate(net, image().double())

    def features(x):
        found, y = {}, x.unsqueeze(0)
        for layer in cnn[:20]:
            if isinstance(layer, nn.MaxPool2d) and pooling == 'avg':
                y = nn.functional.avg_pool2d(y, 2, 2)
            elif isinstance(layer, nn.ReLU):
                y = nn.functional.relu(y)
            else:
                y = layer(y)
            found[layer.name] = y
        return found

    def gram(f):
        flat = f[0].flatten(1)
        return flat @ flat.t() / f.numel()

    x = image().double().requires_grad_()
    with torch.no_grad():
        content_target = features(image(seed=1).double())[content]
        style_target = features(image(29, 37, seed=2).double())
    ours = features(x)
    want = 5.0 * ((ours[content] - content_target) ** 2).mean()
    for name in style:
        want = want + 100.0 * ((gram(ours[name]) - gram(style_target[name])) ** 2).mean()
    (expected,) = torch.autograd.grad(want, x)
    torch.testing.assert_close(loss, want.detach(), rtol=1e-10, atol=0)
    if 'conv2_2' in style:  # the loss below an in-place ReLU has the original's gradient instead
        assert (gradient - expected).norm() > 1e-3 * expected.norm()
    else:
        torch.testing.assert_close(gradient, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.usefixtures('image_class')
@pytest.mark.parametrize(
    ('devices', 'strategy'),
    [(['cpu'] * 2, []), (['cpu'] * 2, [1]), (['cpu'] * 3, [3, 8]), (['cpu'] * 4, [2, 4, 12])],
)
@pytest.mark.parametrize('layers', [['relu1_1', 'relu2_1'], ['conv1_1', 'conv2_1']])
def test_a_network_cut_across_devices_gives_equal_results(cnn, devices, strategy, layers):
    whole = targeted(cnn, style_layers=layers)
    cut = targeted(cnn, style_layers=layers, devices=devices, multigpu_strategy=strategy)
    assert len(cut.chunks) == len(devices)
    for one, other in zip(evaluate(whole, image()), evaluate(cut, image()), strict=True):
        assert torch.equal(one, other)


def test_the_default_cut_for_two_devices_is_after_the_third_layer_of_the_cnn(cnn):
    """TV counts as a layer, and so does a loss (neural_style.lua: setup_multi_gpu)."""
    two = ['cpu', 'cpu']
    assert len(network(cnn, devices=two).chunks[0]) == 4
    assert len(network(cnn, devices=two, tv_weight=0).chunks[0]) == 3


@pytest.mark.parametrize(
    ('n_devices', 'strategy'), [(3, []), (2, [3, 5]), (3, [5, 3]), (2, [0]), (2, [999])]
)
def test_a_strategy_that_does_not_fit_the_devices_is_refused(cnn, n_devices, strategy):
    with pytest.raises(ValueError, match='`multigpu_strategy`'):
        network(cnn, devices=['cpu'] * n_devices, multigpu_strategy=strategy)


def test_a_cut_network_prints_as_gpu_modules(cnn):
    text = network(cnn, devices=['cpu', 'cpu'], multigpu_strategy=[3]).describe()
    lines = text.split('\n')
    assert lines[:2] == ['nn.Sequential {', '  [input -> (1) -> (2) -> output]']
    assert lines[2] == '  (1): nn.GPU(1) @ nn.Sequential {'
    assert lines[3] == '    [input -> (1) -> (2) -> (3) -> output]'
    assert lines[4] == '    (1): nn.TVLoss'


def test_average_pooling_is_floor_mode_and_announced(cnn, caplog):
    with caplog.at_level(logging.INFO):
        net = network(cnn, pooling='avg')
    pooling = [layer for layer in net.chunks[0] if isinstance(layer, nn.AvgPool2d)]
    assert len(pooling) == 3
    assert not any(layer.ceil_mode for layer in pooling)
    assert 'Replacing max pooling at layer 5 with average pooling' in caplog.messages


def test_padded_max_pooling_cannot_become_average_pooling(cnn):
    cnn[4].padding = (1, 1)
    with pytest.raises(ValueError, match="`pooling` avg: layer 'pool1' has padding"):
        network(cnn, pooling='avg')


def test_pooling_matches_torch7(golden):
    pool = np.load(golden / 'unit' / 'pool.npz')
    cases = 0
    for key in pool.files:
        match = re.match(r'(max|avg)(\d)(?:s(\d))?(?:p(\d))?(ceil|floor)_(\w+?)(__out)?$', key)
        if not match or (match[3] is None) != (match[7] is not None):
            continue
        kind, size, stride, padding, mode, shape, _ = match.groups()
        source = f'k3_in_{shape}' if stride else f'max2ceil_{shape}__in'
        x = torch.from_numpy(pool[source]).unsqueeze(0).requires_grad_()
        layer = (nn.MaxPool2d if kind == 'max' else nn.AvgPool2d)(
            int(size), int(stride or size), int(padding or 0), ceil_mode=mode == 'ceil'
        )
        y = layer(x)
        # Average pooling divides where Torch7 divides: equal to the last bit but one.
        torch.testing.assert_close(y[0], torch.from_numpy(pool[key]), rtol=1.2e-7, atol=6e-8)
        if not stride:
            above = torch.from_numpy(pool[key.replace('__out', '__go')]).unsqueeze(0)
            (gradient,) = torch.autograd.grad(y, x, above)
            want = torch.from_numpy(pool[key.replace('__out', '__gi')])
            torch.testing.assert_close(gradient[0], want, rtol=1.2e-7, atol=6e-8)
        cases += 1
    assert cases > 70


def test_max_pooling_gives_the_gradient_of_a_tie_to_the_first(golden):
    pool = np.load(golden / 'unit' / 'pool.npz')
    x = torch.from_numpy(pool['ties_in']).unsqueeze(0).requires_grad_()
    y = nn.MaxPool2d(2, 2, ceil_mode=True)(x)
    above = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    (gradient,) = torch.autograd.grad(y, x, above)
    assert torch.equal(gradient[0], torch.from_numpy(pool['ties_gi']))


def test_a_fully_connected_layer_refuses_the_wrong_size_by_name(data):
    models = data / 'models'
    cnn = loadcaffe.load(str(models / 'mini_vgg19.prototxt'), str(models / 'mini_vgg19.caffemodel'))
    content = torch.rand(3, 64, 64, dtype=torch.float64)
    with pytest.raises(ValueError, match="'fc6' takes 3136 values"):
        stylize(cnn, content, [content], content_layers='fc7', num_iterations=1)


def test_dropout_masks_come_from_the_generator(data):
    """The original never leaves training mode: a loss behind dropout changes every time."""
    models = data / 'models'
    cnn = loadcaffe.load(str(models / 'mini_vgg19.prototxt'), str(models / 'mini_vgg19.caffemodel'))
    generator = Generator()
    net = network(cnn, content_layers=['fc7'], style_layers=['relu1_1'], generator=generator)
    net.capture_content(image(224, 224, seed=1))
    net.capture_style(image(224, 224, seed=2), 1.0)
    losses = []
    for seed in (1, None, 1):
        if seed:
            generator.manual_seed(seed)
        evaluate(net, image(224, 224))
        losses.append(net.content_losses[0].loss.item())
    assert losses[0] == losses[2]
    assert losses[0] != losses[1]


# Networks with branches


def branched():
    """conv1, then two convolutions side by side, joined and pooled; names as in SqueezeNet."""
    from loadcaffe.graph import Graph
    from loadcaffe.layers.branching import Concat

    torch.manual_seed(0)
    layers = {
        'conv1': nn.Conv2d(3, 4, 3),
        'relu1': nn.ReLU(),
        'fire2/left': nn.Conv2d(4, 5, 1),
        'fire2/right': nn.Conv2d(4, 6, 3, padding=1),
        'fire2/pool': nn.MaxPool2d(3, 1, 1, ceil_mode=True),
        'fire2/concat': Concat(1),
        'conv3': nn.Conv2d(15, 4, 3),
    }
    for name, layer in layers.items():
        layer.name = name
        layer.requires_grad_(False)
    before = [[-1], [0], [1], [1], [1], [2, 3, 4], [5]]
    sources = [[(one, 0) for one in several] for several in before]
    return Graph([(name.replace('.', '_'), layer) for name, layer in layers.items()], sources)


def branched_losses(cnn, content, style, **keywords):
    keywords = {'tv_weight': 0, 'missing_layers': 'error', **keywords}
    return loss_network(cnn, content_layers=content, style_layers=style, **keywords)


def features_of(cnn, image, names):
    found = {}

    def call(layer, *inputs):
        found[layer.name] = layer(*inputs)
        return found[layer.name]

    cnn(image[None], call)
    return [found[name] for name in names]


@pytest.mark.parametrize(
    'content, style',
    [
        (['fire2/concat'], ['conv1', 'fire2/left']),
        # Losses on branches that nothing follows, since the network ends with the last of them.
        (['fire2/left'], ['conv1', 'fire2/right']),
        (['conv3'], ['fire2/pool', 'fire2/concat']),
    ],
)
def test_losses_on_branches_have_the_gradient_of_their_formula(content, style):
    cnn = branched()
    generator = torch.Generator().manual_seed(1)
    target, painting, image = (torch.randn(3, 9, 8, generator=generator) for _ in range(3))
    network = branched_losses(cnn, content, style)
    network.capture_content(target)
    network.capture_style(painting, 1.0)
    loss, gradient = evaluate(network, image)

    def gram(features):
        flat = features[0].flatten(1)
        return flat @ flat.t() / features.numel()

    image = image.requires_grad_()
    ours = features_of(cnn, image, content + style)
    wanted = features_of(cnn, target, content) + features_of(cnn, painting, style)
    total = 5 * (ours[0] - wanted[0]).square().mean()
    for one, other in zip(ours[1:], wanted[1:], strict=True):
        total = total + 100 * (gram(one) - gram(other)).square().mean()
    (expected,) = torch.autograd.grad(total, image)
    torch.testing.assert_close(loss, total.double(), rtol=1e-5, atol=0)
    torch.testing.assert_close(gradient, expected, rtol=1e-4, atol=1e-6 * expected.abs().max())


def test_branched_network_prints_who_feeds_whom():
    network = branched_losses(branched(), ['fire2/concat'], ['fire2/left'], tv_weight=1e-3)
    assert network.describe() == (
        'nn.gModule {\n'
        '  (1): nn.TVLoss <- input\n'
        '  (2): nn.SpatialConvolution(3 -> 4, 3x3)\n'
        '  (3): nn.ReLU\n'
        '  (4): nn.SpatialConvolution(4 -> 5, 1x1)\n'
        '  (5): nn.StyleLoss\n'
        '  (6): nn.SpatialConvolution(4 -> 6, 3x3, 1,1, 1,1) <- (3)\n'
        '  (7): nn.SpatialMaxPooling(3x3, 1,1, 1,1) <- (3)\n'
        '  (8): nn.Concat <- (5), (6), (7)\n'
        '  (9): nn.ContentLoss\n'
        '}'
    )


def test_average_pooling_keeps_the_size_of_a_branch():
    network = branched_losses(branched(), ['conv3'], [], pooling='avg')
    assert network(torch.zeros(3, 9, 8)).shape == (1, 4, 5, 4)
    (pool,) = [one for one in network.modules() if isinstance(one, nn.AvgPool2d)]
    assert (pool.padding, pool.ceil_mode) == (1, True)


def test_branched_network_stays_on_one_gpu():
    with pytest.raises(ValueError, match='`gpu`: .*branches'):
        branched_losses(branched(), ['conv3'], [], devices=['cpu', 'cpu'])


@pytest.mark.parametrize(
    'layer', [nn.Conv2d(3, 4, 3, dilation=4), nn.MaxPool2d(2), nn.AvgPool2d(9)], ids=repr
)
def test_an_image_too_small_for_a_layer_is_refused(layer):
    net = loss_network(nn.Sequential(layer), content_layers=['0'], style_layers=[])
    with pytest.raises(ValueError, match='`image_size`: too small for the . pixels wide window'):
        net(torch.zeros(3, 1, 8))
