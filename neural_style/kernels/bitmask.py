"""Bitmasks, packed eight to a byte.

The gradient of a ReLU has to know where its output is above 0, and that of max pooling over 2 x 2
positions which of the four was the largest: a bit for each element of the one's output, two for
each of the other's.  PyTorch saves 2 to 8 bytes.  Source of the idea: Jain et al. 2018 (Gist).
"""

from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from neural_style.memory.allocator import pooled_empty

# A float is above 0 where the integer of the same bits is.
INTEGERS = {2: torch.int16, 4: torch.int32, 8: torch.int64}
# Elements that are masked at a time, and elements that are packed at a time, by one thread: what a
# core's cache holds.  Multiples of 8.
MASK_CHUNK = 1 << 19
PACK_CHUNK = 1 << 18


class PackedMask:
    """Holds a bit for each element of a tensor (1, C, H, W), in the order of channels last.

    values: floats or bool; a bit is set where a value is above 0.
    """

    def __init__(self, values: Tensor):
        flat = _flatten(values.detach())
        if flat.dtype.is_floating_point:
            flat = flat.view(INTEGERS[flat.element_size()])
        self.bytes = pack(flat) if flat.device.type == 'cpu' else pack_on_device(flat)

    def apply_(self, tensor: Tensor) -> Tensor:
        """Set a tensor of the same shape to 0 where bits are not set.

        Overwrites the tensor if it is channels last, else a copy of it; returns which it was.
        """
        flat = _flatten(tensor)
        integers = flat.view(INTEGERS[flat.element_size()])
        for start in range(0, len(integers), MASK_CHUNK):
            chunk = integers[start : start + MASK_CHUNK]
            chunk.bitwise_and_(self.unpack(chunk.dtype, start, start + len(chunk)))
        _, channels, height, width = tensor.shape
        return flat.view(1, height, width, channels).permute(0, 3, 1, 2)

    def unpack(self, dtype: torch.dtype, start: int, stop: int) -> Tensor:
        """Expand bits start, a multiple of 8, to stop into integers: -1 where set, 0 elsewhere."""
        table = _byte_table(dtype, self.bytes.device)
        integers = table.index_select(0, self.bytes[start // 8 : -(-stop // 8)].int()).view(-1)
        return integers[: stop - start]


def _flatten(tensor: Tensor) -> Tensor:
    """Flatten (1, C, H, W) in the order of channels last, without a copy if it is in that."""
    return tensor.permute(0, 2, 3, 1).reshape(-1)


def pack(values: Tensor) -> Tensor:
    """Pack a bit for each of n values on a CPU, set where it is above 0; the lowest bit first.

    values: integers or bool.  Returns uint8, of n / 8 elements, rounded up.
    """
    packed = pooled_empty(-(-len(values) // 8))
    source, target = values.numpy(), packed.numpy()
    # PyTorch's own threads spin for a while: on two cores a second worker is in their way.
    workers = max(torch.get_num_threads() // 2, 1) if len(source) >= MASK_CHUNK else 1

    def pack_every(first: int) -> None:
        for start in range(first * PACK_CHUNK, len(source), workers * PACK_CHUNK):
            chunk = source[start : start + PACK_CHUNK]
            bits = np.packbits(chunk if chunk.dtype == bool else chunk > 0, bitorder='little')
            target[start // 8 : start // 8 + len(bits)] = bits

    if workers == 1:
        pack_every(0)
    else:
        with ThreadPoolExecutor(workers) as pool:  # NumPy has one thread
            list(pool.map(pack_every, range(workers)))
    return packed


def pack_on_device(values: Tensor) -> Tensor:
    """Pack bits as `pack` does, on any device."""
    bits = functional.pad(values > 0, (0, -len(values) % 8)).view(-1, 8)
    weights = torch.tensor([1 << k for k in range(8)], dtype=torch.uint8, device=values.device)
    return (bits * weights).sum(1, dtype=torch.uint8)


@lru_cache
def _byte_table(dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return (256, 8): for each byte its bits, the lowest first, as integers -1 and 0."""
    numbers = torch.arange(256, device=device)[:, None]
    return -((numbers >> torch.arange(8, device=device)) & 1).to(dtype)
