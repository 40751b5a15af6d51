"""Matrix products that round as those of Torch7's BLAS."""

import torch
from torch import Tensor
from torch.nn import functional

# OpenBLAS cuts the inner dimension so that a panel fits in the cache: at this many, and what
# is left between one and two times as many in two halves (SGEMM_DEFAULT_Q of its AVX-512
# kernels; interface/level3.c).
PANEL = 448
# Products of so few elements and multiplications go to kernels of their own, which sum in lanes
# (kernel/x86_64/sgemm_small_kernel_permit_skylakex.c).
SMALL_SIZE = 1200
SMALL = 100**3
LANES = 16


def gemm(a: Tensor, b: Tensor) -> Tensor:
    """a bᵀ, each element summed in the order of OpenBLAS.

    a: (M, K).  b: (N, K).  Returns (M, N).
    Within a panel of the inner dimension the products are added one after the other, each
    rounded once with its sum (a fused multiply-add); the panels' sums are added in turn.  That is
    what the recordings hold, to the last bit.  Only float32 on a CPU is summed so, anything else as
    PyTorch likes.
    """
    if not _is_float_on_cpu(a):
        return a @ b.t()
    return add_product(a.new_zeros(len(a), len(b)), a, b)


def add_product(total: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """Add a bᵀ to a total (M, N), panel by panel; returns it.  b may be a view of (K, N)."""
    for start, end in panels(a.shape[1]):
        total += _panel(a[:, start:end], b[:, start:end])
    return total


def gemm_tn(a: Tensor, b: Tensor) -> Tensor:
    """a bᵀ where both lie as aᵀ and b do for OpenBLAS, which then has a kernel for small ones.

    As gemm, but products of no more than SMALL_SIZE elements and SMALL multiplications are
    summed in 16 lanes, every 16th product in one, and the lanes then two and two.
    """
    (m, inner), n = a.shape, len(b)
    small = m * n <= SMALL_SIZE and inner >= 2 * LANES and m * n * inner <= SMALL
    if not small or not _is_float_on_cpu(a):
        return gemm(a, b)
    a, b = (functional.pad(x, (0, -inner % LANES)) for x in (a, b))
    sums = [_panel(a[:, lane::LANES], b[:, lane::LANES]) for lane in range(LANES)]
    while len(sums) > 1:
        sums = [x + y for x, y in zip(sums[::2], sums[1::2], strict=True)]
    return sums[0]


def panels(inner: int) -> list[tuple[int, int]]:
    """Where OpenBLAS cuts an inner dimension: [(start, end), ...]."""
    bounds, start = [], 0
    while start < inner:
        left = inner - start
        length = PANEL if left >= 2 * PANEL else left if left <= PANEL else -(-left // 2)
        bounds.append((start, start + length))
        start += length
    return bounds


def _panel(a: Tensor, b: Tensor) -> Tensor:
    """a bᵀ in one panel: (M, N).

    oneDNN's product adds one after the other, but for that of a single row or column; torch.mm, on
    MKL, cuts differently.
    """
    multiply = getattr(torch.ops.mkldnn, '_linear_pointwise', None)
    if multiply is None or not _is_float_on_cpu(a):  # PyTorch without oneDNN
        return a @ b.t()
    m, n = len(a), len(b)
    a, b = (functional.pad(x, (0, 0, 0, 1)) if len(x) == 1 else x for x in (a, b))
    if not b.t().is_contiguous():
        b = b.contiguous()
    return multiply(a.contiguous(), b, None, 'none', [], '')[:m, :n]


def _is_float_on_cpu(a: Tensor) -> bool:
    return a.dtype == torch.float32 and a.device.type == 'cpu'
