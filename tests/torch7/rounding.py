"""Products summed in a given order, by NumPy, for tests of rounding."""

import numpy as np
import pytest
import torch

needs_avx = pytest.mark.skipif(
    not torch.backends.cpu.get_cpu_capability().startswith('AVX'),
    reason='the recordings and the rounding of oneDNN were compared on AVX2 and AVX-512 only',
)


def chain(a, b):
    """Return a bᵀ by successive fused multiply-adds in float32 (numpy, (M, K), (N, K))."""
    total = np.zeros((len(a), len(b)), np.float32)
    for k in range(a.shape[1]):
        product = a[:, k, None].astype(np.float64) * b[None, :, k]
        total = (total + product).astype(np.float32)
    return total


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))
