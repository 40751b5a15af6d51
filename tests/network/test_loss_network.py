"""The loss network: evaluation, batches, style terms, losses of the image."""

import pytest
import torch
from loss_networks import image, network, with_targets
from samples import mini_vgg19
from torch import nn

import loadcaffe
from neural_style import evaluate
from neural_style.losses.base import ImageLoss
from neural_style.losses.targets import Targets
from neural_style.tiling.stages import Stage, Tiling
from neural_style.torch7.convolution import convolve
from neural_style.torch7.random import Generator


@pytest.mark.parametrize(
    ('content', 'style', 'exact'),
    [((48, 64), (200, 210), True), ((200, 160), (48, 64), True), ((200, 160), (200, 210), False)],
)
def test_larger_style_images_are_exact_where_the_content_is_small(
    monkeypatch, content, style, exact
):
    calls = []

    def record(layer, features):
        calls.append(features.shape[2:])
        return convolve(layer, features)

    monkeypatch.setattr('neural_style.network.execution.convolve', record)
    net = network(style_layers=['relu1_1'], content_layers=[])
    net.capture_content(image(*content))
    calls.clear()
    net.capture_style(image(*style, seed=1), 1.0)
    assert calls == ([style] if exact else [])
    calls.clear()
    net.forward_only(image(200, 210, seed=2))  # what is painted is not
    assert calls == []


@pytest.mark.parametrize('exact', [False, True])
@pytest.mark.parametrize('pooling', ['max', 'avg'])
@pytest.mark.parametrize(
    ('content', 'style'), [('relu3_1', ['relu1_1', 'relu2_1']), ('pool3', ['pool1', 'conv2_2'])]
)
def test_evaluation_matches_autograd_of_the_formulas(pooling, content, style, exact):
    """The whole network in float64, against the losses written out over plain features."""
    cnn = mini_vgg19().double()
    layers = {'content_layers': [content], 'style_layers': style}
    net = network(cnn, pooling=pooling, tv_weight=0, exact=exact, **layers)
    net.capture_content(image(seed=1).double())
    net.capture_style(image(29, 37, seed=2).double(), 1.0)
    loss, gradient = evaluate(net, image().double())

    def features(x):
        outputs, y = {}, x.unsqueeze(0)
        for layer in cnn[:20]:
            if isinstance(layer, nn.MaxPool2d) and pooling == 'avg':
                y = nn.functional.avg_pool2d(y, 2, 2)
            elif isinstance(layer, nn.ReLU):
                y = nn.functional.relu(y)
            else:
                y = layer(y)
            outputs[layer.name] = y
        return outputs

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


@pytest.mark.parametrize('pooling', ['max', 'avg'])
@pytest.mark.parametrize('settings', [{}, {'normalize_gradients': True}, {'losses': 'paper'}])
def test_images_of_a_batch_are_evaluated_as_single_images(pooling, settings):
    layers = {'content_layers': ['relu3_1'], 'style_layers': ['relu1_1', 'conv2_1', 'pool2']}
    net = with_targets(network(**layers, pooling=pooling, exact=False, **settings))
    images = torch.stack([image(seed=seed) for seed in (3, 4, 5)])
    total, gradient = evaluate(net, images)
    assert gradient.shape == images.shape
    want_total = 0.0
    for single, result in zip(images, gradient, strict=True):
        loss, want = evaluate(net, single)
        want_total += float(loss)
        assert (result - want).norm() <= 1e-6 * want.norm()
    assert float(total) == pytest.approx(want_total, rel=1e-6)


def test_images_of_a_batch_may_have_content_targets_of_their_own():
    """As feed-forward training has them: the image itself is the target."""
    net = network(exact=False, tv_weight=0)
    contents = torch.stack([image(seed=seed) for seed in (1, 2)])
    net.capture_content(contents)
    net.capture_style(image(29, 37, seed=3), 1.0)
    images = torch.stack([image(seed=seed) for seed in (4, 5)])
    _, gradient = evaluate(net, images)
    for content, single, result in zip(contents, images, gradient, strict=True):
        net.capture_content(content)
        _, want = evaluate(net, single)
        assert (result - want).norm() <= 1e-6 * want.norm()


def test_gradient_of_a_batch_trains_the_network_that_made_it():
    net = with_targets(network(exact=False))
    made = torch.stack([image(seed=seed) for seed in (3, 4)]).requires_grad_()
    (2 * made).backward(net.gradient(2 * made))
    torch.testing.assert_close(made.grad, 2 * net.gradient(2 * made.detach()))


def test_batch_is_refused_in_tiles():
    net = with_targets(network(exact=False))
    net.tiling = Tiling((Stage(0, len(net.chunks[0]), 16),))
    with pytest.raises(ValueError, match='a batch of images cannot be evaluated in tiles'):
        net.gradient(torch.zeros(2, 3, 40, 40))


@pytest.mark.parametrize('exact', [False, True])
def test_single_style_term_changes_no_bit(exact):
    plain, guided = (with_targets(network(exact=exact)) for _ in range(2))
    guided.guide_style([None], [1.0])
    for result, want in zip(evaluate(guided, image()), evaluate(plain, image()), strict=True):
        assert torch.equal(result, want)


@pytest.mark.parametrize('exact', [False, True])
def test_style_terms_add_up_by_their_weights(exact):
    """Two styles, each in a half of the image."""
    left = torch.zeros(1, 33, 41)
    left[..., :20] = 1
    guides, weights = [left, 1 - left], [1.0, 0.3]
    styles = image(29, 37, seed=2), image(31, 35, seed=3)
    layers = {'content_layers': [], 'tv_weight': 0, 'exact': exact}
    net = network(**layers)
    for style, blend_weights in zip(styles, ([1.0, 0.0], [0.0, 1.0]), strict=True):
        net.capture_style(style, blend_weights, [None, None])
    net.guide_style(guides, weights)
    total, gradient = evaluate(net, image())
    want_total, want = 0.0, torch.zeros(3, 33, 41)
    for style, guide, weight in zip(styles, guides, weights, strict=True):
        single = network(**layers)
        single.capture_style(style, 1.0)
        single.guide_style(guide)
        loss, single_gradient = evaluate(single, image())
        want_total, want = want_total + weight * float(loss), want + weight * single_gradient
    assert float(total) == pytest.approx(want_total, rel=1e-5)
    assert (gradient - want).norm() <= 1e-5 * want.norm()


def test_guides_of_a_style_image_are_put_back():
    guide = torch.rand(1, 33, 41)
    net = network(content_layers=[])
    net.guide_style(guide)
    net.capture_style(image(29, 37, seed=2), 1.0, torch.rand(1, 29, 37))
    assert all(loss.guides[0].image is guide for loss in net.style_losses)


@pytest.mark.parametrize('statistic', ['wasserstein', 'gram,histogram'])
def test_style_targets_of_a_statistic_fit_networks_that_compare_it(statistic):
    net, other = (
        with_targets(network(style_statistic=statistic)),
        network(style_statistic=statistic),
    )
    other.set_targets(Targets.from_tensors(net.targets.tensors()))
    assert torch.equal(evaluate(net, image())[1], evaluate(other, image())[1])
    name = statistic.replace(',', r'\+')
    with pytest.raises(ValueError, match=f'those of {name}; the network compares gram'):
        network().set_targets(net.targets)


def test_network_without_targets_has_the_gradient_of_tv_alone():
    net = network()
    loss, gradient = evaluate(net, image())
    want = torch.zeros(1, 3, 33, 41)
    net.image_losses[0].add_gradient(want, image()[None])
    assert loss == 0
    assert torch.equal(gradient, want[0])


def test_forward_pass_leaves_losses_alone():
    net = with_targets(network())
    values = [loss.loss for loss in net.losses]
    features = net(image())
    assert features.shape == (1, 64, 5, 6)
    assert all(a is b.loss for a, b in zip(values, net.losses, strict=True))


class Distance(ImageLoss):
    """The squared distance to a picture: a loss of the image that has a value."""

    def __init__(self, strength, target):
        super().__init__(strength)
        self.target = target

    def set_value(self, image):
        self.loss = self.strength * (image - self.target).double().square().sum()

    def add_gradient(self, gradient, image, scale=1.0):
        gradient.add_((image - self.target).mul_(2 * self.strength * scale))


@pytest.mark.parametrize('side', [None, pytest.param(16, marks=pytest.mark.slow)])
def test_losses_of_the_image_are_exact_in_tiles(side):
    net = with_targets(network(mini_vgg19().double(), exact=False))
    size = (150, 140) if side is None else (70, 60)
    large, target = (image(*size, seed=seed).double() for seed in (3, 4))
    net.capture_content(target)
    if side is not None:
        net.tiling = Tiling((Stage(0, len(net.chunks[0]), side),))
    plain = net.gradient(large)
    distance = Distance(0.5, target)
    net.image_losses.append(distance)
    gradient = net.gradient(large)
    torch.testing.assert_close(gradient - plain, large - target, rtol=0, atol=1e-9)
    assert float(distance.loss) == pytest.approx(0.5 * float((large - target).square().sum()))
    assert '(2): nn.Distance' in net.describe()


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
