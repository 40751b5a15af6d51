"""Winograd's convolution is PyTorch's, but for float32's rounding, and so is its way back."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from neural_style.kernels import winograd
from neural_style.kernels.convolution import ExecutionOptions, FrozenConvolution
from neural_style.kernels.winograd import Winograd

CPU = torch.device('cpu')


def weights(outer, inner):
    """As in VGG: their sums are about as large as what goes in."""
    return torch.randn(outer, inner, 3, 3) * (2 / (9 * inner)) ** 0.5


def error(found, want):
    return ((found - want).norm() / want.norm()).item()


@pytest.mark.parametrize('size', [(3, 4), (4, 4), (5, 9), (16, 20), (33, 6), (50, 67)])
@pytest.mark.parametrize('padding', [(0, 0), (1, 1), (0, 1), (2, 2)])
@pytest.mark.parametrize('block', [1, 20, 1000])
def test_it_is_the_convolution_at_any_size(size, padding, block, monkeypatch):
    monkeypatch.setattr(winograd, 'BLOCK', block)
    torch.manual_seed(0)
    weight, bias = weights(12, 7), torch.randn(12)
    x = torch.randn(1, 7, *size)
    found = Winograd(weight)(x, padding, bias)
    want = functional.conv2d(x.double(), weight.double(), bias.double(), padding=padding)
    assert found.shape == want.shape
    assert found.is_contiguous(memory_format=torch.channels_last)
    assert error(found, want) < 1e-6


@pytest.mark.parametrize('size', [(3, 4), (33, 6), (50, 67)])
@pytest.mark.parametrize('padding', [(0, 0), (1, 1), (1, 2)])
def test_the_way_back_is_that_of_the_kernel_turned_by_half(size, padding):
    torch.manual_seed(0)
    weight = weights(12, 7)
    y = torch.randn(1, 12, *size)
    flipped = weight.double().flip(2, 3).transpose(0, 1)
    want = functional.conv2d(y.double(), flipped, padding=padding)
    assert error(Winograd(weight)(y, padding, back=True), want) < 1e-6


@pytest.mark.parametrize('bias', [None, torch.linspace(-1, 1, 12)])
def test_a_relu_may_come_with_it(bias):
    torch.manual_seed(0)
    convolution, x = Winograd(weights(12, 7)), torch.randn(1, 7, 21, 30)
    want = convolution(x, (1, 1), bias).relu()
    assert torch.equal(convolution(x, (1, 1), bias, rectify=True), want)


@pytest.mark.parametrize('channels', [128, 256, 512])
def test_it_rounds_hardly_worse_than_a_sum_one_by_one(channels):
    # oneDNN's own error is 0.5e-6 to 0.9e-6 with these channels
    torch.manual_seed(0)
    weight = weights(256, channels)
    x = torch.randn(1, channels, 24, 32).relu()
    want = functional.conv2d(x.double(), weight.double(), padding=1)
    found = Winograd(weight)(x, (1, 1))
    assert error(found, want) < 2e-6
    assert (found - want).abs().max() < 1e-5 * want.abs().max()


@pytest.mark.parametrize(
    ('weight', 'size', 'pays'),
    [
        (torch.empty(256, 128, 3, 3), (24, 32), True),
        (torch.empty(128, 256, 3, 3), (24, 32), True),
        (torch.empty(256, 128, 3, 3), (8, 8), False),
        (torch.empty(128, 128, 3, 3), (24, 32), True),
        (torch.empty(128, 64, 3, 3), (24, 32), False),
        (torch.empty(256, 128, 5, 5), (24, 32), False),
        (torch.empty(256, 128, 3, 3, dtype=torch.bfloat16), (24, 32), False),
        (torch.empty(256, 128, 3, 3, dtype=torch.float64), (24, 32), False),
        (torch.empty(256, 128, 3, 3, device='meta'), (24, 32), False),
    ],
)
def test_it_is_used_where_it_pays(weight, size, pays):
    assert Winograd.pays(weight, size) == pays


@pytest.mark.parametrize('inner', [(False, False), (True, True), (True, False)])
@pytest.mark.parametrize('save_bitmasks', [False, True])
def test_layers_of_many_channels_take_it_both_ways(inner, save_bitmasks, monkeypatch):
    used = []
    call = Winograd.__call__
    monkeypatch.setattr(
        Winograd, '__call__', lambda *args, **more: (used.append(1), call(*args, **more))[1]
    )
    torch.manual_seed(0)
    layer = nn.Conv2d(128, 256, 3, padding=1)
    x = torch.randn(1, 128, 27, 30).to(memory_format=torch.channels_last).requires_grad_()
    options = ExecutionOptions(save_bitmasks=save_bitmasks, inner=inner)
    found = FrozenConvolution(layer, torch.float32, CPU)(x, options, count=2)
    rows, columns = (slice(1, -1) if inside else slice(None) for inside in inner)
    y = x.detach().double().requires_grad_()
    want = layer.double()(y).relu()[..., rows, columns]
    above = torch.randn_like(found)
    (gradient,) = torch.autograd.grad(found, x, above.clone())
    # an element that rounding takes to the other side of 0 counts for nothing
    (expected,) = torch.autograd.grad(want, y, above.double() * (found > 0))
    assert used == [1, 1]
    assert error(found, want) < 2e-6
    assert error(gradient, expected) < 1e-4


def test_its_memory_is_reckoned():
    weight = torch.empty(256, 128, 3, 3)
    kept = Winograd(weight).kernel
    assert Winograd.kept(weight) == kept.nbytes == 4 * 4 * weight.numel()
    # 8 of 24 rows of 25 pieces at once, of 256 channels: what is padded, and two rooms
    most = 4 * 256 * (34 * 102 + 2 * 36 * 8 * 25)
    assert Winograd.taken(weight, (96, 100)) == most
