"""Clocks, the speed of a convolution, and processes that measure."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from benchmarks.peak import peak_memory

ROOT = Path(__file__).resolve().parents[1]
DTYPES = {'fp32': torch.float32, 'bf16': torch.bfloat16, 'fp16': torch.float16}


def seconds(function: Callable[[], Any], device: torch.device) -> float:
    """Time a call: by the wall clock on a CPU, by events on a GPU."""
    if device.type != 'cuda':
        start = time.perf_counter()
        function()
        return time.perf_counter() - start
    events = [torch.cuda.Event(enable_timing=True) for _ in range(2)]
    torch.cuda.synchronize(device)
    events[0].record()
    function()
    events[1].record()
    events[1].synchronize()
    return events[0].elapsed_time(events[1]) / 1000  # it is in milliseconds


def peak_bytes(device: torch.device) -> int:
    """Return the peak memory: of the process on a CPU, of PyTorch's tensors on a GPU."""
    return torch.cuda.max_memory_allocated(device) if device.type == 'cuda' else peak_memory()


def convolution_speed(precision: str, device: torch.device) -> float:
    """Return the operations per second of a single large convolution, the best of twelve."""
    form = {'dtype': DTYPES[precision], 'memory_format': torch.channels_last, 'device': device}
    x = torch.randn(1, 256, 96, 128).to(**form)
    weight = torch.randn(256, 256, 3, 3).to(**form)
    best = min(
        seconds(lambda: nn.functional.conv2d(x, weight, padding=1), device) for _ in range(12)
    )
    return 2 * 9 * 256 * 256 * 96 * 128 / best


class Worker:
    """A process of its own: a benchmark started with --work and settings, as JSON.

    It answers every line on its stdin with a line of JSON.
    """

    def __init__(self, module: str, **settings: Any):
        command = [sys.executable, '-m', f'benchmarks.{module}', '--work', json.dumps(settings)]
        pipes = {'stdin': subprocess.PIPE, 'stdout': subprocess.PIPE}
        self.process = subprocess.Popen(command, cwd=ROOT, text=True, **pipes)

    def ask(self, question: str) -> Any:
        """Send a line, and wait for the answer."""
        assert self.process.stdin is not None
        self.process.stdin.write(question + '\n')
        self.process.stdin.flush()
        return self.answer()

    def answer(self) -> Any:
        """Wait for an answer.  Raises RuntimeError if the process ends without one."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f'{" ".join(self.process.args[1:])} failed')
        return json.loads(line)

    def limit_memory(self, limit: int) -> bool:
        """Wait for the end of the process; kill it and return False if it needs more bytes."""
        while self.process.poll() is None:
            try:
                pages = int(Path(f'/proc/{self.process.pid}/statm').read_text().split()[1])
            except (OSError, IndexError):
                break
            if pages * os.sysconf('SC_PAGE_SIZE') > limit:
                self.process.kill()
                self.close()
                return False
            time.sleep(0.05)
        return True

    def close(self) -> None:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()
