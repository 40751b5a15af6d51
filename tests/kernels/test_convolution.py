"""Frozen convolutions: the layer and its gradient, whatever computes it and wherever it lies."""

import sys

import pytest
import torch
from torch import nn

from neural_style.kernels import onednn
from neural_style.kernels.convolution import (
    FrozenConvolution,
    can_be_frozen,
    has_same_padding,
    uses_winograd,
)
from neural_style.kernels.options import ExecutionOptions
from neural_style.kernels.winograd import Winograd
from neural_style.memory.allocator import allocator

CPU = torch.device('cpu')
KERNELS = [((3, 3), (1, 1)), ((5, 3), (2, 1)), ((3, 3), (0, 0)), ((3, 3), (2, 2)), ((1, 1), (0, 0))]


def large_from(size):
    """Options that allocate outputs of at least that many bytes outside the heap."""
    return ExecutionOptions(frozen=True, large_output_bytes=size)


def relative_error(result, want):
    return ((result - want).norm() / want.norm()).item()


@pytest.mark.parametrize('padding', [(0, 0), (1, 1), (0, 2)])
@pytest.mark.parametrize('relu', [False, True])
@pytest.mark.parametrize('bias', [False, True])
def test_frozen_convolution_is_the_layer_and_its_gradient(padding, relu, bias):
    torch.manual_seed(0)
    layer = nn.Conv2d(5, 7, 3, padding=padding, bias=bias)
    convolution = FrozenConvolution(layer, torch.float32, CPU)
    x = torch.randn(1, 5, 9, 8, requires_grad=True)
    want, output = layer(x), convolution(x, length=1 + relu)
    want = want.relu() if relu else want
    incoming = torch.randn_like(want)
    torch.testing.assert_close(output, want)
    torch.testing.assert_close(
        torch.autograd.grad(output, x, incoming.clone()), torch.autograd.grad(want, x, incoming)
    )


@pytest.mark.parametrize(
    ('arguments', 'can', 'same'),
    [
        ({}, True, False),
        ({'padding': 1}, True, True),
        ({'padding': 2}, True, False),
        ({'padding': 3}, False, False),
        ({'padding': 'same'}, False, False),
        ({'padding': 1, 'padding_mode': 'reflect'}, False, False),
        ({'stride': 2}, False, False),
        ({'dilation': 2}, False, False),
        ({'groups': 2}, False, False),
    ],
)
def test_only_plain_convolutions_can_be_frozen(arguments, can, same):
    layer = nn.Conv2d(4, 4, 3, **arguments)
    assert (can_be_frozen(layer), has_same_padding(layer)) == (can, same)
    assert not can_be_frozen(nn.ReLU())


@pytest.fixture
def bfloat16_vectors(monkeypatch):
    """A CPU that multiplies bfloat16, but has no matrix units."""
    monkeypatch.setattr(onednn, 'capabilities', lambda: {'avx512_bf16': True})


@pytest.mark.usefixtures('bfloat16_vectors')
def test_large_convolutions_use_winograd():
    layer = nn.Conv2d(128, 256, 3, padding=1)
    assert uses_winograd(layer, torch.float32, (24, 32))
    assert uses_winograd(layer, torch.bfloat16, (24, 32))
    assert not uses_winograd(layer, torch.float16, (24, 32))
    assert not uses_winograd(nn.Conv2d(128, 256, 3, stride=2), torch.float32, (24, 32))


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16, torch.float32])
def test_convolution_without_fused_kernels_is_plain(monkeypatch, dtype):
    torch.manual_seed(0)
    convolution = FrozenConvolution(nn.Conv2d(5, 7, 3, padding=1), dtype, CPU)
    x = torch.randn(1, 5, 9, 8)
    fused = convolution(x, large_from(1), length=2)
    monkeypatch.setattr(onednn, 'has_fused_convolution', lambda tensor: False)
    plain = convolution(x, large_from(1), length=2)
    assert plain.any() and (plain >= 0).all()
    assert relative_error(plain.float(), fused.float()) < 1e-2


@pytest.mark.parametrize(('dtype', 'bound'), [(torch.float32, 1e-6), (torch.float64, 1e-14)])
@pytest.mark.parametrize(('kernel', 'padding'), KERNELS)
@pytest.mark.parametrize('size', [(40, 33), (21, 17), (6, 50)])
@pytest.mark.parametrize('outputs', [1, 8])
@pytest.mark.parametrize('bias', [True, False])
@pytest.mark.parametrize('length', [1, 2])
def test_large_outputs_equal_small_ones(kernel, padding, size, outputs, bias, length, dtype, bound):
    torch.manual_seed(0)
    layer = nn.Conv2d(5, outputs, kernel, padding=padding, bias=bias).to(dtype)
    x = torch.randn(1, 5, *size, dtype=dtype)
    results = []
    for large in (1 << 40, 1):
        convolution = FrozenConvolution(layer, dtype, CPU)
        y = x.clone(memory_format=torch.channels_last).requires_grad_()
        output = convolution(y, large_from(large), length)
        torch.manual_seed(1)
        incoming = torch.randn(output.shape, dtype=dtype)
        incoming = incoming.contiguous(memory_format=torch.channels_last)
        results.append((output.detach(), *torch.autograd.grad(output, y, incoming)))
    for small, large in zip(*results, strict=True):
        assert large.shape == small.shape
        assert (large - small).norm() <= bound * small.norm()


@pytest.mark.parametrize('size', [1, sys.maxsize])
def test_float16_overflow_survives_the_relu(size):
    # oneDNN's own ReLU would make 0 of it, and the run would paint on with features of 0.
    layer = nn.Conv2d(16, 8, 3, padding=1)
    convolution = FrozenConvolution(layer, torch.float16, CPU)
    x = torch.ones(1, 16, 6, 5)
    x[0, :2, 3, 2] = torch.tensor([torch.inf, -torch.inf])
    assert convolution(x, large_from(size), length=2)[0, :, 2:5, 1:4].isnan().any()


def test_large_outputs_may_come_of_features_in_another_layout():
    torch.manual_seed(0)
    convolution = FrozenConvolution(nn.Conv2d(3, 8, 3, padding=1), torch.float32, CPU)
    x = torch.randn(1, 3, 20, 30)
    small, large = (convolution(x, large_from(size), 2) for size in (1 << 40, 1))
    assert small.any()
    assert torch.allclose(small, large, rtol=1e-5, atol=1e-6)


@pytest.mark.skipif(sys.platform != 'linux', reason='the allocator is for Linux')
def test_large_outputs_are_allocated_outside_the_heap():
    convolution = FrozenConvolution(nn.Conv2d(3, 64, 3, padding=1), torch.float32, CPU)
    x = torch.randn(1, 3, 128, 160).contiguous(memory_format=torch.channels_last)
    before = allocator().allocated()
    small = convolution(x, large_from(6 << 20))
    assert allocator().allocated() == before
    large = convolution(x, large_from(5 << 20))
    assert allocator().allocated() - before == 4 * 64 * 128 * 160
    assert torch.allclose(small, large, rtol=1e-5, atol=1e-6)


@pytest.mark.usefixtures('bfloat16_vectors')
@pytest.mark.parametrize(('dtype', 'tolerance'), [(torch.float32, 2e-6), (torch.bfloat16, 0.02)])
@pytest.mark.parametrize('interior', [(False, False), (True, True), (True, False)])
@pytest.mark.parametrize('save_bitmasks', [False, True])
def test_layers_of_many_channels_use_winograd_in_both_passes(
    interior, save_bitmasks, dtype, tolerance, monkeypatch
):
    passes = []
    call = Winograd.__call__

    def count(*args, **keywords):
        passes.append(keywords.get('is_backward', False))
        return call(*args, **keywords)

    monkeypatch.setattr(Winograd, '__call__', count)
    torch.manual_seed(0)
    layer = nn.Conv2d(128, 256, 3, padding=1)
    x = torch.randn(1, 128, 27, 30).to(dtype, memory_format=torch.channels_last).requires_grad_()
    options = ExecutionOptions(save_bitmasks=save_bitmasks, interior=interior)
    output = FrozenConvolution(layer, dtype, CPU)(x, options, 2)
    rows, columns = (slice(1, -1) if inside else slice(None) for inside in interior)
    y = x.detach().double().requires_grad_()
    want = layer.double()(y)[..., rows, columns]
    incoming = torch.randn_like(output)
    (gradient,) = torch.autograd.grad(output, x, incoming.clone())
    # rounding may take an element to the other side of 0
    (expected,) = torch.autograd.grad(want, y, incoming.double() * (output > 0))
    assert passes == [False, True]
    assert output.dtype == gradient.dtype == dtype
    assert relative_error(output, want.relu()) < tolerance
    assert relative_error(gradient, expected) < tolerance


def test_matrix_units_convolve_bfloat16_directly(monkeypatch):
    monkeypatch.setattr(onednn, 'capabilities', lambda: {'avx512_bf16': True, 'amx_bf16': True})
    monkeypatch.setattr(Winograd, '__call__', lambda *_: pytest.fail("Winograd's is slower"))
    convolution = FrozenConvolution(nn.Conv2d(128, 256, 3, padding=1), torch.bfloat16, CPU)
    x = torch.randn(1, 128, 27, 30).to(torch.bfloat16).requires_grad_()
    output = convolution(x)
    torch.autograd.grad(output, x, torch.ones_like(output))


def test_winograd_is_for_the_cpu_wherever_the_layer_was(monkeypatch):
    monkeypatch.setattr(Winograd, '__init__', lambda *_: pytest.fail('not on this device'))
    layer = nn.Conv2d(128, 256, 3, padding=1)  # on the CPU
    convolution = FrozenConvolution(layer, torch.float32, torch.device('meta'))
    features = torch.empty(1, 128, 27, 30, device='meta')
    options = ExecutionOptions(frozen=True)
    output = convolution.forward(features, (1, 1), relu=True, options=options)
    assert output.shape == (1, 256, 27, 30)
    assert convolution.backward(output, (1, 1), options).shape == features.shape


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_packed_weights_convolve_features_of_any_size(dtype):
    if not onednn.packs_weights(torch.empty(0, dtype=dtype)):
        pytest.skip(f'the CPU has no fused convolutions in {dtype}')
    torch.manual_seed(0)
    layer = nn.Conv2d(64, 96, 3, padding=1)
    convolution = FrozenConvolution(layer, dtype, CPU)
    weight = layer.weight.detach().to(dtype, memory_format=torch.channels_last)
    for size in ((40, 33), (7, 160)):  # packed for the first of them
        x = torch.randn(1, 64, *size).to(dtype, memory_format=torch.channels_last)
        want = onednn.convolve(x, weight, convolution.bias, (1, 1), relu=False)
        assert torch.equal(convolution(x), want)
    assert [weight.is_mkldnn for weight in convolution.weights.values()] == [True]
