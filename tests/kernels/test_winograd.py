"""Winograd's convolution is PyTorch's, but for rounding, and so is its gradient."""

import pytest
import torch
from torch.nn import functional

from neural_style.kernels import onednn, winograd
from neural_style.kernels.winograd import Winograd


def weights(outputs, inputs):
    """As in VGG: their sums are about as large as what goes in."""
    return torch.randn(outputs, inputs, 3, 3) * (2 / (9 * inputs)) ** 0.5


def relative_error(result, want):
    return ((result - want).norm() / want.norm()).item()


@pytest.mark.parametrize('size', [(3, 4), (4, 4), (5, 9), (16, 20), (33, 6), (50, 67)])
@pytest.mark.parametrize('padding', [(0, 0), (1, 1), (0, 1), (2, 2)])
@pytest.mark.parametrize('block', [1, 20, 1000])
def test_result_is_the_convolution_at_any_size(size, padding, block, monkeypatch):
    monkeypatch.setattr(winograd, 'PATCHES_PER_BLOCK', block)
    torch.manual_seed(0)
    weight, bias = weights(12, 7), torch.randn(12)
    x = torch.randn(1, 7, *size)
    result = Winograd(weight)(x, padding, bias)
    want = functional.conv2d(x.double(), weight.double(), bias.double(), padding=padding)
    assert result.shape == want.shape
    assert result.is_contiguous(memory_format=torch.channels_last)
    assert relative_error(result, want) < 1e-6


@pytest.mark.parametrize('size', [(3, 4), (33, 6), (50, 67)])
@pytest.mark.parametrize('padding', [(0, 0), (1, 1), (1, 2)])
def test_backward_pass_convolves_with_the_flipped_kernel(size, padding):
    torch.manual_seed(0)
    weight = weights(12, 7)
    y = torch.randn(1, 12, *size)
    flipped = weight.double().flip(2, 3).transpose(0, 1)
    want = functional.conv2d(y.double(), flipped, padding=padding)
    assert relative_error(Winograd(weight)(y, padding, is_backward=True), want) < 1e-6


@pytest.mark.parametrize('is_backward', [False, True])
@pytest.mark.parametrize('block', [20, 1000])
def test_bfloat16_rounds_what_is_multiplied(is_backward, block, monkeypatch):
    monkeypatch.setattr(winograd, 'PATCHES_PER_BLOCK', block)
    torch.manual_seed(0)
    weight, bias = weights(64, 64), torch.randn(64)
    x = torch.randn(1, 64, 33, 50).to(torch.bfloat16)
    result = Winograd(weight, torch.bfloat16)(x, (1, 1), bias, is_backward=is_backward)
    kernel = weight.flip(2, 3).transpose(0, 1) if is_backward else weight
    want = functional.conv2d(x.double(), kernel.double(), bias.double(), padding=1)
    assert (result.dtype, result.shape) == (torch.bfloat16, want.shape)
    assert result.is_contiguous(memory_format=torch.channels_last)
    # 8 bits are rounded to three times, which the transforms triple; a direct convolution has 0.002
    assert relative_error(result, want) < 0.02


@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16])
@pytest.mark.parametrize('bias', [None, torch.linspace(-1, 1, 12)])
def test_relu_may_be_fused(bias, dtype):
    torch.manual_seed(0)
    convolution, x = Winograd(weights(12, 7), dtype), torch.randn(1, 7, 21, 30).to(dtype)
    want = convolution(x, (1, 1), bias).relu()
    assert torch.equal(convolution(x, (1, 1), bias, relu=True), want)


@pytest.mark.parametrize('channels', [128, 256, 512])
def test_rounding_is_hardly_worse_than_that_of_direct_sums(channels):
    # oneDNN's own error is 0.5e-6 to 0.9e-6 with these channels
    torch.manual_seed(0)
    weight = weights(256, channels)
    x = torch.randn(1, channels, 24, 32).relu()
    want = functional.conv2d(x.double(), weight.double(), padding=1)
    result = Winograd(weight)(x, (1, 1))
    assert relative_error(result, want) < 2e-6
    assert (result - want).abs().max() < 1e-5 * want.abs().max()


@pytest.mark.parametrize(
    ('weight', 'size', 'is_faster'),
    [
        (torch.empty(256, 128, 3, 3), (24, 32), True),
        (torch.empty(128, 256, 3, 3), (24, 32), True),
        (torch.empty(256, 128, 3, 3), (8, 8), False),
        (torch.empty(128, 128, 3, 3), (24, 32), True),
        (torch.empty(128, 64, 3, 3), (24, 32), False),
        (torch.empty(256, 128, 5, 5), (24, 32), False),
        (torch.empty(256, 128, 3, 3, dtype=torch.float64), (24, 32), True),
        (torch.empty(256, 128, 3, 3, device='meta'), (24, 32), False),
    ],
)
def test_winograd_is_used_where_it_is_faster(weight, size, is_faster):
    assert Winograd.is_faster(weight, size, torch.float32) == is_faster


@pytest.mark.parametrize(
    ('names', 'is_faster'),
    [((), False), (('avx512_bf16',), True), (('avx512_bf16', 'amx_bf16'), False)],
)
def test_bfloat16_is_multiplied_where_there_are_vectors_and_no_matrix_units(
    names, is_faster, monkeypatch
):
    monkeypatch.setattr(onednn, 'capabilities', lambda: dict.fromkeys(names, True))
    weight = torch.empty(256, 128, 3, 3)
    assert Winograd.is_faster(weight, (24, 32), torch.bfloat16) == is_faster
    assert Winograd.is_faster(weight, (24, 32), torch.float32)
    assert not Winograd.is_faster(weight, (24, 32), torch.float16)
    assert not Winograd.is_faster(weight, (24, 32), torch.float64)


@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16])
def test_memory_is_counted(dtype):
    weight = torch.empty(256, 128, 3, 3)
    kernel = Winograd(weight, dtype).kernel
    assert kernel.dtype == dtype
    assert Winograd.weight_bytes(weight, dtype) == kernel.nbytes
    assert kernel.nbytes == 4 * dtype.itemsize * weight.numel()
    # 8 of 24 rows of 25 patches at a time, of 256 channels: the padded rows, and two buffers, which
    # are float32 in any case
    workspace = 256 * (dtype.itemsize * 34 * 102 + 4 * 2 * 36 * 8 * 25)
    assert Winograd.workspace_bytes(weight, (96, 100), dtype) == workspace


@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16])
def test_time_falls_with_channels(dtype):
    times = [
        Winograd.relative_time(torch.empty(size, size, 3, 3), dtype) for size in (128, 256, 512)
    ]
    assert 1 > times[0] > times[1] > times[2] > 0.25
