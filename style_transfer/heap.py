"""The process's memory: how much it is, and glibc's heap, where much may lie free."""

import ctypes
import math
import mmap
import os
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4  # malloc.h
# Bytes of a tensor that is worth asking the system for memory: some of its large pages.
LARGE = 4 << 20


@lru_cache
def _glibc() -> Any:
    """The C library, where it is glibc; else None."""
    try:
        library: Any = ctypes.CDLL(None)
        library.malloc_trim.argtypes = [ctypes.c_size_t]
    except (OSError, AttributeError, TypeError):
        return None
    return library


def keep_memory() -> None:
    """Ask glibc to keep the memory of large tensors for the next ones.

    By default it hands every tensor above 32 MB back to the system and gets it again page by
    page, which takes an eighth of the time of an evaluation at 512 pixels on two cores.
    """
    library = _glibc()
    if library is not None:
        library.mallopt(M_MMAP_MAX, 0)
        library.mallopt(M_TRIM_THRESHOLD, -1)  # never
        library.mallopt(M_TOP_PAD, 2**28)


def apart(shape: Sequence[int], dtype: torch.dtype, device: torch.device) -> Tensor:
    """An empty tensor; on a CPU, if it is large, outside of the heap: for what is to last.

    The heap is cut up by what lasts, and the gaps between are of no use for what is larger.  The
    system has this memory back as soon as the tensor goes.
    """
    size = math.prod(shape) * dtype.itemsize
    if device.type != 'cpu' or size < LARGE:
        return torch.empty(*shape, dtype=dtype, device=device)
    memory = mmap.mmap(-1, size)
    if hasattr(mmap, 'MADV_HUGEPAGE'):
        memory.madvise(mmap.MADV_HUGEPAGE)
    return torch.frombuffer(memory, dtype=dtype).view(*shape)


def apart_like(features: Tensor, shape: Sequence[int], device: torch.device) -> Tensor:
    """The same for features (1, C, H, W), in the layout and the precision of others."""
    if features.is_contiguous():
        return apart(shape, features.dtype, device)
    one, channels, height, width = shape
    return apart((one, height, width, channels), features.dtype, device).permute(0, 3, 1, 2)


def trim() -> None:
    """Give memory that is free back to the system, where that can be told.

    Small tensors that stay cut up what larger ones leave behind: without, a heap grows by a large
    tensor for each tile.  It takes a while until the memory is there again; so not too often.
    """
    library = _glibc()
    if library is not None:
        library.malloc_trim(0)


def used() -> int:
    """Bytes that the process has in use; a guess where nobody can tell."""
    try:
        pages = int(Path('/proc/self/statm').read_text().split()[1])
        return pages * os.sysconf('SC_PAGE_SIZE')
    except (OSError, ValueError, IndexError):
        return 500 << 20  # Python and PyTorch
