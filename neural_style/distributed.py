"""The processes that share a run, on one machine or several: torch.distributed."""

import math
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

GRACE = 20  # seconds that processes may go on when another has failed

Rows = tuple[int, int]  # of a feature map, the second excluded


class RankLostError(ConnectionError):
    """Another process of the run has ended, or cannot be reached."""


class World:
    """This process among those that share a run.

    rank: its number, from 0.  size: how many there are.  With one, nothing is sent.
    local: its number among those on its machine, of which there are as many as neighbours says.
    The others are those of torch.distributed's default group, which must have been made.  Every
    method but share is called by all of them alike.  Raises RankLostError if one is gone.
    """

    def __init__(
        self, rank: int = 0, size: int = 1, local_rank: int = 0, local_world_size: int = 1
    ):
        self.rank = rank
        self.size = size
        self.local_rank = local_rank
        self.local_world_size = local_world_size

    def all_reduce(self, tensor: Tensor) -> Tensor:
        """The sum of every process's tensor, written over it."""
        if self.size > 1:
            _guarded(dist.all_reduce, tensor)
        return tensor

    def max(self, number: int) -> int:
        """The largest of every process's number."""
        if self.size == 1:
            return number
        found = torch.tensor(number)
        _guarded(dist.all_reduce, found, dist.ReduceOp.MAX)
        return int(found)

    def broadcast(self, value: Any) -> Any:
        """What process 0 has: a tensor, written over the others', or something small."""
        if self.size == 1:
            return value
        if isinstance(value, Tensor):
            value = value.contiguous()
            _guarded(dist.broadcast, value, 0)
            return value
        box = [value]
        _guarded(dist.broadcast_object_list, box, 0)
        return box[0]

    def shard(self, whole: Tensor) -> Tensor:
        """This process's part of a tensor, as a vector of its own; ends are filled with zeros.

        Alone, the tensor itself.
        """
        if self.size == 1:
            return whole
        length = -(-whole.numel() // self.size)
        part = whole.reshape(-1)[self.rank * length : (self.rank + 1) * length]
        return torch.cat((part, part.new_zeros(length - len(part))))

    def all_gather(self, part: Tensor, shape: Sequence[int]) -> Tensor:
        """The tensor of the parts that the processes have."""
        if self.size == 1:
            return part
        whole = part.new_empty(self.size * len(part))
        _guarded(dist.all_gather, list(whole.split(len(part))), part)
        return whole[: torch.Size(shape).numel()].view(*shape)

    def exchange_halos(
        self, rows: Tensor, first: int, own: Sequence[Rows], held: Sequence[Rows]
    ) -> None:
        """Fill in rows that other processes own.

        rows: (1, C, H, W), the rows of a feature map from number first on.  own: which of them
        each process has worked out; held: which it needs.
        """
        for place, message in self._exchanged(rows, first, own, held):
            rows[..., place, :] = message

    def reduce_halos(
        self, rows: Tensor, first: int, own: Sequence[Rows], held: Sequence[Rows]
    ) -> None:
        """The way back of spread: add what other processes have of the rows owned here."""
        for place, message in self._exchanged(rows, first, held, own):
            rows[..., place, :] += message

    def _exchanged(
        self, rows: Tensor, first: int, given: Sequence[Rows], taken: Sequence[Rows]
    ) -> list[tuple[slice, Tensor]]:
        """What the others give of the rows that are taken here, and where it belongs in rows."""
        pending, arriving = [], []
        for other in range(self.size):
            if other == self.rank:
                continue
            if place := _common(given[self.rank], taken[other], first):
                message = rows[..., place, :].contiguous()
                pending.append(dist.P2POp(dist.isend, message.view(torch.uint8), other))
            if place := _common(given[other], taken[self.rank], first):
                message = torch.empty_like(
                    rows[..., place, :], memory_format=torch.contiguous_format
                )
                pending.append(dist.P2POp(dist.irecv, message.view(torch.uint8), other))
                arriving.append((place, message))
        if pending:
            for work in _guarded(dist.batch_isend_irecv, pending):
                _guarded(work.wait)
        return arriving


SINGLE_PROCESS = World()


def init_world() -> World:
    """The processes that torchrun or launch has started; this one alone if they have not.

    Raises ValueError if they cannot be reached.
    """
    if int(os.environ.get('WORLD_SIZE', 1)) == 1:
        return SINGLE_PROCESS
    try:
        dist.init_process_group('cpu:gloo,cuda:nccl' if torch.cuda.is_available() else 'gloo')
    except (RuntimeError, ValueError) as error:
        raise ValueError(f'cannot join the other processes: {error}') from error
    local, neighbours = (
        int(os.environ.get(name, default))
        for name, default in (('LOCAL_RANK', 0), ('LOCAL_WORLD_SIZE', 1))
    )
    return World(dist.get_rank(), dist.get_world_size(), local, neighbours)


def destroy_world(world: World) -> None:
    """Undo join."""
    if world.size > 1:
        dist.destroy_process_group()


def launch(words: Sequence[str], count: int) -> int:
    """Run a command in count processes on this machine, which join then finds.

    Returns the first status that is not 0.  When a process fails, the others get a while to say so.
    """
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = probe.getsockname()[1]
    settings = {'MASTER_ADDR': '127.0.0.1', 'MASTER_PORT': port, 'WORLD_SIZE': count}
    if 'OMP_NUM_THREADS' not in os.environ:
        settings['OMP_NUM_THREADS'] = max(1, (os.cpu_count() or 1) // count)
    processes: list[subprocess.Popen] = []

    def pass_on(number: int, frame: Any) -> None:
        for process in processes:
            process.send_signal(number)

    # A terminal's Ctrl-C reaches them as it is.
    former = signal.signal(signal.SIGINT, lambda number, frame: None)
    former_term = signal.signal(signal.SIGTERM, pass_on)
    try:
        for rank in range(count):
            own = settings | {'RANK': rank, 'LOCAL_RANK': rank, 'LOCAL_WORLD_SIZE': count}
            environment = os.environ | {key: str(value) for key, value in own.items()}
            processes.append(subprocess.Popen(words, env=environment))
        status, deadline = 0, math.inf
        while any(process.poll() is None for process in processes):
            failed = [process.returncode for process in processes if process.poll()]
            if failed and deadline == math.inf:
                status, deadline = failed[0], time.monotonic() + GRACE
            if time.monotonic() > deadline:
                for process in processes:
                    process.kill()
            time.sleep(0.05)
        status = status or next((p.returncode for p in processes if p.returncode), 0)
        return status if status >= 0 else 128 - status  # of a signal, as a shell has it
    finally:
        signal.signal(signal.SIGINT, former)
        signal.signal(signal.SIGTERM, former_term)


def _common(a: Rows, b: Rows, first: int) -> slice | None:
    """The rows that are in both, counted from first on; None if there is none."""
    begin, end = max(a[0], b[0]), min(a[1], b[1])
    return slice(begin - first, end - first) if begin < end else None


def _guarded(call: Callable, *words: Any) -> Any:
    try:
        return call(*words)
    except RuntimeError as error:
        raise RankLostError(
            'another process of this run has ended, or its machine cannot be reached'
        ) from error
