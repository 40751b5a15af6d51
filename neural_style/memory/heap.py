"""The process's memory: how much it is, and what of it lies free in glibc's heap."""

import ctypes
import math
import os
from functools import lru_cache
from pathlib import Path
from typing import Any

from neural_style.memory.allocator import allocator

# The share of a limit that is given up beyond what has to be, so that it is not soon to do again.
TRIM_EXTRA = 0.02
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX, M_ARENA_MAX = -1, -2, -4, -8  # malloc.h


class _Counts(ctypes.Structure):
    """struct mallinfo2 of malloc.h."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in (
            'arena', 'ordblks', 'smblks', 'hblks', 'hblkhd',
            'usmblks', 'fsmblks', 'uordblks', 'fordblks', 'keepcost',
        )
    ]  # fmt: skip


@lru_cache
def _glibc() -> Any:
    """The C library, where it is glibc; else None."""
    try:
        library: Any = ctypes.CDLL(None)
        library.malloc_trim.argtypes = [ctypes.c_size_t]
    except (OSError, AttributeError, TypeError):
        return None
    return library


def configure_malloc() -> None:
    """Ask glibc to keep the memory of large tensors for the next ones.

    By default it hands every tensor above 32 MB back to the system and gets it again page by
    page, which takes an eighth of the time of an evaluation at 512 pixels on two cores.  All
    threads share one heap: one for each would take 64 MB of addresses, of which a limit (ulimit -v)
    may have few, and more or fewer of them as threads happen to follow one another.
    """
    library = _glibc()
    if library is not None:
        library.mallopt(M_MMAP_MAX, 0)
        library.mallopt(M_TRIM_THRESHOLD, -1)  # never
        library.mallopt(M_TOP_PAD, 2**28)
        library.mallopt(M_ARENA_MAX, 1)


def trim(size: int | None = None) -> None:
    """Give memory that is free back to the system, where that can be told.

    size: bytes that are enough; None for all.
    Small tensors that stay cut up what larger ones leave behind: without, a heap grows by a large
    tensor for each tile.  It takes a while until the memory is there again; so not too often.
    """
    whole, library = allocator(), _glibc()
    if whole is not None:
        done = whole.trim(whole.size if size is None else size)
        if size is not None and done >= size:
            return
    if library is not None:
        library.malloc_trim(0)


def hold(most: float, more: float = 0) -> None:
    """Hold the process's memory below a limit when so many bytes more are needed."""
    if math.isfinite(most) and (over := used() + more - most) > 0:
        trim(int(over + TRIM_EXTRA * most))


def used() -> int:
    """Bytes that the process has in use; a guess where nobody can tell."""
    return _pages(1) or 500 << 20  # Python and PyTorch


def free() -> int:
    """Bytes that the process has in glibc's heap for the next tensors, about; 0 where nobody can
    tell."""
    whole, library = allocator(), _glibc()
    try:
        count = library.mallinfo2
    except AttributeError:  # before glibc 2.33
        return 0
    count.restype = _Counts
    counts = count()
    others = counts.uordblks + counts.hblkhd + (0 if whole is None else whole.held())
    return max(_pages(1) - _pages(2) - others, 0)


def _pages(number: int) -> int:
    """Bytes, by a number of /proc/self/statm: 1 that the process has, 2 of them of files."""
    try:
        counts = Path('/proc/self/statm').read_text().split()
        return int(counts[number]) * os.sysconf('SC_PAGE_SIZE')
    except (OSError, ValueError, IndexError):
        return 0
