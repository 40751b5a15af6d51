"""What layers are to the loss network."""

import re

import numpy as np
import pytest
import torch
from loss_networks import network
from torch import nn

import loadcaffe
from loadcaffe.layers.normalization import BatchNorm, Scale
from neural_style.errors import SettingError
from neural_style.network.layers import output_channels


def test_pooling_matches_torch7(golden):
    pool = np.load(golden / 'unit' / 'pool.npz')
    cases = 0
    for key in pool.files:
        match = re.match(r'(max|avg)(\d)(?:s(\d))?(?:p(\d))?(ceil|floor)_(\w+?)(__out)?$', key)
        if not match or (match[3] is None) != (match[7] is not None):
            continue
        pooling, size, stride, padding, mode, shape, _ = match.groups()
        source = f'k3_in_{shape}' if stride else f'max2ceil_{shape}__in'
        x = torch.from_numpy(pool[source]).unsqueeze(0).requires_grad_()
        layer = (nn.MaxPool2d if pooling == 'max' else nn.AvgPool2d)(
            int(size), int(stride or size), int(padding or 0), ceil_mode=mode == 'ceil'
        )
        y = layer(x)
        # Average pooling divides where Torch7 divides: equal to the last bit but one.
        torch.testing.assert_close(y[0], torch.from_numpy(pool[key]), rtol=1.2e-7, atol=6e-8)
        if not stride:
            incoming = torch.from_numpy(pool[key.replace('__out', '__go')]).unsqueeze(0)
            (gradient,) = torch.autograd.grad(y, x, incoming)
            want = torch.from_numpy(pool[key.replace('__out', '__gi')])
            torch.testing.assert_close(gradient[0], want, rtol=1.2e-7, atol=6e-8)
        cases += 1
    assert cases > 70


def test_max_pooling_gives_the_gradient_of_a_tie_to_the_first(golden):
    pool = np.load(golden / 'unit' / 'pool.npz')
    x = torch.from_numpy(pool['ties_in']).unsqueeze(0).requires_grad_()
    y = nn.MaxPool2d(2, 2, ceil_mode=True)(x)
    incoming = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    (gradient,) = torch.autograd.grad(y, x, incoming)
    assert torch.equal(gradient[0], torch.from_numpy(pool['ties_gi']))


def test_fully_connected_layer_refuses_the_wrong_size_by_name(data):
    models = data / 'models'
    cnn = loadcaffe.load(str(models / 'mini_vgg19.prototxt'), str(models / 'mini_vgg19.caffemodel'))
    net = network(cnn, content_layers=['fc7'])
    with pytest.raises(SettingError, match="'fc6' takes 3136 values"):
        net.capture_content(torch.zeros(3, 64, 64))


@pytest.mark.parametrize(
    ('layer', 'problem'),
    [
        (nn.Conv2d(1, 4, 3), 'it takes 1 channels'),
        (nn.Conv2d(5, 4, 3), 'it takes 5 channels'),
        (nn.PReLU(5), 'parameter numbers = 5'),
        (BatchNorm(torch.zeros(5), torch.ones(5), 1e-5), '3 elements not 5'),
        (Scale(1, torch.ones(5), None), 'must match the size of tensor b'),
    ],
)
def test_layer_with_the_weights_of_another_network_is_named(layer, problem):
    layer.name = 'odd'
    cnn = nn.Sequential(layer, nn.ReLU())
    net = network(cnn, content_layers=['odd'], style_layers=['odd'])
    with pytest.raises(ValueError, match=rf"layer 'odd' cannot take .*{problem}"):
        net.capture_content(torch.zeros(3, 24, 24))


@pytest.mark.parametrize(
    'layer', [nn.Conv2d(3, 4, 3, dilation=4), nn.MaxPool2d(2), nn.AvgPool2d(9)], ids=repr
)
def test_image_too_small_for_a_layer_is_refused(layer):
    net = network(nn.Sequential(layer), content_layers=['0'], style_layers=[])
    with pytest.raises(SettingError, match='`image_size`: too small for the . pixels wide window'):
        net(torch.zeros(3, 1, 8))


@pytest.mark.parametrize(
    ('layer', 'channels'),
    [
        (nn.Conv2d(3, 4, 3), 4),
        (nn.Conv2d(6, 6, 3, groups=2), 6),
        (nn.ConvTranspose2d(3, 5, 3), 5),
        (nn.MaxPool2d(2), 3),
        (nn.ReLU(), 3),
    ],
    ids=repr,
)
def test_only_convolutions_change_the_number_of_channels(layer, channels):
    assert output_channels(layer, 3) == channels
