"""Features (N, C, H, W), or (1, C) after a fully connected layer: views, chunks and sums."""

import numpy as np
import torch
from torch import Tensor

# Chunk size, in elements, of sequential sums and of element-wise work on whole layers.
CHUNK_ELEMENTS = 1 << 20
REDUCED_PRECISIONS = (torch.bfloat16, torch.float16)

Area = tuple[slice, slice]  # rows and columns


def crop(features: Tensor, area: Area) -> Tensor:
    """View some rows and columns of features."""
    return features[..., area[0], area[1]]


def as_channels_last(features: Tensor) -> Tensor:
    """Make features contiguous in the channels-last layout; copy them only if they are not."""
    return features.contiguous(memory_format=torch.channels_last)


def is_channels_last(features: Tensor) -> bool:
    return features.is_contiguous(memory_format=torch.channels_last)


def as_hwc(features: Tensor) -> Tensor:
    """View features (1, C, H, W) as (H, W, C)."""
    return features[0].permute(1, 2, 0)


def rows_per_chunk(features: Tensor) -> int:
    """Count the rows of features (..., H, W) that have no more than CHUNK_ELEMENTS; at least 1."""
    return max(1, CHUNK_ELEMENTS // max(features[..., :1, :].numel(), 1))


def row_chunks(features: Tensor, *others: Tensor) -> list[tuple[Tensor, ...]]:
    """Split features, and tensors of the same height, into chunks of rows.

    A chunk has at most CHUNK_ELEMENTS elements, which keeps temporaries small.
    """
    rows = rows_per_chunk(features)
    return [tensor.split(rows, 2) for tensor in (features, *others)]


def at_least_float32(features: Tensor) -> Tensor:
    """Convert features of half the precision to float32; leave others as they are."""
    return features.float() if features.dtype in REDUCED_PRECISIONS else features


def add_(total: Tensor, addition: Tensor) -> None:
    """Add float32 to a total of the same or half the precision, in place.

    Two conversions take a fraction of the time of PyTorch's addition of mixed precisions.
    """
    if total.dtype == addition.dtype:
        total.add_(addition)
    else:
        total.copy_(total.float().add_(addition))


def to_float64(value: Tensor) -> Tensor:
    """Convert to float64, on the CPU if the tensor's device (mps) has none."""
    return value.cpu().double() if value.device.type == 'mps' else value.double()


def sum_of_squares(a: Tensor, b: Tensor) -> Tensor:
    """Sum up (a − b)² as THNN/generic/MSECriterion.c does.  Returns a 0-dim tensor.

    On the CPU the original adds one float32 after the other, which on large layers is off by
    up to 4e-5 from the true sum; the printed losses show it.
    """
    if a.device.type != 'cpu':
        return (a - b).square().sum()
    total = a.new_zeros(()).numpy()
    length = max(1, CHUNK_ELEMENTS * len(a) // max(a.numel(), 1))
    for x, y in zip(a.split(length), b.split(length), strict=True):
        squares = (x - y).square_().contiguous().view(-1).numpy()
        with np.errstate(over='ignore', invalid='ignore'):  # as in C
            squares[:1] += total
            total = np.add.accumulate(squares, out=squares)[-1]
    return torch.from_numpy(np.asarray(total))
