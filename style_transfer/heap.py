"""glibc's heap: what lies free in it between tensors goes back to the system."""

import ctypes
from functools import lru_cache
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


def trim() -> None:
    """Give memory that is free back to the system, where that can be told.

    Small tensors that stay cut up what larger ones leave behind: without, a heap grows by a large
    tensor for each tile.  It takes a while until the memory is there again; so not too often.
    """
    library = _glibc()
    if library is not None:
        library.malloc_trim(0)
