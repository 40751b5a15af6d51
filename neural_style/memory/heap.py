"""The process's memory: glibc's heap, and what is resident."""

import contextlib
import ctypes
import math
import os
from functools import lru_cache
from pathlib import Path
from typing import Any

from neural_style.memory.allocator import allocator

# Release this share of the limit in addition, so that the next release is not due at once.
TRIM_EXTRA = 0.02
# Grow the heap by so many bytes at a time; by fewer where addresses are limited (ulimit -v).
TOP_PAD, LIMITED_TOP_PAD = 2**28, 2**22
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX, M_ARENA_MAX = -1, -2, -4, -8  # malloc.h


@lru_cache
def _glibc() -> Any:
    """Return the C library if it is glibc, else None."""
    try:
        library: Any = ctypes.CDLL(None)
        library.malloc_trim.argtypes = [ctypes.c_size_t]
    except (OSError, AttributeError, TypeError):
        return None
    return library


def configure_malloc() -> None:
    """Ask glibc to keep the memory of large tensors for the next ones.

    By default it hands every tensor above 32 MB back to the OS and gets it again page by page,
    which takes an eighth of the time of an evaluation at 512 pixels on two cores.  All threads
    share one heap: one for each would take 64 MB of addresses, of which a limit (ulimit -v) may
    have few, and more or fewer of them as threads happen to follow one another.
    """
    library = _glibc()
    if library is not None:
        library.mallopt(M_MMAP_MAX, 0)
        library.mallopt(M_TRIM_THRESHOLD, -1)  # never
        limited = math.isfinite(address_space_limit())
        library.mallopt(M_TOP_PAD, LIMITED_TOP_PAD if limited else TOP_PAD)
        library.mallopt(M_ARENA_MAX, 1)


def release_free_memory(size: int | None = None) -> None:
    """Return free memory to the OS.

    size: stop after this many bytes; None for all.
    Long-lived small tensors fragment the heap, which would otherwise grow by one large tensor per
    tile.  Faulting pages in again is slow: call rarely.
    """
    cache, library = allocator(), _glibc()
    if cache is not None:
        released = cache.release(cache.size if size is None else size)
        if size is not None and released >= size:
            return
    if library is not None:
        library.malloc_trim(0)


def limit_resident(limit: float, extra: float = 0) -> None:
    """Release free memory if the process would be above a limit with `extra` bytes more."""
    if math.isfinite(limit) and (excess := resident_bytes() + extra - limit) > 0:
        release_free_memory(int(excess + TRIM_EXTRA * limit))


def address_space_limit() -> float:
    """Return how many bytes of addresses the process may have (ulimit -v); math.inf for any."""
    with contextlib.suppress(OSError, ValueError, ImportError):
        import resource  # not on Windows

        limit, _ = resource.getrlimit(resource.RLIMIT_AS)
        if limit != resource.RLIM_INFINITY:
            return limit
    return math.inf


def resident_bytes() -> int:
    """Count the bytes that the process has in memory; a guess where nobody can tell."""
    try:
        pages = int(Path('/proc/self/statm').read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return 500 << 20  # Python and PyTorch
    return pages * os.sysconf('SC_PAGE_SIZE')
