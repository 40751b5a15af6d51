"""Pooling with a backward pass that needs less memory than PyTorch's, and the same gradient."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from loadcaffe.layers.windows import window, window_count
from neural_style.kernels.bitmask import INTEGERS, MASK_CHUNK, PACK_CHUNK, PackedMask
from neural_style.kernels.relu import relu_backward_
from neural_style.memory.allocator import large_empty


def max_pool_with_relu_backward(layer: nn.MaxPool2d, features: Tensor) -> Tensor:
    """Max-pool features (1, C, H, W) that a ReLU gave, whose backward pass is applied as well.

    The backward pass overwrites the incoming gradient.
    """
    return _MaxPoolWithReLUBackward.apply(features, layer)


class _MaxPoolWithReLUBackward(torch.autograd.Function):
    """Pools maxima, and applies the ReLU's backward pass to its own output.

    Only the largest of a window gets a gradient, and that is above 0 where the pooling's output is:
    so nothing is saved of the ReLU's output, which is four times as large.
    """

    @staticmethod
    def forward(ctx: Any, features, layer):
        ctx.size = features.shape
        ctx.arguments = [
            [*pair(value)]
            for value in (layer.kernel_size, layer.stride, layer.padding, layer.dilation)
        ]
        ctx.arguments.append(layer.ceil_mode)
        pool = torch.ops.aten.max_pool2d_with_indices
        if features.device.type == 'cpu':
            sides = [
                window_count(window(layer, axis), side, layer.ceil_mode)
                for axis, side in enumerate(features.shape[2:])
            ]
            size = torch.Size((*features.shape[:2], *sides))
            output, indices = (
                large_empty(size, dtype, features.device, torch.channels_last)
                for dtype in (features.dtype, torch.int64)
            )
            pool.out(features, *ctx.arguments, out=output, indices=indices)
        else:
            output, indices = pool(features, *ctx.arguments)
        ctx.save_for_backward(output, indices)
        return output

    @staticmethod
    def backward(ctx: Any, gradient):  # type: ignore[override]
        output, indices = ctx.saved_tensors
        gradient = relu_backward_(gradient, output)
        result = large_empty(ctx.size, gradient.dtype, gradient.device, torch.channels_last)
        pool_backward = torch.ops.aten.max_pool2d_with_indices_backward
        arguments = (gradient, result, *ctx.arguments, indices)  # of result, the layout counts
        if gradient.device.type == 'cpu':
            return pool_backward.grad_input(*arguments, grad_input=result), None
        return pool_backward(*arguments), None


class MaxPoolWithBitmasks(torch.autograd.Function):
    """Pools maxima of 2 x 2 positions, and saves two bits for each element of its output.

    has_relu_backward: apply the backward pass of the ReLU that gave the features as well; a third
    bit is saved for it.
    """

    @staticmethod
    def forward(ctx: Any, features, layer, has_relu_backward):
        ctx.size = features.shape
        _, channels, height, width = features.shape
        height, width = (_pooled_size(side, layer.ceil_mode) for side in (height, width))
        size = torch.Size((1, channels, height, width))
        output = large_empty(size, features.dtype, features.device, torch.channels_last)
        in_lower_row, in_right_column = (
            large_empty(size, torch.bool, features.device, torch.channels_last) for _ in range(2)
        )
        for rows in _row_chunks(output, PACK_CHUNK):
            chunk = features[:, :, 2 * rows.start : 2 * rows.stop]
            output[:, :, rows], indices = _max_pool_2x2(chunk, layer.ceil_mode)
            # of equal ones the first counts
            lower_row = 2 * torch.arange(indices.shape[2], device=chunk.device) + 1
            lower_start = (lower_row * chunk.shape[3]).view(-1, 1)
            torch.ge(indices, lower_start, out=in_lower_row[:, :, rows])
            torch.ne(indices.bitwise_and_(1), 0, out=in_right_column[:, :, rows])
            if chunk.shape[3] % 2:  # the lower row's indices are odd where the upper one's are even
                in_right_column[:, :, rows] ^= in_lower_row[:, :, rows]
        ctx.lower, ctx.right = PackedMask(in_lower_row), PackedMask(in_right_column)
        # the largest of a window, the only one that gets a gradient, is above 0
        ctx.positive = PackedMask(output) if has_relu_backward else None
        return output

    @staticmethod
    def backward(ctx: Any, gradient):  # type: ignore[override]
        gradient = gradient.contiguous(memory_format=torch.channels_last)
        if ctx.positive is not None:
            gradient = ctx.positive.apply_(gradient)
        _, channels, height, width = gradient.shape
        size = torch.Size((1, channels, 2 * height, 2 * width))
        result = large_empty(size, gradient.dtype, gradient.device, torch.channels_last)
        integers = INTEGERS[gradient.element_size()]
        for rows in _row_chunks(gradient, MASK_CHUNK):
            chunk = gradient[:, :, rows].view(integers).permute(0, 2, 3, 1)
            start = rows.start * width * channels
            lower_mask, right_mask = (
                mask.unpack(integers, start, start + chunk.numel()).view_as(chunk)
                for mask in (ctx.lower, ctx.right)
            )
            lower = chunk & lower_mask
            upper = chunk ^ lower
            corners = _corners(result.view(integers), rows)
            for (left, right), row in zip(corners, (upper, lower), strict=True):
                left, right = (corner.permute(0, 2, 3, 1) for corner in (left, right))
                torch.bitwise_and(row, right_mask, out=right)
                torch.bitwise_xor(row, right, out=left)
        return _fit(result, ctx.size), None, None


class AvgPool(torch.autograd.Function):
    """Pools averages, and saves nothing but sizes."""

    @staticmethod
    def forward(ctx: Any, features, layer):
        ctx.size, ctx.layer = features.shape, layer
        return layer(features)

    @staticmethod
    def backward(ctx: Any, gradient):  # type: ignore[override]
        layer = ctx.layer
        arguments = ([*pair(value)] for value in (layer.kernel_size, layer.stride, layer.padding))
        result = torch.ops.aten.avg_pool2d_backward(
            gradient.contiguous(memory_format=torch.channels_last),
            large_empty(ctx.size, gradient.dtype, gradient.device, torch.channels_last),
            *arguments,
            layer.ceil_mode,
            layer.count_include_pad,
            layer.divisor_override,
        )
        return result, None


def is_2x2_stride_2(layer: nn.MaxPool2d) -> bool:
    """Tell whether a max pooling takes disjoint windows of 2 x 2."""
    arguments = (layer.kernel_size, layer.stride, layer.padding, layer.dilation)
    return [pair(value) for value in arguments] == [(2, 2), (2, 2), (0, 0), (1, 1)]


def pair(value: Any) -> tuple[int, int]:
    """Return torch.nn's one number for both axes, or two, as two."""
    return value if isinstance(value, tuple) else (value, value)


def _row_chunks(tensor: Tensor, elements: int) -> Iterator[slice]:
    """Split (1, C, H, W) into rows, a multiple of 8 at a time, of that many elements at most.

    8 rows are taken even if they are more.
    """
    _, channels, height, width = tensor.shape
    count = 8 * max(elements // (8 * channels * width), 1)
    for row in range(0, height, count):
        yield slice(row, min(row + count, height))


def _corners(features: Tensor, rows: slice) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Return the corners of windows of 2 x 2, in rows of windows: upper, lower; left and right."""
    first, last = 2 * rows.start, 2 * rows.stop
    upper, lower = features[:, :, first:last:2], features[:, :, first + 1 : last : 2]
    return (upper[..., ::2], upper[..., 1::2]), (lower[..., ::2], lower[..., 1::2])


def _pooled_size(side: int, ceil_mode: bool) -> int:
    """Count windows of 2 along a side."""
    return (side + ceil_mode) // 2


def _max_pool_2x2(features: Tensor, ceil_mode: bool) -> tuple[Tensor, Tensor]:
    """Return the largest of each window, and its index in the features, row by row."""
    pool = torch.ops.aten.max_pool2d_with_indices
    return pool(features, [2, 2], [2, 2], [0, 0], [1, 1], ceil_mode)


def _fit(gradient: Tensor, size: torch.Size) -> Tensor:
    """Crop or zero-pad a gradient to the features' size."""
    if gradient.shape == size:
        return gradient
    result = large_empty(size, gradient.dtype, gradient.device, torch.channels_last).zero_()
    height, width = (min(a, b) for a, b in zip(gradient.shape[2:], size[2:], strict=True))
    result[..., :height, :width] = gradient[..., :height, :width]
    return result
