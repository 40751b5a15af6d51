"""How to tell that memory has run out."""

import torch

# PyTorch, oneDNN, and Python where there is no memory for the exception either.
ERRORS = (
    "can't allocate memory",
    'could not create a memory object',
    'could not create a primitive',
    'error return without exception set',
)


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether Python, the CPU allocator of PyTorch, oneDNN or a GPU ran out of memory."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or any(
        text in str(error) for text in ERRORS
    )
