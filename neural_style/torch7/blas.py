"""Matrix and inner products that round as those of Torch7's BLAS.

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

# OpenBLAS cuts the inner dimension so that a panel fits in the cache: at this many terms, and a
# remainder of one to two times as many in two halves (SGEMM_DEFAULT_Q of its AVX-512 kernels;
# interface/level3.c).
PANEL_TERMS = 448
# Products of up to this many multiplications go to the small kernels; if the first matrix is
# transposed, only results of at most SMALL_RESULT elements with at least MIN_TERMS terms each
# (sgemm_small_kernel_permit_skylakex.c).
SMALL_PRODUCT = 100**3
SMALL_RESULT, MIN_TERMS = 1200, 32
LANES = 16
DOT_LANES = 64  # of inner products (sdot_microk_skylakex-2.c)
DOT_TRIALS = 8  # inner products that an implementation is tried on
MAX_LINEAR_TERMS = 512  # that oneDNN adds one after the other


def gemm_tn(a: Tensor, b: Tensor) -> Tensor:
    """Return a bᵀ (M, N), where both are stored as they are given.  a: (M, K).  b: (N, K).

    Small ones are summed in lanes.
    """
    (m, inner), n = a.shape, len(b)
    if m * n <= SMALL_RESULT and inner >= MIN_TERMS and _is_small(a, b):
        return _in_lanes(a, b)
    return _in_panels(None, a, b)


def add_product(total: Tensor | None, a: Tensor, b: Tensor, transposed: bool = False) -> Tensor:
    """Add a bᵀ to a total (M, N), or to nothing.  a: (M, K).  b: (N, K), a view of (K, N).

    Returns (M, N).  transposed: whether a is a view, too, of (K, M).  If not, up to 8 rows of b
    that a small kernel for 16 leaves over are summed in lanes.
    """
    if not _is_small(a, b):
        return _in_panels(total, a, b)
    remainder = len(b) % LANES
    if transposed or not 0 < remainder <= LANES // 2 or a.shape[1] < MIN_TERMS:
        return _add(total, _single_panel(a, b))
    product = _in_lanes(a, b[-remainder:])
    if remainder < len(b):
        product = torch.cat((_single_panel(a, b[:-remainder]), product), 1)
    return _add(total, product)


def dot(x: Tensor, y: Tensor) -> float:
    """Return Σ x y of two vectors on a CPU; float32 in the recordings' order where possible.

    NumPy's wheels contain OpenBLAS, which with AVX-512, on one thread, has that order; elsewhere a
    convolution has it.
    """
    with np.errstate(over='ignore', invalid='ignore'):  # as in C
        return (choose_dot(len(x)) if _is_float_on_cpu(x) else dot_numpy)(x, y)


def panels(inner: int) -> list[tuple[int, int]]:
    """Return where OpenBLAS cuts an inner dimension: [(start, end), ...]."""
    bounds, start = [], 0
    while start < inner:
        terms = inner - start
        if terms >= 2 * PANEL_TERMS:
            terms = PANEL_TERMS
        elif terms > PANEL_TERMS:
            terms = -(-terms // 2)
        bounds.append((start, start + terms))
        start += terms
    return bounds


@lru_cache
def choose_dot(length: int) -> Callable[[Tensor, Tensor], float]:
    """Choose a dot product that sums in the recorded order for this length on this machine."""
    generator = torch.Generator().manual_seed(length)
    x, y = torch.randn(2, DOT_TRIALS, length, generator=generator)
    expected = _reference_dot(x.numpy(), y.numpy())
    for implementation in (dot_numpy, dot_convolution):
        sums = [implementation(a, b) for a, b in zip(x, y, strict=True)]
        if sums == expected.tolist():
            return implementation
    return dot_numpy


def dot_numpy(x: Tensor, y: Tensor) -> float:
    """Return Σ x y by NumPy's BLAS."""
    return float(np.dot(x.numpy(), y.numpy()))


def dot_convolution(x: Tensor, y: Tensor) -> float:
    """Return Σ x y by a convolution: of x as an image with a channel for each lane, with y."""
    lanes, rows = DOT_LANES, len(x) // DOT_LANES
    size = lanes * rows
    image = x.as_strided((1, lanes, rows, 1), (size, 1, lanes, lanes))
    kernels = y.as_strided((lanes, 1, rows, 1), (1, lanes, lanes, lanes))
    sums = torch.conv2d(image, kernels, groups=lanes) if rows else x.new_zeros(lanes)
    return float(_reduce_lanes(sums.numpy().reshape(lanes), x.numpy(), y.numpy()))


def _reference_dot(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return Σ x y of each row, slowly: the reference for the other implementations."""
    sums = np.zeros((len(x), DOT_LANES), np.float32)
    for start in range(0, x.shape[1] // DOT_LANES * DOT_LANES, DOT_LANES):
        a, b = (z[:, start : start + DOT_LANES] for z in (x, y))
        sums = _fused_multiply_add(sums, a, b)
    return _reduce_lanes(sums, x, y)


def _fused_multiply_add(total: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return total + a b, rounded once: in double the product is exact, and the sum nearly so."""
    return (total + a.astype(np.float64) * b).astype(np.float32)


def _reduce_lanes(sums: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Add up the lanes' sums (..., 64) and the products of x and y (..., K) beyond them: (...).

    32 more products are added to half as many lanes; the last ones are summed in double.
    """
    count, shape = x.shape[-1], sums.shape[:-1]
    done, even = count // DOT_LANES * DOT_LANES, count // 32 * 32
    halves = sums.reshape(*shape, 4, 2, 8)
    lanes = halves[..., 0, :] + halves[..., 1, :]
    if even > done:
        more = (z[..., done:even].reshape(*shape, 4, 8) for z in (x, y))
        lanes = _fused_multiply_add(lanes, *more)
    eight = lanes[..., 0, :] + lanes[..., 1, :] + lanes[..., 2, :] + lanes[..., 3, :]
    four = eight[..., :4] + eight[..., 4:]
    two = four[..., ::2] + four[..., 1::2]
    total = two[..., 0] + two[..., 1]
    if count > even:
        remainder = (x[..., even:] * y[..., even:]).sum(-1, dtype=np.float64)
        total = (remainder + total).astype(np.float32)
    return total


def _is_small(a: Tensor, b: Tensor) -> bool:
    return len(a) * len(b) * a.shape[1] <= SMALL_PRODUCT and _is_float_on_cpu(a)


def _in_panels(total: Tensor | None, a: Tensor, b: Tensor) -> Tensor:
    """Add a bᵀ panel by panel."""
    if not _is_float_on_cpu(a):
        return _add(total, a @ b.t())
    for start, end in panels(a.shape[1]):
        total = _add(total, _panel(a[:, start:end], b[:, start:end]))
    assert total is not None
    return total


def _add(total: Tensor | None, product: Tensor) -> Tensor:
    return product if total is None else total.add_(product)


def _in_lanes(a: Tensor, b: Tensor) -> Tensor:
    """Return a bᵀ: every 16th product goes to one lane, and the lanes are added in pairs."""
    a, b = (functional.pad(x, (0, -x.shape[1] % LANES)) for x in (a, b))
    sums = [_single_panel(a[:, lane::LANES], b[:, lane::LANES]) for lane in range(LANES)]
    while len(sums) > 1:
        sums = [x + y for x, y in zip(sums[::2], sums[1::2], strict=True)]
    return sums[0]


def _single_panel(a: Tensor, b: Tensor) -> Tensor:
    """Return a bᵀ in one panel of any length."""
    total = _panel(a[:, :MAX_LINEAR_TERMS], b[:, :MAX_LINEAR_TERMS])
    for k in range(MAX_LINEAR_TERMS, a.shape[1]):
        # in double the product is exact, and the sum nearly so
        product = a[:, k, None].double() * b[:, k].double()
        total = (total.double() + product).float()
    return total


def _panel(a: Tensor, b: Tensor) -> Tensor:
    """Return a bᵀ in one panel of up to MAX_LINEAR_TERMS terms: (M, N).

    oneDNN's product adds one term after the other, except that of a single row or column;
    torch.mm, on MKL, cuts differently.
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
