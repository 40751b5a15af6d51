"""The process's memory: how much it is, and glibc's heap, where much may lie free."""

import ctypes
import os
from functools import lru_cache
from pathlib import Path
from typing import Any


@lru_cache
def _glibc() -> Any:
    """The C library, where it is glibc; else None."""
    try:
        library: Any = ctypes.CDLL(None)
        library.malloc_trim.argtypes = [ctypes.c_size_t]
    except (OSError, AttributeError, TypeError):
        return None
    return library


def mallopt(*settings: tuple[int, int]) -> None:
    """Set what glibc's malloc does; nothing where there is another."""
    library = _glibc()
    if library is not None:
        for parameter, value in settings:
            library.mallopt(parameter, value)


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
