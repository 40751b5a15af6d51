"""The memory of an evaluation in tiles."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from neural_style.memory import heap
from neural_style.memory.allocator import allocator, large_empty, large_empty_like
from neural_style.tiling.stages import Stage, Tiling


class TilingMemory:
    """Allocates features, and keeps the process within the memory limit of a tiling."""

    def __init__(self, tiling: Tiling, device: torch.device):
        self._device = device
        self._limit = tiling.memory_limit
        self._heap_bytes = dict(zip(tiling.stages, tiling.heap_bytes, strict=False))

    def limit(self, needed: float = 0) -> None:
        """Return free memory to the OS if `needed` more bytes would exceed the limit."""
        heap.limit_resident(self._limit, needed)

    def prepare(self, stage: Stage) -> None:
        """Make room for the tiles of a stage, for which the fragmented heap may have to grow."""
        self.limit(self._heap_bytes.get(stage, 0.0))

    def allocate(self, like: Tensor, shape: Sequence[int]) -> Tensor:
        """Allocate features (1, C, H, W) between stages, in the layout of others."""
        large_tensors = allocator()
        if large_tensors is not None:
            self.limit(large_tensors.bytes_to_map(math.prod(shape) * like.element_size()))
        return large_empty_like(like, shape, self._device)

    def zeros(self, like: Tensor) -> Tensor:
        """Allocate a gradient of zeros, like features that may be on no device."""
        return large_empty_like(like, like.shape, self._device).zero_()


def copy(features: Tensor) -> Tensor:
    """Copy features (1, C, H, W), detached, to memory of their own, channels last."""
    shape, dtype, device = features.shape, features.dtype, features.device
    return large_empty(shape, dtype, device, torch.channels_last).copy_(features.detach())
