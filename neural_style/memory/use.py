"""Bytes of tensors, in glibc's heap and outside of it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class MemoryUse:
    """Counts bytes of tensors.

    off_heap: those that the caching allocator has, or a GPU.  heap: those in glibc's heap.
    """

    off_heap: float = 0.0
    heap: float = 0.0

    def __add__(self, other: 'MemoryUse') -> 'MemoryUse':
        return MemoryUse(self.off_heap + other.off_heap, self.heap + other.heap)

    def __or__(self, other: 'MemoryUse') -> 'MemoryUse':
        """Return what is enough for either."""
        return MemoryUse(max(self.off_heap, other.off_heap), max(self.heap, other.heap))

    @property
    def total(self) -> float:
        return self.off_heap + self.heap

    def with_fragmentation(self, factor: float) -> 'MemoryUse':
        """Multiply the bytes in the heap, whose gaps are of no use for larger tensors."""
        return MemoryUse(self.off_heap, factor * self.heap)


NOTHING = MemoryUse()
