"""Memory limits: sizes as people write them, the process's usage, what is free."""

import contextlib
import math
import os
import re
from collections.abc import Iterator
from pathlib import Path

import torch

from neural_style.errors import SettingError
from neural_style.memory import heap

# Where Linux tells.
PROCESSES, GROUPS = Path('/proc'), Path('/sys/fs/cgroup')
# Address space that libraries and gaps between tensors take beside what is resident.
RESERVED_ADDRESS_SPACE = 288 << 20
UNITS = {'': 0, 'k': 10, 'm': 20, 'g': 30, 't': 40}


def parse_memory(memory: str) -> int:
    """Return the bytes of 4G, 500M, 1.5GiB or a plain number.  Raises SettingError for others."""
    match = re.fullmatch(r'\s*([0-9]*\.?[0-9]+)\s*([kmgt]?)(?:i?b)?\s*', memory, re.IGNORECASE)
    if match is None or float(match[1]) <= 0:
        raise SettingError('memory', 'give bytes, such as 4G or 500M', memory)
    return int(float(match[1]) * 2 ** UNITS[match[2].lower()])


def format_bytes(size: float) -> str:
    """Write bytes as people do: 1.50G or 500M; 'unlimited' for infinity."""
    if not math.isfinite(size):
        return 'unlimited'
    return f'{size / 2**30:.2f}G' if size >= 2**30 else f'{size / 2**20:.0f}M'


def used_memory(device: torch.device) -> int:
    """Count the bytes that the process uses, on a GPU those of tensors."""
    if device.type == 'cuda':
        return torch.cuda.memory_allocated(device)
    return heap.resident_bytes()


def free_memory(device: torch.device, processes: int = 1) -> float:
    """Count the bytes the process can grow to: its own usage plus what is free.

    processes: how many share what is free of the host's memory.  math.inf where nobody can tell.
    """
    if device.type == 'cuda':
        return torch.cuda.mem_get_info(device)[0] + torch.cuda.memory_reserved(device)
    free = min(_available(), _address_space(), *_control_groups())
    return used_memory(device) + free / processes


def _available() -> float:
    """Count the bytes that Linux has for a new process."""
    try:
        text = (PROCESSES / 'meminfo').read_text()
    except OSError:
        return math.inf
    match = re.search(r'^MemAvailable:\s+(\d+) kB', text, re.MULTILINE)
    return int(match[1]) * 1024 if match else math.inf


def _address_space() -> float:
    """Count the bytes that a limit of the process's addresses leaves (ulimit -v)."""
    limit = heap.address_space_limit()
    if math.isfinite(limit):
        with contextlib.suppress(OSError, ValueError):
            pages = int((PROCESSES / 'self/statm').read_text().split()[0])
            return max(limit - pages * os.sysconf('SC_PAGE_SIZE') - RESERVED_ADDRESS_SPACE, 0)
    return math.inf


def _control_groups() -> Iterator[float]:
    """Yield the bytes that the limits of Linux control groups leave: of containers, mostly."""
    try:
        text = (PROCESSES / 'self/cgroup').read_text()
        own_group = text.rpartition('0::')[2].splitlines()[:1]
    except OSError:
        own_group = []
    folders = [GROUPS / name.lstrip('/') for name in own_group] + [GROUPS]
    files = [(folder, 'memory.max', 'memory.current') for folder in folders]
    files.append((GROUPS / 'memory', 'memory.limit_in_bytes', 'memory.usage_in_bytes'))
    for folder, limit, usage in files:
        try:
            left = int((folder / limit).read_text()) - int((folder / usage).read_text())
            statistics = (folder / 'memory.stat').read_text()
        except (OSError, ValueError):  # no such group, or no limit
            continue
        cached = re.search(r'^inactive_file (\d+)$', statistics, re.MULTILINE)
        yield left + (int(cached[1]) if cached else 0)  # files in the cache give way
