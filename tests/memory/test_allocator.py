"""The caching allocator: freed memory is used again, and not much more is kept than was in use."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from samples import ROOT

from neural_style.memory import heap
from neural_style.memory.allocator import (
    CachingAllocator,
    allocator,
    large_empty,
    large_empty_like,
    pooled_empty_like,
)

MIB = 1 << 20
CPU = torch.device('cpu')
OVERCOMMIT = Path('/proc/sys/vm/overcommit_memory')
on_linux = pytest.mark.skipif(sys.platform != 'linux', reason='the allocator is for Linux')


@on_linux
def test_large_tensors_keep_their_memory_for_the_next_until_it_is_released():
    def allocate(rows):
        return large_empty((rows, 1 << 18), torch.float32, CPU)

    heap.release_free_memory()
    before = heap.resident_bytes()
    tensors = [allocate(64).fill_(number) for number in range(4)]
    assert heap.resident_bytes() - before > 240 * MIB
    assert [float(tensor[-1, -1]) for tensor in tensors] == [0, 1, 2, 3]
    del tensors[1:3]
    assert heap.resident_bytes() - before > 240 * MIB
    cache = allocator()
    assert cache.bytes_to_map(128 * MIB) == 0
    last = allocate(128).fill_(4)
    assert heap.resident_bytes() - before < 280 * MIB
    assert [float(tensor[-1, -1]) for tensor in (*tensors, last)] == [0, 3, 4]
    del tensors, last
    heap.release_free_memory()
    assert heap.resident_bytes() - before < 16 * MIB
    assert cache.bytes_to_map(128 * MIB) == 128 * MIB


@on_linux
def test_freed_memory_is_allocated_before_new():
    cache = CachingAllocator(64 * MIB)
    a, b, c = (cache.allocate(size * MIB) for size in (8, 4, 4))
    for number, array in enumerate((a, b, c)):
        array[:] = number
    assert (cache.allocated(), cache.reserved()) == (16 * MIB, 16 * MIB)
    del a, b
    assert (cache.allocated(), cache.reserved()) == (4 * MIB, 16 * MIB)
    sizes = (4, 12, 13, 48)
    assert [cache.bytes_to_map(size * MIB) // MIB for size in sizes] == [0, 0, 13, 48]
    d = cache.allocate(12 * MIB - 1)  # where a and b were
    assert cache.bytes_to_map(1) == 1
    d[:] = 3
    assert (c == 2).all()
    del d
    assert cache.release(2 * MIB) == 2 * MIB
    assert cache.reserved() == 14 * MIB
    assert [cache.bytes_to_map(size * MIB) for size in (10, 12)] == [0, 2 * MIB]
    e = cache.allocate(12 * MIB)
    assert (e[: 10 * MIB] == 3).all()
    assert not e[10 * MIB :].any()
    del e
    assert cache.release(64 * MIB) == 12 * MIB
    assert cache.reserved() == 4 * MIB
    assert cache.allocate(49 * MIB) is None
    with pytest.raises(OSError):
        CachingAllocator(1 << 60)


@pytest.mark.skipif(
    not OVERCOMMIT.exists() or OVERCOMMIT.read_text().strip() == '2', reason='needs overcommit'
)
@pytest.mark.slow
def test_addresses_do_not_count_as_memory_in_forks():
    code = (
        'import mmap, os; from neural_style.memory.allocator import CachingAllocator;'
        ' cache = CachingAllocator(2 * os.sysconf("SC_PHYS_PAGES") * mmap.PAGESIZE);'
        ' process = os.fork();'
        ' process or os._exit(0);'
        ' os.waitpid(process, 0)'
    )
    subprocess.run([sys.executable, '-c', code], cwd=ROOT, check=True)


@on_linux
def test_reserved_memory_is_not_much_more_than_the_peak_in_use():
    cache = CachingAllocator(1024 * MIB)
    arrays = [cache.allocate(4 * MIB) for _ in range(40)]
    for number, array in enumerate(arrays):
        array[:] = number
    del arrays[::2], array  # gaps that nothing larger fits in
    assert cache.reserved() == 160 * MIB
    large = cache.allocate(60 * MIB)
    assert cache.peak_allocated == 160 * MIB
    assert cache.reserved() == 176 * MIB
    large[:] = 7
    assert [int(array[0]) for array in arrays] == list(range(1, 40, 2))
    del large
    assert cache.reserved() == 176 * MIB, 'kept for the next'


@pytest.mark.parametrize('size', [3, 300])
def test_large_empty_like_has_the_layout_and_dtype_of_others(size):
    rows = torch.zeros(1, 5, 2, 2, dtype=torch.float64)
    for like in (rows, rows.contiguous(memory_format=torch.channels_last)):
        tensor = large_empty_like(like, (1, 7, size, size + 1), CPU)
        assert tensor.shape == (1, 7, size, size + 1)
        assert tensor.dtype == torch.float64
        assert tensor.is_contiguous() == like.is_contiguous()
        assert tensor.permute(0, 2, 3, 1).is_contiguous() != like.is_contiguous()
        assert (tensor.fill_(2) == 2).all()


@pytest.mark.parametrize('side', [1, 20, 600])
@pytest.mark.parametrize('layout', [torch.contiguous_format, torch.channels_last])
def test_pooled_tensors_do_not_share_elements(side, layout):
    like = torch.zeros(1, 3, side, side).contiguous(memory_format=layout)
    tensors = [pooled_empty_like(like).fill_(number) for number in range(5)]
    for number, tensor in enumerate(tensors):
        assert tensor.shape == like.shape
        assert tensor.is_contiguous(memory_format=layout)
        assert (tensor == number).all()
