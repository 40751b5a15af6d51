"""Convolutions, to the last bit of Torch7's."""

import numpy as np
import pytest
import torch
from rounding import chain, needs_avx, random
from torch import nn

import loadcaffe
from neural_style.torch7.blas import panels
from neural_style.torch7.convolution import convolve

BLOCKS = ((1, 2), (2, 2), (3, 4), (4, 4), (5, 4))


@needs_avx
def test_convolution_adds_each_panel_to_the_bias():
    layer = nn.Conv2d(64, 32, 3).requires_grad_(False)
    layer.weight.copy_(random(32, 64, 3, 3))
    layer.bias.copy_(random(32, seed=2))
    x = random(1, 64, 11, 13, seed=1)
    kernels = layer.weight.flatten(1).numpy()
    windows = nn.functional.unfold(x, 3)[0].t().numpy()
    want = np.repeat(layer.bias.numpy()[:, None], len(windows), 1)
    for start, end in panels(576):
        want = want + chain(kernels[:, start:end], windows[:, start:end])
    assert np.array_equal(convolve(layer, x)[0].flatten(1).numpy(), want)


@pytest.mark.parametrize(
    'geometry',
    [
        {'kernel_size': 3, 'padding': 1},
        {'kernel_size': (3, 5), 'stride': (2, 1), 'padding': (0, 2)},
        {'kernel_size': 11, 'stride': 4},
        {'kernel_size': 3, 'dilation': 2, 'padding': 2, 'bias': False},
    ],
)
def test_convolution_and_its_gradient_match_pytorch(geometry):
    torch.manual_seed(0)
    layer = nn.Conv2d(3, 8, **geometry).requires_grad_(False)
    outputs, gradients = [], []
    for function in (lambda x: convolve(layer, x), layer):
        x = random(1, 3, 24, 31).requires_grad_()
        y = function(x)
        outputs.append(y.detach())
        gradients.append(torch.autograd.grad(y, x, random(*y.shape, seed=1))[0])
    torch.testing.assert_close(*outputs, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(*gradients, rtol=1e-5, atol=1e-5)


@needs_avx
@pytest.mark.parametrize(
    ('model', 'layers'),
    [
        (
            'mini_vgg19',
            [f'conv{block}_{k}' for block, count in BLOCKS for k in range(1, count + 1)],
        ),
        ('vgg_normalised_conv3_1', ['conv1_1', 'conv1_2', 'conv2_1', 'conv2_2', 'conv3_1']),
    ],
)
def test_convolution_equals_torch7(golden, model, layers):
    recorded = np.load(golden / 'unit' / 'activations.npz')
    files = [str(golden / 'models' / f'{model}.{end}') for end in ('prototxt', 'caffemodel')]
    features = recorded[f'{model}__input']
    compared = []
    for number, layer in enumerate(loadcaffe.load(*files), start=1):
        key = f'{model}__{number:02d}_{layer.name}'
        if key not in recorded:
            break  # the recorded picture is too small for the fully connected layers
        if layer.name in layers:
            output = convolve(layer, torch.from_numpy(features).unsqueeze(0))
            assert np.array_equal(output[0].numpy(), recorded[key]), layer.name
            compared.append(layer.name)
        features = recorded[key]
    assert compared == layers


def test_gradient_follows_changed_weights():
    layer = nn.Conv2d(3, 4, 3).requires_grad_(False)
    x = random(1, 3, 8, 8).requires_grad_()

    def gradient():
        y = convolve(layer, x)
        return torch.autograd.grad(y, x, torch.ones_like(y))[0]

    before = gradient()
    layer.weight *= 2
    assert torch.equal(gradient(), 2 * before)
