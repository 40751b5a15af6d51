"""Winograd's convolution: 3 x 3, with a quarter of the multiplications.

Of a patch of 6 x 6 pixels all 4 x 4 results come at once: the patch and the kernel are evaluated as
polynomials at six points on each axis, multiplied there, and the products interpolated, as Toom and
Cook multiply long numbers.  The multiplications over the channels are then 36 products of matrices.

Sources: Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2015; for points whose
rounding errors are small, Barabasz, Anderson, Soodhalter and Gregg, "Error Analysis and Improving
the Accuracy of Winograd Convolution for Deep Neural Networks", 2018.
"""

import math
from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor

from neural_style.kernels import onednn
from neural_style.memory.allocator import large_empty

# Side of a patch's results, and of the patch.
OUTPUT_SIDE, PATCH_SIDE = 4, 6
# Infinity is the sixth.  Each has its negative and its reciprocal among them: so the flipped kernel
# is the same kernel with the points in another order.
POINTS = (0.0, math.sqrt(0.5), -math.sqrt(0.5), math.sqrt(2), -math.sqrt(2))
RECIPROCALS = (5, 3, 4, 1, 2, 0)
# Patches that are transformed at a time, about: few stay in the processor's cache, but the kernel
# is read once for each block.
PATCHES_PER_BLOCK = 256
# Where it pays on two cores with AVX-512, and in bfloat16 on one with AVX512-BF16: input channels
# times output channels, and patches.
MIN_CHANNEL_PRODUCT, MIN_PATCHES = 128 * 128, 24
# The time that it takes there, of PyTorch's in the same precision: for the products, and for the
# transforms with one channel on either side.
PRODUCT_TIME = {torch.float32: 0.28, torch.bfloat16: 0.35}
TRANSFORM_TIME = {torch.float32: 32, torch.bfloat16: 24}
# Kernel elements that are transformed at a time: in float64 they take eight times their bytes.
KERNEL_CHUNK = 1 << 13


class Winograd:
    """Convolves with frozen weights, without stride, forward and backward.

    weight: (K, C, 3, 3), float32, on a CPU.  The transformed kernel serves both passes.
    dtype: float32, or bfloat16: of the features, and of what is multiplied.  Transforms are float32
    in any case.  In bfloat16 results have a relative error of 0.01, four times that of direct ones.
    """

    def __init__(self, weight: Tensor, dtype: torch.dtype = torch.float32):
        outputs, inputs = weight.shape[:2]
        evaluate = _matrices()[0]
        flat = weight.detach().permute(2, 3, 1, 0).reshape(9, inputs * outputs)
        kernel = large_empty((PATCH_SIDE**2, inputs * outputs), dtype, weight.device)
        chunks = (tensor.split(KERNEL_CHUNK, 1) for tensor in (kernel, flat))
        for transformed, chunk in zip(*chunks, strict=True):
            transformed.copy_(evaluate @ chunk.double())
        self.kernel = kernel.view(PATCH_SIDE**2, inputs, outputs)

    @staticmethod
    def is_faster(weight: Tensor, size: tuple[int, int], dtype: torch.dtype) -> bool:
        """Tell whether it beats PyTorch's convolution in dtype, of H x W pixels.

        weight: (K, C, h, w), of any dtype.
        """
        outputs, inputs, *kernel = weight.shape
        return (
            weight.device.type == 'cpu'
            and _has_fast_products(dtype)
            and kernel == [3, 3]
            and outputs * inputs >= MIN_CHANNEL_PRODUCT
            and math.prod(_patch_counts(size)) >= MIN_PATCHES
        )

    @staticmethod
    def relative_time(weight: Tensor, dtype: torch.dtype) -> float:
        """Estimate its time for weight (K, C, 3, 3) as a share of PyTorch's, both in dtype."""
        outputs, inputs = weight.shape[:2]
        return PRODUCT_TIME[dtype] + TRANSFORM_TIME[dtype] * (1 / inputs + 1 / outputs)

    @staticmethod
    def weight_bytes(weight: Tensor, dtype: torch.dtype) -> int:
        """Count the bytes of the transformed kernel: in dtype, four times weight (K, C, 3, 3)."""
        return dtype.itemsize * PATCH_SIDE**2 * weight.shape[0] * weight.shape[1]

    @staticmethod
    def workspace_bytes(weight: Tensor, size: tuple[int, int], dtype: torch.dtype) -> int:
        """Count the bytes that a call allocates besides its result, for H x W pixels in dtype."""
        rows, columns = _patch_counts(size)
        block_rows = _rows_per_block(rows, columns)
        channels = max(weight.shape[:2])
        padded = (OUTPUT_SIDE * block_rows + 2) * (OUTPUT_SIDE * columns + 2) * channels
        transformed = PATCH_SIDE**2 * block_rows * columns * channels
        return dtype.itemsize * padded + 2 * torch.float32.itemsize * transformed

    def __call__(
        self,
        features: Tensor,
        padding: tuple[int, int],
        bias: Tensor | None = None,
        relu: bool = False,
        is_backward: bool = False,
    ) -> Tensor:
        """Convolve features (1, C, H, W), channels last.  Returns (1, K, H', W'), channels last.

        features: of the kernel's dtype, as the result is.  bias: (K,), of any.
        relu: apply a ReLU to the results.
        is_backward: convolve a gradient with the flipped kernel, from K channels to C.
        """
        kernel = self.kernel.transpose(1, 2) if is_backward else self.kernel
        patch_matrix, result_matrix = _matrices()[3:] if is_backward else _matrices()[1:3]
        source = features[0].permute(1, 2, 0)
        height, width, inputs = source.shape
        outputs = kernel.shape[2]
        size = height + 2 * padding[0] - 2, width + 2 * padding[1] - 2
        rows, columns = _patch_counts(size)
        block_rows = _rows_per_block(rows, columns)
        form = features.dtype, features.device
        output = large_empty((1, *size, outputs), *form)
        padded_size = (OUTPUT_SIDE * block_rows + 2, OUTPUT_SIDE * columns + 2, inputs)
        padded = large_empty(padded_size, *form).zero_()
        length = PATCH_SIDE**2 * block_rows * columns * max(inputs, outputs)
        workspace = [large_empty((length,), torch.float32, features.device) for _ in range(2)]
        for row in range(0, rows, block_rows):
            count = min(block_rows, rows - row)
            _fill(padded, source, OUTPUT_SIDE * row - padding[0], padding[1])
            patches = _patches(padded, count, columns, workspace[0])
            transformed = _transform(patch_matrix, patches, workspace)
            products = _multiply(transformed, kernel, workspace)
            results = _transform(result_matrix, products, workspace[::-1])
            results = results.view(OUTPUT_SIDE, OUTPUT_SIDE, count, columns, outputs)
            block = output[0, OUTPUT_SIDE * row : OUTPUT_SIDE * (row + count)]
            _write(block, results, bias)
            if relu:
                block.relu_()
        return output.permute(0, 3, 1, 2)


def _has_fast_products(dtype: torch.dtype) -> bool:
    """Tell whether the products of matrices are so fast that transforms are worth their time.

    A CPU's matrix units take a direct convolution in bfloat16 at their full speed, and would
    have little to do here but wait for the transforms.
    """
    return dtype == torch.float32 or (
        dtype == torch.bfloat16 and onednn.has_bfloat16_vectors() and not onednn.has_matrix_units()
    )


def _patch_counts(size: tuple[int, int]) -> tuple[int, int]:
    """Count the patches of H x W results, on each axis."""
    return math.ceil(size[0] / OUTPUT_SIDE), math.ceil(size[1] / OUTPUT_SIDE)


def _rows_per_block(rows: int, columns: int) -> int:
    """Count the rows of patches that are transformed at a time."""
    return math.ceil(rows / math.ceil(rows * columns / PATCHES_PER_BLOCK))


def _fill(padded: Tensor, source: Tensor, top: int, left: int) -> None:
    """Copy rows from top on, which may begin before the source (H, W, C) and end after it."""
    height, width, _ = source.shape
    start, stop = max(top, 0), min(top + len(padded), height)
    padded[start - top : stop - top, left : left + width] = source[start:stop]
    padded[stop - top :] = 0


def _patches(padded: Tensor, rows: int, columns: int, workspace: Tensor) -> Tensor:
    """Cut (H, W, C) into patches that overlap: (6, 6, rows * columns, C), in the workspace."""
    channels = padded.shape[2]
    patches = _view(workspace, PATCH_SIDE, PATCH_SIDE, rows, columns, channels)
    row, column, _ = padded.stride()
    strides = (row, column, OUTPUT_SIDE * row, OUTPUT_SIDE * column, 1)
    patches.copy_(padded.as_strided(patches.shape, strides))
    return patches.flatten(2, 3)


def _view(workspace: Tensor, *shape: int) -> Tensor:
    return workspace[: math.prod(shape)].view(shape)


def _transform(matrix: Tensor, values: Tensor, workspace: Sequence[Tensor]) -> Tensor:
    """Apply a matrix (n, 6) to the first and the second axis of (6, 6, ...), into workspace[0].

    workspace[1] holds what is between: one product with Kronecker's matrix of both takes twice the
    time.
    """
    count = len(matrix)
    first = _view(workspace[1], count, values[0].numel())
    torch.mm(matrix, values.reshape(PATCH_SIDE, -1), out=first)
    first = first.view(count, PATCH_SIDE, -1)
    both = _view(workspace[0], count, count, first.shape[2])
    torch.bmm(matrix.expand(count, *matrix.shape), first, out=both)
    return both.unflatten(2, values.shape[2:])


def _multiply(patches: Tensor, kernel: Tensor, workspace: Sequence[Tensor]) -> Tensor:
    """Multiply patches (6, 6, N, C), in workspace[0], by the kernel (36, C, K), in its dtype.

    Returns (6, 6, N, K), float32, in workspace[1].
    """
    patches = patches.flatten(0, 1)
    size = (*patches.shape[:2], kernel.shape[2])
    products = _view(workspace[1], *size)
    if kernel.dtype == torch.float32:
        torch.bmm(patches, kernel, out=products)
    else:  # each buffer in turn holds what is no longer needed of the other
        rounded = _view(workspace[1].view(kernel.dtype), *patches.shape).copy_(patches)
        rounded_products = _view(workspace[0].view(kernel.dtype), *size)
        products.copy_(torch.bmm(rounded, kernel, out=rounded_products))
    return products.unflatten(0, (PATCH_SIDE, PATCH_SIDE))


def _write(block: Tensor, results: Tensor, bias: Tensor | None) -> None:
    """Write results (4, 4, rows, columns, K) plus the bias to rows (H, W, K) of the output."""
    if bias is not None and block.dtype != results.dtype:
        # A sum that is converted on its way would take memory of its own.
        results += bias.to(results.dtype)
        bias = None
    for target, values in _pairs(block, results.permute(2, 0, 3, 1, 4)):
        if bias is None:
            target.copy_(values)
        else:
            torch.add(values, bias, out=target)


def _pairs(block: Tensor, results: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Pair views of the output (H, W, K) with those of the results (rows, 4, columns, 4, K).

    The last row and the last column of results may reach beyond the output.
    """
    pairs = [(block, results)]
    for axis in (0, 2):
        split = []
        for target, values in pairs:
            count, remainder = divmod(target.shape[axis], OUTPUT_SIDE)
            if count:
                inside = target.narrow(axis, 0, count * OUTPUT_SIDE)
                inside = inside.unflatten(axis, (count, OUTPUT_SIDE))
                split.append((inside, values.narrow(axis, 0, count)))
            if remainder:
                edge = target.narrow(axis, count * OUTPUT_SIDE, remainder).unsqueeze(axis)
                last = values.narrow(axis, count, 1).narrow(axis + 1, 0, remainder)
                split.append((edge, last))
        pairs = split
    return pairs


@lru_cache
def _matrices() -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Return the matrices that evaluate and interpolate.

    In order: of the kernel, both axes at once (36, 9), in float64; and for one axis of patches
    (6, 6) and of results (4, 6), the latter two for the flipped kernel as well.
    """
    points = torch.tensor(POINTS, dtype=torch.float64)
    powers = torch.zeros(PATCH_SIDE, PATCH_SIDE, dtype=torch.float64)
    powers[:-1] = points[:, None] ** torch.arange(PATCH_SIDE)
    powers[-1, -1] = 1
    results = powers[:, :OUTPUT_SIDE].clone()
    results[-1, -1] = 1
    kernel = powers[:, :3].clone()
    kernel[-1, -1] = 1
    patches = torch.linalg.inv(powers).T
    # flipped, a polynomial has at a point the value of the other at the reciprocal, times the point
    # squared
    scale = torch.cat((points**2, torch.ones(1, dtype=torch.float64)))
    scale[0] = 1
    order = list(RECIPROCALS)
    matrices = [patches, results.T, (patches * scale[:, None])[order], results[order].T]
    patch, result, flipped_patch, flipped_result = (m.float().contiguous() for m in matrices)
    return torch.kron(kernel, kernel), patch, result, flipped_patch, flipped_result
