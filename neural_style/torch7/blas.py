"""Matrix products that round as those of Torch7's BLAS.

The recordings hold OpenBLAS's kernels for AVX-512 (SkylakeX).  Within a panel of the inner
dimension products are added one after the other, each rounded once with its sum (a fused
multiply-add), and the panels' sums are added in turn.  Small products go to kernels of their own:
in one panel, or in 16 lanes.  What is not float32 on a CPU is summed as PyTorch likes.
"""

from collections.abc import Callable
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

# OpenBLAS cuts the inner dimension so that a panel fits in the cache: at this many, and what
# is left between one and two times as many in two halves (SGEMM_DEFAULT_Q of its AVX-512
# kernels; interface/level3.c).
PANEL = 448
# Products of so few multiplications go to the small kernels; one that transposes its first matrix
# only with so few elements, and so many terms of each (sgemm_small_kernel_permit_skylakex.c).
SMALL = 100**3
SMALL_SIZE, LEAST_TERMS = 1200, 32
LANES = 16
# Lanes of inner products (sdot_microk_skylakex-2.c), and how many a way to take them is tried on.
DOT_LANES, TRIALS = 64, 8
# Terms that oneDNN adds one after the other.
LONGEST = 512


def gemm_tn(a: Tensor, b: Tensor) -> Tensor:
    """a bᵀ, where both lie as they are given.  a: (M, K).  b: (N, K).  Returns (M, N).

    Small ones are summed in lanes.
    """
    (m, inner), n = a.shape, len(b)
    few = m * n <= SMALL_SIZE and inner >= LEAST_TERMS
    if few and _is_small(a, b):
        return _in_lanes(a, b)
    return _in_panels(None, a, b)


def add_product(total: Tensor | None, a: Tensor, b: Tensor, transposed: bool = False) -> Tensor:
    """Add a bᵀ to a total (M, N), to nothing without one.  a: (M, K).  b: (N, K), a view of (K, N).

    Returns (M, N).  transposed: whether a is a view, too, of (K, M).  If not, up to 8 rows of b
    that a small kernel for 16 has left over are summed in lanes.
    """
    if not _is_small(a, b):
        return _in_panels(total, a, b)
    rest = len(b) % LANES
    if transposed or not 0 < rest <= LANES // 2 or a.shape[1] < LEAST_TERMS:
        return _added(total, _single_panel(a, b))
    found = _in_lanes(a, b[-rest:])
    if rest < len(b):
        found = torch.cat((_single_panel(a, b[:-rest]), found), 1)
    return _added(total, found)


def dot(x: Tensor, y: Tensor) -> float:
    """Σ x y of two vectors on a CPU; of float32 in the recordings' order where that can be had.

    NumPy's wheels have OpenBLAS, which with AVX-512, on one thread, has that order; elsewhere a
    convolution has it.
    """
    with np.errstate(over='ignore', invalid='ignore'):  # as in C
        return (_inner_product(len(x)) if _is_float_on_cpu(x) else _dot_numpy)(x, y)


def panels(inner: int) -> list[tuple[int, int]]:
    """Where OpenBLAS cuts an inner dimension: [(start, end), ...]."""
    bounds, start = [], 0
    while start < inner:
        left = inner - start
        length = PANEL if left >= 2 * PANEL else left if left <= PANEL else -(-left // 2)
        bounds.append((start, start + length))
        start += length
    return bounds


@lru_cache
def _inner_product(length: int) -> Callable[[Tensor, Tensor], float]:
    """A way to take products of so long vectors that sums in order on this machine, if any does."""
    generator = torch.Generator().manual_seed(length)
    x, y = torch.randn(2, TRIALS, length, generator=generator)
    want = _reference_dot(x.numpy(), y.numpy())
    for way in (_dot_numpy, _dot_convolution):
        if all(way(a, b) == c for a, b, c in zip(x, y, want, strict=True)):
            return way
    return _dot_numpy


def _dot_numpy(x: Tensor, y: Tensor) -> float:
    return float(np.dot(x.numpy(), y.numpy()))


def _dot_convolution(x: Tensor, y: Tensor) -> float:
    """One vector is an image of a channel for each lane, the other its kernels, as high as it."""
    lanes, rows = DOT_LANES, len(x) // DOT_LANES
    whole = lanes * rows
    image = x.as_strided((1, lanes, rows, 1), (whole, 1, lanes, lanes))
    kernels = y.as_strided((lanes, 1, rows, 1), (1, lanes, lanes, lanes))
    sums = torch.conv2d(image, kernels, groups=lanes) if rows else x.new_zeros(lanes)
    return float(_reduce_lanes(sums.numpy().reshape(lanes), x.numpy(), y.numpy()))


def _reference_dot(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Σ x y of each row, slowly: the reference that the other ways are held against."""
    sums = np.zeros((len(x), DOT_LANES), np.float32)
    for start in range(0, x.shape[1] // DOT_LANES * DOT_LANES, DOT_LANES):
        a, b = (z[:, start : start + DOT_LANES] for z in (x, y))
        sums = _fused(sums, a, b)
    return _reduce_lanes(sums, x, y)


def _fused(total: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """total + a b, rounded once: in double the product is exact, and the sum as good as."""
    return (total + a.astype(np.float64) * b).astype(np.float32)


def _reduce_lanes(sums: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The lanes' sums (..., 64), what is left of x and y (..., K) beyond them added: (...).

    32 more products are added to half as many lanes; the last ones are summed in double.
    """
    count, shape = x.shape[-1], sums.shape[:-1]
    done, even = count // DOT_LANES * DOT_LANES, count // 32 * 32
    halves = sums.reshape(*shape, 4, 2, 8)
    lanes = halves[..., 0, :] + halves[..., 1, :]
    if even > done:
        lanes = _fused(lanes, *(z[..., done:even].reshape(*shape, 4, 8) for z in (x, y)))
    eight = lanes[..., 0, :] + lanes[..., 1, :] + lanes[..., 2, :] + lanes[..., 3, :]
    four = eight[..., :4] + eight[..., 4:]
    two = four[..., ::2] + four[..., 1::2]
    total = two[..., 0] + two[..., 1]
    if count > even:
        rest = (x[..., even:] * y[..., even:]).sum(-1, dtype=np.float64)
        total = (rest + total).astype(np.float32)
    return total


def _is_small(a: Tensor, b: Tensor) -> bool:
    return len(a) * len(b) * a.shape[1] <= SMALL and _is_float_on_cpu(a)


def _in_panels(total: Tensor | None, a: Tensor, b: Tensor) -> Tensor:
    """Add a bᵀ panel by panel."""
    if not _is_float_on_cpu(a):
        return _added(total, a @ b.t())
    for start, end in panels(a.shape[1]):
        total = _added(total, _panel(a[:, start:end], b[:, start:end]))
    assert total is not None
    return total


def _added(total: Tensor | None, found: Tensor) -> Tensor:
    return found if total is None else total.add_(found)


def _in_lanes(a: Tensor, b: Tensor) -> Tensor:
    """a bᵀ: every 16th product in one lane, and the lanes then two and two."""
    a, b = (functional.pad(x, (0, -x.shape[1] % LANES)) for x in (a, b))
    sums = [_single_panel(a[:, lane::LANES], b[:, lane::LANES]) for lane in range(LANES)]
    while len(sums) > 1:
        sums = [x + y for x, y in zip(sums[::2], sums[1::2], strict=True)]
    return sums[0]


def _single_panel(a: Tensor, b: Tensor) -> Tensor:
    """a bᵀ in one panel, however long."""
    total = _panel(a[:, :LONGEST], b[:, :LONGEST])
    for k in range(LONGEST, a.shape[1]):
        # in double the product is exact, and the sum as good as
        product = a[:, k, None].double() * b[:, k].double()
        total = (total.double() + product).float()
    return total


def _panel(a: Tensor, b: Tensor) -> Tensor:
    """a bᵀ in one panel of up to LONGEST terms: (M, N).

    oneDNN's product adds one after the other, but for that of a single row or column; torch.mm, on
    MKL, cuts differently.
    """
    multiply = getattr(torch.ops.mkldnn, '_linear_pointwise', None)
    if multiply is None:  # PyTorch without oneDNN
        return a @ b.t()
    m, n = len(a), len(b)
    a, b = (functional.pad(x, (0, 0, 0, 1)) if len(x) == 1 else x for x in (a, b))
    if not b.t().is_contiguous():
        b = b.contiguous()
    return multiply(a.contiguous(), b, None, 'none', [], '')[:m, :n]


def _is_float_on_cpu(a: Tensor) -> bool:
    return a.dtype == torch.float32 and a.device.type == 'cpu'
