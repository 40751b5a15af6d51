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

from style_transfer.heap import apart

# A float is above 0 where the integer of the same bits is.
INTEGERS = {2: torch.int16, 4: torch.int32, 8: torch.int64}
# Elements that are worked on at a time: a multiple of 8.
PIECE = 1 << 20
# Bytes that are taken from the system at a time for bits.
ROOM = 16 << 20


class Bits:
    """A bit for each element of a tensor (1, C, H, W).

    above: the bits are set where this tensor, of floats or bool, is above 0.
    """

    def __init__(self, above: Tensor):
        flat = _flat(above.detach())
        if flat.dtype.is_floating_point:
            flat = flat.view(INTEGERS[flat.element_size()])
        if flat.device.type == 'cpu':
            self.bytes = _apart(_packed(flat.numpy()))
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

    def subtract_from(self, numbers: Tensor, value: int) -> None:
        """Take value from int64 numbers of the same shape, channels last, where the bits are not
        set."""
        for some, mask in zip(_flat(numbers).split(PIECE), self._masks(torch.int64), strict=True):
            some.sub_(~mask[: len(some)] & value)

    def _masks(self, dtype: torch.dtype) -> Iterator[Tensor]:
        """Integers of all ones where the bits are set, of none elsewhere: PIECE at a time."""
        table = _table(dtype, self.bytes.device)
        for some in self.bytes.split(PIECE // 8):
            yield table.index_select(0, some.int()).view(-1)


_room = torch.empty(0, dtype=torch.uint8)


def _apart(packed: np.ndarray) -> Tensor:
    """A copy in memory of its own, so that the larger tensors between leave no gaps."""
    global _room
    if len(packed) > len(_room):
        _room = apart([max(ROOM, len(packed))], torch.uint8, _room.device)
    found, _room = _room[: len(packed)], _room[len(packed) :]
    return found.copy_(torch.from_numpy(packed))


def _flat(tensor: Tensor) -> Tensor:
    """(1, C, H, W) in the order of channels_last: without a copy where it is in that."""
    return tensor.permute(0, 2, 3, 1).reshape(-1)


def _packed(numbers: np.ndarray) -> np.ndarray:
    """A bit for each number above 0, the lowest first."""
    workers = torch.get_num_threads()
    if workers == 1 or len(numbers) < PIECE:
        return np.packbits(numbers > 0, bitorder='little')
    length = -(-len(numbers) // workers // 8) * 8
    parts = [numbers[k : k + length] for k in range(0, len(numbers), length)]
    with ThreadPoolExecutor(workers) as pool:  # NumPy has one thread
        return np.concatenate(
            list(pool.map(lambda part: np.packbits(part > 0, bitorder='little'), parts))
        )


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


def bits_kept(layer: nn.Module) -> int | None:
    """Bits that `run` keeps for an element of a layer's output; None for other layers."""
    if isinstance(layer, nn.ReLU):
        return 1
    if isinstance(layer, nn.MaxPool2d) and _is_quartering(layer):
        return 2
    return 0 if isinstance(layer, nn.AvgPool2d) else None


def run(layer: Any, features: Tensor) -> Tensor:
    """What a layer that bits_kept knows makes of features (1, C, H, W), which it leaves alone.

    The gradient is PyTorch's, to the bit; that from above a ReLU is written over.
    """
    if isinstance(layer, nn.ReLU):
        return _ReLU.apply(features)
    pooling = _MaxPool if isinstance(layer, nn.MaxPool2d) else _AvgPool
    return pooling.apply(features, layer)


def _is_quartering(layer: nn.MaxPool2d) -> bool:
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
        ctx.bits = Bits(output)
        return output

    @staticmethod
    def backward(ctx: Any, gradient):  # type: ignore[override]
        return ctx.bits.mask(gradient)


class _MaxPool(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, features, layer):
        output, places = functional.max_pool2d(
            features, 2, 2, ceil_mode=layer.ceil_mode, return_indices=True
        )
        ctx.size, ctx.ceil_mode = features.shape, layer.ceil_mode
        width = features.shape[3]
        places -= _corners(places.shape, width, places.device)  # 0, 1, width or width + 1
        ctx.lower = Bits(places >= width)
        ctx.right = Bits((places == 1) | (places == width + 1))
        return output

    @staticmethod
    def backward(ctx: Any, gradient):  # type: ignore[override]
        gradient = gradient.contiguous(memory_format=torch.channels_last)
        width = ctx.size[3]
        corners = _corners(gradient.shape, width, gradient.device) + width + 1
        places = torch.empty_like(gradient, dtype=torch.int64).copy_(corners)
        ctx.lower.subtract_from(places, width)
        ctx.right.subtract_from(places, 1)
        back = torch.ops.aten.max_pool2d_with_indices_backward
        like = _like(gradient, ctx.size)
        return back(gradient, like, [2, 2], [2, 2], [0, 0], [1, 1], ctx.ceil_mode, places), None


def _corners(shape: torch.Size, width: int, device: torch.device) -> Tensor:
    """The first position of each window of a pooling over 2 x 2, counted row by row."""
    rows = torch.arange(shape[2], device=device)[:, None] * 2 * width
    return rows + torch.arange(shape[3], device=device) * 2


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


def _like(gradient: Tensor, size: torch.Size) -> Tensor:
    """Features of a size; nobody reads what is in them."""
    form: Any = {'dtype': gradient.dtype, 'device': gradient.device}
    return torch.empty(size, memory_format=torch.channels_last, **form)
