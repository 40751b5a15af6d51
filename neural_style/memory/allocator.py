"""A caching allocator for large tensors on a CPU, outside of glibc's heap.

Long-lived small tensors fragment the heap, and larger ones cannot use the gaps between.  Memory
that is freed here is kept for the next tensor: to get it from the OS, page by page, can take
several times as long as to write it.  The words are those of PyTorch's CUDA allocator.
"""

import math
import mmap
import os
import sys
import weakref
from collections import deque
from collections.abc import Iterable, Sequence
from functools import lru_cache
from threading import Lock

import numpy as np
import torch
from torch import Tensor

# Tensors of at least this many bytes are allocated here.
LARGE_TENSOR_BYTES = 4 << 20
# Resident memory is capped at 1.1 times the peak in use.  With a tighter cap the OS faults in pages
# it has just reclaimed.
FRAGMENTATION = 1.1
# Bytes that are allocated at a time for pooled tensors.
BLOCK_BYTES = 16 << 20

# Linux's, which mmap names from Python 3.13 on.  Without it, the addresses count as memory, as much
# as the machine has, and a fork of the process may be refused.
MAP_NORESERVE = 0x4000

# A range of addresses that is free: start, stop, whether it is resident.
Free = tuple[int, int, bool]


class CachingAllocator:
    """Allocates arrays in one range of addresses; what is freed is used again.

    size: bytes of addresses: they take memory once they are written.  Raises OSError if there are
    not as many.
    """

    def __init__(self, size: int):
        flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | MAP_NORESERVE
        self.memory = mmap.mmap(-1, size, flags=flags)
        self.size = size
        self.peak_allocated = 0
        self.free: list[Free] = [(0, size, False)]
        self.freed: deque[Free] = deque()  # not in free yet; appended to at any time
        self.lock = Lock()

    def allocate(self, size: int) -> np.ndarray | None:
        """Return uninitialised bytes; None if too few are free in one piece."""
        size = _round_to_pages(size)
        with self.lock:
            position = self._find(size)
            if position is None:
                return None
            start, stop = position[1], position[1] + size
            self.free = [
                (first, last, is_resident)
                for a, b, is_resident in self.free
                for first, last in ((a, min(b, start)), (max(a, stop), b))
                if first < last
            ]
            self.peak_allocated = max(self.peak_allocated, self._allocated())
            self._release(self._reserved() - int(FRAGMENTATION * self.peak_allocated))
            array = np.frombuffer(self.memory, np.uint8, size, start)
            weakref.finalize(array, self.freed.append, (start, stop, True)).atexit = False
            return array

    def bytes_to_map(self, size: int) -> int:
        """Count how many of `size` bytes are not resident yet."""
        with self.lock:
            position = self._find(size)
        return size if position is None else position[0]

    def allocated(self) -> int:
        """Count the bytes of arrays that are in use."""
        with self.lock:
            self._collect()
            return self._allocated()

    def reserved(self) -> int:
        """Count the resident bytes: those in use, and those that were freed and are kept."""
        with self.lock:
            self._collect()
            return self._reserved()

    def release(self, size: int) -> int:
        """Return `size` free bytes to the OS, or as many as there are; returns how many."""
        with self.lock:
            self._collect()
            return self._release(size)

    def _allocated(self) -> int:
        return self.size - sum(stop - start for start, stop, _ in self.free)

    def _reserved(self) -> int:
        return self.size - sum(stop - start for start, stop, resident in self.free if not resident)

    def _release(self, size: int) -> int:
        remaining = size = max(_round_to_pages(size), 0)
        ranges = []
        for start, stop, is_resident in reversed(self.free):
            if is_resident and remaining > 0:
                cut = max(start, stop - remaining)
                self.memory.madvise(mmap.MADV_DONTNEED, cut, stop - cut)
                remaining -= stop - cut
                ranges.append((cut, stop, False))
                stop = cut
            if start < stop:
                ranges.append((start, stop, is_resident))
        self.free = _merge(reversed(ranges))
        return size - remaining

    def _find(self, size: int) -> tuple[int, int] | None:
        """Find bytes that are free in one piece: how many are not resident, and their start.

        Of all pieces that are large enough the first that is resident, or else the first.
        """
        self._collect()
        pieces: list[list[int]] = []  # [bytes to map, start, stop]
        for start, stop, is_resident in self.free:
            if not pieces or start != pieces[-1][2]:
                pieces.append([0, start, start])
            piece = pieces[-1]
            if not is_resident:
                piece[0] += max(min(stop, piece[1] + size) - start, 0)
            piece[2] = stop
        fitting = ((to_map, start) for to_map, start, stop in pieces if stop - start >= size)
        return min(fitting, key=lambda piece: (piece[0] > 0, piece[1]), default=None)

    def _collect(self) -> None:
        """Merge what was freed into what is free."""
        while self.freed:
            self.free.append(self.freed.popleft())
        self.free = _merge(sorted(self.free))


def _round_to_pages(size: int) -> int:
    return -(-size // mmap.PAGESIZE) * mmap.PAGESIZE


def _merge(ranges: Iterable[Free]) -> list[Free]:
    """Merge neighbouring ranges that are alike."""
    merged: list[Free] = []
    for start, stop, is_resident in ranges:
        if merged and merged[-1][1:] == (start, is_resident):
            start = merged.pop()[0]
        merged.append((start, stop, is_resident))
    return merged


@lru_cache
def allocator() -> CachingAllocator | None:
    """Return the process's allocator, as large as the machine's memory; None if it has none."""
    if sys.platform != 'linux':
        return None
    try:
        return CachingAllocator(os.sysconf('SC_PHYS_PAGES') * mmap.PAGESIZE)
    except OSError:  # a limit of addresses
        return None


def large_empty(
    shape: Sequence[int],
    dtype: torch.dtype,
    device: torch.device,
    memory_format: torch.memory_format = torch.contiguous_format,
) -> Tensor:
    """Return an uninitialised tensor; on a CPU, if it is large, outside of the heap.

    memory_format: of features (1, C, H, W) it may be torch.channels_last.
    """
    if memory_format == torch.channels_last:
        batch, channels, height, width = shape
        return large_empty((batch, height, width, channels), dtype, device).permute(0, 3, 1, 2)
    size = math.prod(shape) * dtype.itemsize
    if device.type == 'cpu' and size >= LARGE_TENSOR_BYTES and (source := allocator()) is not None:
        array = source.allocate(size)
        if array is not None:
            return torch.from_numpy(array)[:size].view(dtype).view(*shape)
    return torch.empty(*shape, dtype=dtype, device=device)


def large_empty_like(features: Tensor, shape: Sequence[int], device: torch.device) -> Tensor:
    """Return what large_empty does, with the dtype and the layout of features (1, C, H, W)."""
    layout = torch.contiguous_format if features.is_contiguous() else torch.channels_last
    return large_empty(shape, features.dtype, device, layout)


_block = np.empty(0, np.uint8)


def pooled_empty(size: int) -> Tensor:
    """Return uninitialised bytes on a CPU for what lives until the backward pass.

    They are packed into shared blocks, so that they do not fragment the heap.
    """
    global _block
    if size > len(_block):
        cpu = torch.device('cpu')
        _block = large_empty([max(BLOCK_BYTES, size)], torch.uint8, cpu).numpy()
    # by way of NumPy: autograd would take a change of one for a change of all
    tensor, _block = torch.from_numpy(_block[:size]), _block[-(-size // 64) * 64 :]
    return tensor


def pooled_empty_like(features: Tensor) -> Tensor:
    """Return an uninitialised tensor like features (1, C, H, W) that lives until the backward pass.

    A large one is allocated by large_empty, a small one on a CPU is packed into a shared block.
    """
    if features.device.type != 'cpu' or features.nbytes >= LARGE_TENSOR_BYTES:
        return large_empty_like(features, features.shape, features.device)
    tensor = pooled_empty(features.nbytes).view(features.dtype)
    if features.is_contiguous():
        return tensor.view(features.shape)
    batch, channels, height, width = features.shape
    return tensor.view(batch, height, width, channels).permute(0, 3, 1, 2)
