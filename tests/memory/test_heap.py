"""What the process holds: free memory goes back to the OS when it has to, and no sooner."""

import sys

import pytest
import torch

from neural_style.memory import heap
from neural_style.memory.allocator import large_empty

MIB = 1 << 20
pytestmark = pytest.mark.skipif(sys.platform != 'linux', reason='measures with what Linux counts')


def test_limit_releases_no_more_than_it_has_to():
    heap.release_free_memory()
    tensor = large_empty((256 * MIB,), torch.uint8, torch.device('cpu')).fill_(1)
    del tensor
    before = heap.resident_bytes()
    limit = before + 40 * MIB
    heap.limit_resident(limit, 30 * MIB)
    assert abs(heap.resident_bytes() - before) < 16 * MIB, 'below the limit'
    heap.limit_resident(limit, 100 * MIB)
    excess = 60 * MIB + heap.TRIM_EXTRA * limit
    assert before - heap.resident_bytes() == pytest.approx(excess, abs=16 * MIB)


def test_release_returns_what_the_heap_keeps():
    heap.configure_malloc()
    heap.release_free_memory()
    before = heap.resident_bytes()
    last = torch.ones(1 << 16) if (large := torch.ones(100 << 20)).any() else large
    del large  # before what stays, the heap keeps its 400 MB
    assert heap.resident_bytes() - before > 380 * MIB
    heap.release_free_memory()
    assert heap.resident_bytes() - before < 64 * MIB
    assert last.all()
