"""Memory outside of glibc's heap, on a CPU: for large tensors that outlive a tile.

The heap is cut up by what lasts, and the gaps between are of no use for what is larger.  What comes
back here is kept for the next tensor: to get memory from the system, page by page, can take several
times as long as to write it.
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

# Bytes of a tensor that is worth it.
LARGE = 4 << 20
# What the process may have for a byte of the most that was ever given out at once.  Gaps take the
# rest; with less, the system has to give what it has just got back.
GAPS = 1.1
# Bytes that are taken at a time for what is smaller, but lasts.
ROOM = 16 << 20


class CachingAllocator:
    """Memory that is given out, comes back with the array, and is given out again.

    size: bytes of addresses: they become memory where something is written.  Raises OSError where
    there are not as many.
    """

    def __init__(self, size: int):
        flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | getattr(mmap, 'MAP_NORESERVE', 0)
        self.memory = mmap.mmap(-1, size, flags=flags)
        # from where to where it is free, and whether it is memory that the process has
        self.free = [(0, size, False)]
        self.size = size
        self.most = 0  # that was given out at once
        self.back: deque[tuple[int, int, bool]] = deque()  # appended to at any time
        self.lock = Lock()

    def take(self, size: int) -> np.ndarray | None:
        """Bytes, whatever is in them; None where too few are left in one piece."""
        size = _pages(size)
        with self.lock:
            place = self._place(size)
            if place is None:
                return None
            start, stop = place[2], place[2] + size
            self.free = [
                (a, b, ours)
                for first, last, ours in self.free
                for a, b in ((first, min(last, start)), (max(first, stop), last))
                if a < b
            ]
            given_out = self.size - sum(last - first for first, last, _ in self.free)
            self.most = max(self.most, given_out)
            self._give_back(self._held() - int(GAPS * self.most))
            found = np.frombuffer(self.memory, np.uint8, size, start)
            weakref.finalize(found, self.back.append, (start, stop, True)).atexit = False
            return found

    def lacks(self, size: int) -> int:
        """Of so many bytes, those that the process would have to get from the system."""
        with self.lock:
            place = self._place(size)
        return size if place is None else place[0]

    def held(self) -> int:
        """Bytes that the process has: those given out, and those that came back."""
        with self.lock:
            self._sort()
            return self._held()

    def trim(self, size: int) -> int:
        """Give bytes that are free back to the system, as many as there are; how many those are."""
        with self.lock:
            self._sort()
            return self._give_back(size)

    def _held(self) -> int:
        return self.size - sum(stop - start for start, stop, ours in self.free if not ours)

    def _give_back(self, size: int) -> int:
        """What trim does."""
        left = size = max(_pages(size), 0)
        parts = []
        for start, stop, ours in reversed(self.free):
            if ours and left > 0:
                cut = max(start, stop - left)
                self.memory.madvise(mmap.MADV_DONTNEED, cut, stop - cut)
                left -= stop - cut
                parts.append((cut, stop, False))
                stop = cut
            if start < stop:
                parts.append((start, stop, ours))
        self.free = _joined(reversed(parts))
        return size - left

    def _place(self, size: int) -> tuple[int, int, int] | None:
        """Where bytes are free in one piece: the memory that it lacks, its size, its start.

        Of all such places the first that lacks none, or else the first.
        """
        self._sort()
        found, start, end, lacking = [], 0, -1, 0
        for first, last, ours in self.free:
            if first != end:
                start, lacking = first, 0
            if not ours:
                lacking += max(min(last, start + size) - first, 0)
            end = last
            found.append((lacking, end - start, start))
        fitting = (place for place in found if place[1] >= size)
        return min(fitting, key=lambda place: (place[0] > 0, place[2]), default=None)

    def _sort(self) -> None:
        """Join what has come back to what is free."""
        while self.back:
            self.free.append(self.back.popleft())
        self.free = _joined(sorted(self.free))


def _pages(size: int) -> int:
    """Bytes of as many whole pages."""
    return -(-size // mmap.PAGESIZE) * mmap.PAGESIZE


def _joined(parts: Iterable[tuple[int, int, bool]]) -> list[tuple[int, int, bool]]:
    """Neighbours of a kind as one."""
    found: list[tuple[int, int, bool]] = []
    for start, stop, ours in parts:
        if found and found[-1][1:] == (start, ours):
            start = found.pop()[0]
        found.append((start, stop, ours))
    return found


@lru_cache
def allocator() -> CachingAllocator | None:
    """The process's, as large as the machine's memory; None where there is none."""
    if sys.platform != 'linux':
        return None
    try:
        return CachingAllocator(os.sysconf('SC_PHYS_PAGES') * mmap.PAGESIZE)
    except OSError:  # a limit of addresses
        return None


def large_empty(shape: Sequence[int], dtype: torch.dtype, device: torch.device) -> Tensor:
    """An empty tensor; on a CPU, if it is large, outside of the heap."""
    size = math.prod(shape) * dtype.itemsize
    if device.type == 'cpu' and size >= LARGE and (all_of_it := allocator()) is not None:
        found = all_of_it.take(size)
        if found is not None:
            return torch.from_numpy(found)[:size].view(dtype).view(*shape)
    return torch.empty(*shape, dtype=dtype, device=device)


def large_empty_like(features: Tensor, shape: Sequence[int], device: torch.device) -> Tensor:
    """The same for features (1, C, H, W), in the layout and the precision of others."""
    if features.is_contiguous():
        return large_empty(shape, features.dtype, device)
    return large_empty_channels_last(shape, features.dtype, device)


def large_empty_channels_last(
    shape: Sequence[int], dtype: torch.dtype, device: torch.device
) -> Tensor:
    """The same for features (1, C, H, W), channels last."""
    one, channels, height, width = shape
    return large_empty((one, height, width, channels), dtype, device).permute(0, 3, 1, 2)


_room = np.empty(0, np.uint8)


def pooled_empty(size: int) -> Tensor:
    """Bytes on a CPU for what lasts, so that the larger tensors between leave no gaps."""
    global _room
    if size > len(_room):
        _room = large_empty([max(ROOM, size)], torch.uint8, torch.device('cpu')).numpy()
    # by way of NumPy: autograd would take a change of one for a change of all
    found, _room = torch.from_numpy(_room[:size]), _room[-(-size // 64) * 64 :]
    return found


def pooled_empty_like(features: Tensor) -> Tensor:
    """An empty tensor that lasts, like features (1, C, H, W), in their layout."""
    if features.device.type != 'cpu' or features.nbytes >= LARGE:
        return large_empty_like(features, features.shape, features.device)
    one, channels, height, width = features.shape
    found = pooled_empty(features.nbytes).view(features.dtype)
    if features.is_contiguous():
        return found.view(features.shape)
    return found.view(one, height, width, channels).permute(0, 3, 1, 2)
