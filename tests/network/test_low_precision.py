"""Low precision in the convolutions, and nowhere else."""

import pytest
import torch
from samples import loss_network, mini_vgg19
from torch import nn

from neural_style import evaluate
from neural_style.network.loss_network import INITIAL_FLOAT16_SCALE


def picture(seed, height=60, width=80):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(3, height, width, generator=generator) * 50


def network(**settings):
    net = loss_network(
        mini_vgg19(), **{'style_layers': ['relu1_1', 'relu2_1', 'relu3_1']} | settings
    )
    net.capture_content(picture(1))
    net.capture_style(picture(2), 1.0)
    return net


@pytest.mark.parametrize('name', ['bf16', 'fp16'])
@pytest.mark.parametrize(
    'settings',
    [
        {},
        {'normalize_gradients': True},
        {'pooling': 'avg'},
        {'style_statistic': 'mean_std,wasserstein,histogram'},
    ],
)
@pytest.mark.parametrize('layer', ['relu3_1', 'conv3_1'])
def test_low_precision_is_close_to_float32(name, settings, layer):
    x, results = picture(0), []
    for precision in ('fp32', name):
        style_layers = ['relu1_1', 'relu2_1', layer]
        net = network(style_layers=style_layers, precision=precision, **settings)
        results.append(evaluate(net, x))
    (loss, gradient), (low_loss, low_gradient) = results
    assert low_gradient.dtype == torch.float32
    assert low_gradient.isfinite().all()
    # Eight bits a value; maxima between near-equal neighbours change places.
    assert float(low_loss) == pytest.approx(float(loss), rel=0.01)
    cosine = nn.functional.cosine_similarity(gradient.flatten(), low_gradient.flatten(), dim=0)
    assert cosine > 0.98
    assert low_gradient.norm() == pytest.approx(gradient.norm().item(), rel=0.03)


def test_targets_and_losses_are_float32():
    net = network(precision='bf16')
    evaluate(net, picture(0))
    for loss in net.losses:
        assert loss.target.dtype == torch.float32
        assert loss.loss.dtype == torch.float64


@pytest.mark.parametrize('name', ['bf16', 'fp16'])
def test_layers_with_weights_that_stay_float32_take_float32(name):
    torch.manual_seed(0)
    first, last = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 8, 3, stride=2)
    cnn = nn.Sequential(first, nn.PReLU(8), last).requires_grad_(False)
    losses = {'content_layers': ['1'], 'style_layers': ['2']}
    plain, low = (loss_network(cnn, precision=x, **losses) for x in ('fp32', name))
    gradients = []
    for net in (plain, low):
        net.capture_content(picture(1))
        net.capture_style(picture(2), 1.0)
        gradients.append(evaluate(net, picture(0))[1])
    assert (gradients[1] - gradients[0]).norm() < 0.05 * gradients[0].norm()


def test_float16_scales_gradients_that_it_could_not_hold():
    plain = evaluate(network(content_weight=1e-4, style_weight=1e-6, tv_weight=0), picture(0))[1]
    assert plain.abs().median() < 2e-6, 'float16 holds 6e-5 and more with all its bits'
    net = network(content_weight=1e-4, style_weight=1e-6, tv_weight=0, precision='fp16')
    low = evaluate(net, picture(0))[1]
    assert (low - plain).norm() < 0.2 * plain.norm()
    assert net.scale == INITIAL_FLOAT16_SCALE


@pytest.mark.parametrize('content_weight', [1e5, 1e10])
def test_float16_lowers_its_scale_where_gradients_overflow(content_weight):
    weights = {'content_weight': content_weight, 'style_weight': 0.0}
    plain = evaluate(network(**weights), picture(0))[1]
    net = network(precision='fp16', **weights)
    low = evaluate(net, picture(0))[1]
    assert net.scale < INITIAL_FLOAT16_SCALE
    assert low.isfinite().all()
    assert (low - plain).norm() < 0.2 * plain.norm()
