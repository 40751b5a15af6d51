"""ReLU and pooling that keep bits for their way back, not features.

The gradient of a ReLU has to know where its output is above 0, and that of max pooling over 2 x 2
positions which of the four was the largest: a bit for each element of the one's output, two for
each of the other's.  PyTorch keeps 2 to 8 bytes.  Source of the idea: Jain et al. 2018 (Gist).
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from neural_style.memory.allocator import large_empty_channels_last, pooled_empty

# A float is above 0 where the integer of the same bits is.
INTEGERS = {2: torch.int16, 4: torch.int32, 8: torch.int64}
# Elements that are worked on at a time: a multiple of 8.
PIECE = 1 << 19
# Elements that are packed at a time: a multiple of 8.
SOME = 1 << 18


class PackedMask:
    """A bit for each element of a tensor (1, C, H, W).

    above: the bits are set where this tensor, of floats or bool, is above 0.
    """

    def __init__(self, above: Tensor):
        flat = _flat(above.detach())
        if flat.dtype.is_floating_point:
            flat = flat.view(INTEGERS[flat.element_size()])
        if flat.device.type == 'cpu':
            self.bytes = pooled_empty(-(-len(flat) // 8))
            _pack(flat.numpy(), self.bytes.numpy())
        else:
            self.bytes = _packed_there(flat)

    def mask(self, tensor: Tensor) -> Tensor:
        """A tensor of the same shape where the bits are set, 0 elsewhere; written over the tensor
        where that is channels last."""
        flat = _flat(tensor)
        integers = flat.view(INTEGERS[flat.element_size()])
        for some, mask in zip(integers.split(PIECE), self._masks(integers.dtype), strict=True):
            some.bitwise_and_(mask[: len(some)])
        _, channels, height, width = tensor.shape
        return flat.view(1, height, width, channels).permute(0, 3, 1, 2)

    def _masks(self, dtype: torch.dtype) -> Iterator[Tensor]:
        """Integers of all ones where the bits are set, of none elsewhere: PIECE at a time."""
        for start in range(0, 8 * len(self.bytes), PIECE):
            yield self.masks(dtype, start, start + PIECE)

    def masks(self, dtype: torch.dtype, start: int, stop: int) -> Tensor:
        """The same of elements start, a multiple of 8, to stop."""
        table = _table(dtype, self.bytes.device)
        return table.index_select(0, self.bytes[start // 8 : -(-stop // 8)].int()).view(-1)


def relu_backward_(gradient: Tensor, output: Tensor) -> Tensor:
    """The way back of a ReLU with that output, written over the gradient."""
    mask = torch.ops.aten.threshold_backward.grad_input
    return mask(gradient, output, 0, grad_input=gradient)


def _flat(tensor: Tensor) -> Tensor:
    """(1, C, H, W) in the order of channels_last: without a copy where it is in that."""
    return tensor.permute(0, 2, 3, 1).reshape(-1)


def _pack(numbers: np.ndarray, room: np.ndarray) -> None:
    """Write a bit for each number above 0, the lowest first."""
    # PyTorch's own threads keep on turning for a while: on two cores a second worker is in the way
    workers = max(torch.get_num_threads() // 2, 1) if len(numbers) >= PIECE else 1

    def pack(first: int) -> None:  # what a processor's cache holds, at a time
        for start in range(first * SOME, len(numbers), workers * SOME):
            some = numbers[start : start + SOME]
            packed = np.packbits(some if some.dtype == bool else some > 0, bitorder='little')
            room[start // 8 : start // 8 + len(packed)] = packed

    if workers == 1:
        pack(0)
        return
    with ThreadPoolExecutor(workers) as pool:  # NumPy has one thread
        list(pool.map(pack, range(workers)))


def _packed_there(numbers: Tensor) -> Tensor:
    """The same on the device where they are."""
    ones = functional.pad(numbers > 0, (0, -len(numbers) % 8)).view(-1, 8)
    values = torch.tensor([1 << k for k in range(8)], dtype=torch.uint8, device=numbers.device)
    return (ones * values).sum(1, dtype=torch.uint8)


@lru_cache
def _table(dtype: torch.dtype, device: torch.device) -> Tensor:
    """(256, 8): for each byte its bits, the lowest first, as integers of all ones or of none."""
    numbers = torch.arange(256, device=device)[:, None]
    return -((numbers >> torch.arange(8, device=device)) & 1).to(dtype)


def saved_bits(layer: nn.Module) -> int | None:
    """Bits that `run` keeps for an element of a layer's output; None for other layers."""
    if isinstance(layer, nn.ReLU):
        return 1
    if isinstance(layer, nn.MaxPool2d) and _is_2x2_stride_2(layer):
        return 2
    return 0 if isinstance(layer, nn.AvgPool2d) else None


def run(layer: Any, features: Tensor, rectified: bool = False) -> Tensor:
    """What a layer that bits_kept knows makes of features (1, C, H, W), which it leaves alone.

    rectified: whether a max pooling has to see to the way back of the ReLU that the features come
    from: it keeps one more bit.
    The gradient is PyTorch's, to the bit; that from above a ReLU is written over.
    """
    if isinstance(layer, nn.ReLU):
        return _ReLU.apply(features)
    if isinstance(layer, nn.MaxPool2d):
        return _MaxPool.apply(features, layer, rectified)
    return _AvgPool.apply(features, layer)


def _is_2x2_stride_2(layer: nn.MaxPool2d) -> bool:
    return (
        layer.kernel_size in (2, (2, 2))
        and layer.stride in (2, (2, 2))
        and layer.padding in (0, (0, 0))
        and layer.dilation in (1, (1, 1))
    )


class _ReLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, features):
        output = functional.relu(features)
        ctx.bits = PackedMask(output)
        return output

    @staticmethod
    def backward(ctx: Any, gradient):  # type: ignore[override]
        return ctx.bits.mask(gradient)


class _MaxPool(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, features, layer, rectified):
        ctx.size = features.shape
        _, channels, height, width = features.shape
        height, width = (_pooled(side, layer.ceil_mode) for side in (height, width))
        size = torch.Size((1, channels, height, width))
        output = _like(features, size)
        lower, right = (_like(features, size, torch.bool) for _ in range(2))
        for rows in _blocks(output, SOME):
            some = features[:, :, 2 * rows.start : 2 * rows.stop]
            output[:, :, rows], places = _max_pool(some, layer.ceil_mode)
            # of equal ones the first counts
            odd = (2 * torch.arange(places.shape[2], device=some.device) + 1) * some.shape[3]
            torch.ge(places, odd.view(-1, 1), out=lower[:, :, rows])
            torch.ne(places.bitwise_and_(1), 0, out=right[:, :, rows])
            if some.shape[3] % 2:  # the lower row's places are odd where the upper one's are even
                right[:, :, rows] ^= lower[:, :, rows]
        ctx.lower, ctx.right = PackedMask(lower), PackedMask(right)
        # the largest of a window, the only one that gets a gradient, is above 0
        ctx.above = PackedMask(output) if rectified else None
        return output

    @staticmethod
    def backward(ctx: Any, gradient):  # type: ignore[override]
        gradient = gradient.contiguous(memory_format=torch.channels_last)
        if ctx.above is not None:
            gradient = ctx.above.mask(gradient)
        _, channels, height, width = gradient.shape
        own = _like(gradient, torch.Size((1, channels, 2 * height, 2 * width)))
        integers = INTEGERS[gradient.element_size()]
        for rows in _blocks(gradient, PIECE):
            above = gradient[:, :, rows].view(integers).permute(0, 2, 3, 1)
            start = rows.start * width * channels
            lower, right = (
                bits.masks(integers, start, start + above.numel())[: above.numel()].view_as(above)
                for bits in (ctx.lower, ctx.right)
            )
            below = above & lower
            upper = above ^ below
            corners = _corners(own.view(integers), rows)
            for corner, half in zip(corners, (upper, below), strict=True):
                left, other = (some.permute(0, 2, 3, 1) for some in corner)
                torch.bitwise_and(half, right, out=other)
                torch.bitwise_xor(half, other, out=left)
        return _fitted(own, ctx.size), None, None


def _blocks(tensor: Tensor, most: int) -> Iterator[slice]:
    """Rows of (1, C, H, W), a multiple of 8 at a time, of no more elements if those are fewer."""
    _, channels, height, width = tensor.shape
    count = 8 * max(most // (8 * channels * width), 1)
    for row in range(0, height, count):
        yield slice(row, min(row + count, height))


def _corners(features: Tensor, rows: slice) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Of the windows of 2 x 2 in rows of windows, the upper left and right, the lower ones."""
    first, last = 2 * rows.start, 2 * rows.stop
    upper, lower = features[:, :, first:last:2], features[:, :, first + 1 : last : 2]
    return (upper[..., ::2], upper[..., 1::2]), (lower[..., ::2], lower[..., 1::2])


def _pooled(side: int, ceil_mode: bool) -> int:
    """Windows of 2 along a side."""
    return (side + ceil_mode) // 2


def _max_pool(features: Tensor, ceil_mode: bool) -> tuple[Tensor, Tensor]:
    """Of windows of 2 x 2 the largest, and its place, counted row after row."""
    pool = torch.ops.aten.max_pool2d_with_indices
    return pool(features, [2, 2], [2, 2], [0, 0], [1, 1], ceil_mode)


def _fitted(own: Tensor, size: torch.Size) -> Tensor:
    """Without rows and columns that the features do not have, and 0 in those that own lacks."""
    if own.shape == size:
        return own
    found = _like(own, size).zero_()
    height, width = (min(a, b) for a, b in zip(own.shape[2:], size[2:], strict=True))
    found[..., :height, :width] = own[..., :height, :width]
    return found


class _AvgPool(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, features, layer):
        ctx.size, ctx.layer = features.shape, layer
        return layer(features)

    @staticmethod
    def backward(ctx: Any, gradient):  # type: ignore[override]
        layer = ctx.layer
        sizes = ([*pair(value)] for value in (layer.kernel_size, layer.stride, layer.padding))
        own = torch.ops.aten.avg_pool2d_backward(
            gradient.contiguous(memory_format=torch.channels_last),
            _like(gradient, ctx.size),
            *sizes,
            layer.ceil_mode,
            layer.count_include_pad,
            layer.divisor_override,
        )
        return own, None


def pair(value: Any) -> tuple[int, int]:
    """torch.nn's number for both axes, or one for each."""
    return value if isinstance(value, tuple) else (value, value)


def _like(features: Tensor, size: torch.Size, dtype: torch.dtype | None = None) -> Tensor:
    """Features of a size; nobody reads what is in them."""
    return large_empty_channels_last(size, dtype or features.dtype, features.device)
