"""Memory: of the flag -memory, of what the process has, of what is free."""

import contextlib
import math
import re
from collections.abc import Iterator
from pathlib import Path

import torch

from neural_style.memory import heap

# What Linux tells.
PROCESSES, GROUPS = Path('/proc'), Path('/sys/fs/cgroup')
# Addresses that allocators take beside what is touched.
RESERVED_ADDRESS_SPACE = 320 << 20
UNITS = {'': 0, 'k': 10, 'm': 20, 'g': 30, 't': 40}


def parse_memory(memory: str) -> int:
    """Bytes of 4G, 500M, 1.5GiB or a plain number; ValueError for what is none."""
    match = re.fullmatch(r'\s*([0-9]*\.?[0-9]+)\s*([kmgt]?)(?:i?b)?\s*', memory, re.IGNORECASE)
    if match is None or float(match[1]) <= 0:
        raise ValueError(f'-memory {memory}: give bytes, such as 4G or 500M')
    return int(float(match[1]) * 2 ** UNITS[match[2].lower()])


def written(size: float) -> str:
    """Bytes as people write them."""
    if not math.isfinite(size):
        return 'unlimited'
    return f'{size / 2**30:.2f}G' if size >= 2**30 else f'{size / 2**20:.0f}M'


def used_memory(device: torch.device) -> int:
    """Bytes that the process has in use, on a GPU those of tensors."""
    if device.type == 'cuda':
        return torch.cuda.memory_allocated(device)
    return heap.used()


def free_memory(device: torch.device, processes: int = 1) -> float:
    """Bytes that the process may come to without others' help: what is free and what it has.

    processes: how many share what is free of the host's memory.  math.inf where nobody can tell.
    """
    if device.type == 'cuda':
        return torch.cuda.mem_get_info(device)[0] + torch.cuda.memory_reserved(device)
    found = [_available(), _address_space(), *_control_groups()]
    return used_memory(device) + min(found) / processes


def _available() -> float:
    try:
        text = (PROCESSES / 'meminfo').read_text()
    except OSError:
        return math.inf
    match = re.search(r'^MemAvailable:\s+(\d+) kB', text, re.MULTILINE)
    return int(match[1]) * 1024 if match else math.inf


def _address_space() -> float:
    """What a limit of the process's addresses leaves (ulimit -v)."""
    with contextlib.suppress(OSError, ValueError, ImportError):
        import resource  # not on Windows

        most, _ = resource.getrlimit(resource.RLIMIT_AS)
        if most != resource.RLIM_INFINITY:
            pages = int((PROCESSES / 'self/statm').read_text().split()[0])
            return max(most - pages * resource.getpagesize() - RESERVED_ADDRESS_SPACE, 0)
    return math.inf


def _control_groups() -> Iterator[float]:
    """What the limits of Linux control groups leave: of containers, mostly."""
    root = GROUPS
    try:
        own = (PROCESSES / 'self/cgroup').read_text().rpartition('0::')[2].splitlines()
    except OSError:
        own = []
    places = [root / own[0].lstrip('/')] if own else []
    names = [('memory.max', 'memory.current')] * len(places)
    places += [root, root / 'memory']
    names += [('memory.max', 'memory.current')]
    names += [('memory.limit_in_bytes', 'memory.usage_in_bytes')]
    for place, (most, used) in zip(places, names, strict=True):
        try:
            left = int((place / most).read_text()) - int((place / used).read_text())
            match = re.search(r'^inactive_file (\d+)$', (place / 'memory.stat').read_text(), re.M)
        except (OSError, ValueError):  # no such group, or no limit
            continue
        yield left + (int(match[1]) if match else 0)  # files in the cache give way
