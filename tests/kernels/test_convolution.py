"""Convolutions with huge results, outside of the heap."""

import sys

import pytest
import torch
from torch import nn

from neural_style.kernels.convolution import ExecutionOptions, FrozenConvolution
from neural_style.memory import allocator

CPU = torch.device('cpu')
KERNELS = [((3, 3), (1, 1)), ((5, 3), (2, 1)), ((3, 3), (0, 0)), ((3, 3), (2, 2)), ((1, 1), (0, 0))]


@pytest.mark.parametrize(('dtype', 'bound'), [(torch.float32, 1e-6), (torch.float64, 1e-14)])
@pytest.mark.parametrize(('kernel', 'padding'), KERNELS)
@pytest.mark.parametrize('size', [(40, 33), (21, 17), (6, 50)])
@pytest.mark.parametrize('outer', [1, 8])
@pytest.mark.parametrize('bias', [True, False])
@pytest.mark.parametrize('count', [1, 2])
def test_huge_results_are_what_others_are(kernel, padding, size, outer, bias, count, dtype, bound):
    torch.manual_seed(0)
    layer = nn.Conv2d(5, outer, kernel, padding=padding, bias=bias).to(dtype)
    x = torch.randn(1, 5, *size, dtype=dtype)
    found = []
    for huge in (1 << 40, 1):
        fixed = FrozenConvolution(layer, dtype, CPU)
        y = x.clone(memory_format=torch.channels_last).requires_grad_()
        above = fixed(y, ExecutionOptions(fixed=True, huge=huge), count)
        torch.manual_seed(1)
        gradient = torch.randn(above.shape, dtype=dtype)
        gradient = gradient.contiguous(memory_format=torch.channels_last)
        found.append((above.detach(), *torch.autograd.grad(above, y, gradient)))
    for usual, huge in zip(*found, strict=True):
        assert huge.shape == usual.shape
        assert (huge - usual).norm() <= bound * usual.norm()


def test_huge_results_of_features_in_another_layout():
    torch.manual_seed(0)
    fixed = FrozenConvolution(nn.Conv2d(3, 8, 3, padding=1), torch.float32, CPU)
    x = torch.randn(1, 3, 20, 30)
    usual, huge = (fixed(x, ExecutionOptions(fixed=True, huge=huge), 2) for huge in (1 << 40, 1))
    assert usual.any()
    assert torch.allclose(usual, huge, rtol=1e-5, atol=1e-6)


@pytest.mark.skipif(sys.platform != 'linux', reason='an arena is for Linux')
def test_huge_results_lie_outside_of_the_heap():
    given = []
    take = allocator.CachingAllocator.take
    layer = nn.Conv2d(3, 64, 3, padding=1)
    fixed = FrozenConvolution(layer, torch.float32, CPU)
    x = torch.randn(1, 3, 128, 160).contiguous(memory_format=torch.channels_last)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            allocator.CachingAllocator, 'take', lambda own, n: (given.append(n), take(own, n))[1]
        )
        small = fixed(x, ExecutionOptions(fixed=True, huge=6 << 20))
        assert not given
        huge = fixed(x, ExecutionOptions(fixed=True, huge=5 << 20))
    assert given == [4 * 64 * 128 * 160]
    assert torch.allclose(small, huge, rtol=1e-5, atol=1e-6)
