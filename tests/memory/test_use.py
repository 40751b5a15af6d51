"""Sums and bounds of what is in use."""

from neural_style.memory.use import NOTHING, MemoryUse


def test_memory_is_added_and_bounded_by_place():
    tensor, heap = MemoryUse(off_heap=5, heap=1), MemoryUse(off_heap=2, heap=4)
    assert tensor + heap == MemoryUse(7, 5)
    assert tensor | heap == MemoryUse(5, 4)
    assert (tensor + NOTHING).total == 6


def test_only_the_heap_is_fragmented():
    assert MemoryUse(5, 2).with_fragmentation(1.5) == MemoryUse(5, 3)
