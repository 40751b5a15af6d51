"""-padding: what the first convolution sees beyond the image."""

import pytest
import torch
from loss_networks import branched_cnn, image, network, with_targets
from samples import mini_vgg19
from torch import nn
from torch.nn import functional

from neural_style import evaluate
from neural_style.errors import SettingError
from neural_style.network.padding import EdgePadding
from neural_style.network.windows import stage_boundaries
from neural_style.tiling.stages import Stage, Tiling

MODES = ('reflect', 'replicate')


def padded_by_pytorch(mode):
    """A narrow VGG-19 whose first convolution pads as PyTorch does it."""
    cnn = mini_vgg19().double()
    padded = nn.Conv2d(3, cnn[0].out_channels, 3, padding=1, padding_mode=mode)
    padded.weight, padded.bias, padded.name = cnn[0].weight, cnn[0].bias, 'conv1_1'
    return nn.Sequential(*[padded, *list(cnn)[1:]])


def evaluated(net, size=(33, 41)):
    content, style, x = image(*size, seed=1), image(29, 37, seed=2), image(*size, seed=3)
    net.capture_content(content.double())
    net.capture_style(style.double(), 1.0)
    return evaluate(net, x.double())


@pytest.mark.parametrize('mode', MODES)
@pytest.mark.parametrize('pooling', ['max', 'avg'])
def test_losses_and_gradient_are_those_of_a_layer_with_that_padding(mode, pooling):
    settings = {'pooling': pooling, 'tv_weight': 0}
    loss, gradient = evaluated(network(mini_vgg19().double(), padding=mode, **settings))
    padded = network(padded_by_pytorch(mode), exact=False, **settings)
    expected = evaluated(padded)
    assert loss.item() == pytest.approx(expected[0].item(), rel=1e-12)
    assert (gradient - expected[1]).norm() <= 1e-12 * expected[1].norm()
    zero = evaluated(network(mini_vgg19().double(), **settings))[1]
    assert (gradient - zero).norm() > 1e-3 * zero.norm()


def in_two_parts(padding_mode='zeros'):
    """A narrow VGG-19 whose first convolution is a 3 x 1 and a 1 x 3 convolution."""
    cnn = list(mini_vgg19().double())
    torch.manual_seed(1)
    parts = []
    for channels, name, kernel, padding in (
        ((3, 4), 'conv1_1_v', (3, 1), (1, 0)),
        ((4, cnn[0].out_channels), 'conv1_1', (1, 3), (0, 1)),
    ):
        part = nn.Conv2d(*channels, kernel, padding=padding, padding_mode=padding_mode).double()
        part.name = name
        parts.append(part)
    return nn.Sequential(*parts, *cnn[1:])


@pytest.mark.parametrize('mode', MODES)
def test_convolution_in_two_parts_is_padded_on_all_sides(mode):
    settings = {'tv_weight': 0, 'exact': False}
    loss, gradient = evaluated(network(in_two_parts(), padding=mode, **settings))
    expected = evaluated(network(in_two_parts(mode), **settings))
    assert loss.item() == pytest.approx(expected[0].item(), rel=1e-12)
    assert (gradient - expected[1]).norm() <= 1e-12 * expected[1].norm()


def test_tv_smooths_the_last_row_and_column():
    net = network(content_layers=[], style_layers=[], padding='replicate', tv_weight=1)
    column = torch.zeros(3, 6, 7)
    column[:, ::2, -1] = 100  # dashes
    assert (net.gradient(column)[:, :, -1] * (column[:, :, -1] - 50) > 0).all()
    zero = network(content_layers=[], style_layers=[], tv_weight=1)
    assert (zero.gradient(column)[:, 1:, -1] * (column[:, 1:, -1] - 50) <= 0).any()


@pytest.mark.parametrize('mode', MODES)
def test_tv_is_that_of_the_extended_image(mode):
    net = network(content_layers=[], style_layers=[], padding=mode, tv_weight=2)
    x = image().double().requires_grad_()
    extended = functional.pad(x, (1, 1, 1, 1), mode)
    inner = extended[:, :-1, :-1]
    squares = (inner - extended[:, :-1, 1:]).square() + (inner - extended[:, 1:, :-1]).square()
    (expected,) = torch.autograd.grad(squares.sum(), x)  # 2 times a half
    assert torch.allclose(net.double().gradient(x.detach()), expected, rtol=1e-12)


@pytest.mark.parametrize('mode', MODES)
def test_small_images_are_padded_as_well(mode):
    full = evaluated(network(mini_vgg19().double(), padding=mode))[1]
    net = with_targets(network(padding=mode))  # in float32, rounded as Torch7 does
    gradient = evaluate(net, image(seed=3))[1]
    assert (gradient - full).norm() <= 1e-3 * full.norm()


@pytest.mark.parametrize('mode', MODES)
def test_tiles_compute_what_the_whole_image_does(mode):
    net = network(mini_vgg19().double(), padding=mode)
    whole = evaluated(net)
    starts, _ = stage_boundaries(list(net.chunks[0].children()))
    stops = [*starts[1:], len(net.chunks[0])]
    stages = (Stage(a, b, 8) for a, b in zip(starts, stops, strict=True))
    tiled_net = network(mini_vgg19().double(), padding=mode)
    tiled_net.tiling = Tiling(tuple(stages))
    loss, gradient = evaluated(tiled_net)
    assert loss.item() == pytest.approx(whole[0].item(), rel=1e-12)
    assert (gradient - whole[1]).norm() <= 1e-12 * whole[1].norm()


@pytest.mark.parametrize('mode', MODES)
@pytest.mark.parametrize('sides', [(1, 1), (3, 2), (0, 1)])
def test_fold_is_the_transpose_of_extend(mode, sides):
    x = image(5, 4).double().requires_grad_()
    edges = EdgePadding(mode, sides)
    extended = edges.extend(x)
    gradient = torch.rand_like(extended)
    (expected,) = torch.autograd.grad(extended, x, gradient)
    assert torch.allclose(edges.fold(gradient), expected, rtol=1e-14, atol=0)


def test_network_keeps_its_own_padding():
    cnn = mini_vgg19()
    network(cnn, padding='reflect')
    assert cnn[0].padding == (1, 1)
    assert torch.equal(
        evaluate(with_targets(network(cnn)), image())[1],
        evaluate(with_targets(network(mini_vgg19())), image())[1],
    )


def test_network_without_padded_first_layer_is_refused():
    with pytest.raises(SettingError, match='not a convolution with padding'):
        network(branched_cnn(), padding='reflect')


def test_image_too_small_to_mirror_is_refused():
    net = network(padding='reflect', tv_weight=0)
    with pytest.raises(SettingError, match='9 x 1 pixels has too few to mirror; use replicate'):
        net.capture_content(image(1, 9))
    network(padding='replicate').capture_content(image(1, 9))
