"""The processes that share a run, on one machine or several: torch.distributed."""

import contextlib
import hashlib
import importlib
import math
import os
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

GRACE = 20  # seconds that processes may run on when another has failed

# A folder of the processes that launch has started, and how long the first may take to fail too.
MESSAGES, PATIENCE = 'NEURAL_STYLE_MESSAGES', 1.0

Rows = tuple[int, int]  # of a feature map, the second excluded


class RankLostError(ConnectionError):
    """Another process of the run has ended, or cannot be reached."""


class World:
    """Connects the processes that share a run.

    rank: the number of this process, from 0.
    size: how many there are.  With one, nothing is sent.
    local_rank, local_world_size: the same among the processes on this machine.
    group: for max, a group of all of them; by default, as for the others, torch.distributed's
    default group, which must have been made.  All
    processes call every method but shard alike.  Raises RankLostError if one is gone.
    """

    def __init__(
        self,
        rank: int = 0,
        size: int = 1,
        local_rank: int = 0,
        local_world_size: int = 1,
        group: Any = None,
    ):
        self.rank = rank
        self.size = size
        self.local_rank = local_rank
        self.local_world_size = local_world_size
        self._group = group

    def all_reduce(self, tensor: Tensor) -> Tensor:
        """Sum every process's tensor, in place."""
        if self.size > 1:
            _guarded(dist.all_reduce, tensor)
        return tensor

    def max(self, number: int) -> int:
        """Return the largest of every process's number."""
        if self.size == 1:
            return number
        tensor = torch.tensor(number)
        _guarded(dist.all_reduce, tensor, dist.ReduceOp.MAX, self._group)
        return int(tensor)

    def broadcast(self, value: Any) -> Any:
        """Return process 0's value: a tensor, written over the others', or a small object."""
        if self.size == 1:
            return value
        if isinstance(value, Tensor):
            value = value.contiguous()
            _guarded(dist.broadcast, value, 0)
            return value
        objects = [value]
        _guarded(dist.broadcast_object_list, objects, 0)
        return objects[0]

    def shard(self, tensor: Tensor) -> Tensor:
        """Return this process's shard of a tensor, flat, with zeros at the end of the last ones.

        A single process gets the tensor itself.
        """
        if self.size == 1:
            return tensor
        length = -(-tensor.numel() // self.size)
        shard = tensor.reshape(-1)[self.rank * length : (self.rank + 1) * length]
        return torch.cat((shard, shard.new_zeros(length - len(shard))))

    def all_gather(self, shard: Tensor, shape: Sequence[int]) -> Tensor:
        """Join every process's shard to a tensor of a shape."""
        if self.size == 1:
            return shard
        tensor = shard.new_empty(self.size * len(shard))
        _guarded(dist.all_gather, list(tensor.split(len(shard))), shard)
        return tensor[: torch.Size(shape).numel()].view(*shape)

    def exchange_halos(
        self, rows: Tensor, first: int, owned: Sequence[Rows], required: Sequence[Rows]
    ) -> None:
        """Fill in rows that other processes own.

        rows: (1, C, H, W), the rows of a feature map from number `first` on.
        owned: the rows that each process has calculated.  required: those that each needs.
        """
        for position, message in self._exchange(rows, first, owned, required):
            rows[..., position, :] = message

    def reduce_halos(
        self, rows: Tensor, first: int, owned: Sequence[Rows], required: Sequence[Rows]
    ) -> None:
        """Run the backward pass of exchange_halos: add other processes' rows to those owned."""
        for position, message in self._exchange(rows, first, required, owned):
            rows[..., position, :] += message

    def _exchange(
        self, rows: Tensor, first: int, sent: Sequence[Rows], received: Sequence[Rows]
    ) -> list[tuple[slice, Tensor]]:
        """Send rows to other processes and receive theirs.

        Returns their positions in rows, and what has arrived for them.
        """
        pending, arriving = [], []
        for other in range(self.size):
            if other == self.rank:
                continue
            if position := _intersection(sent[self.rank], received[other], first):
                message = rows[..., position, :].contiguous()
                pending.append(dist.P2POp(dist.isend, message.view(torch.uint8), other))
            if position := _intersection(sent[other], received[self.rank], first):
                message = torch.empty_like(
                    rows[..., position, :], memory_format=torch.contiguous_format
                )
                pending.append(dist.P2POp(dist.irecv, message.view(torch.uint8), other))
                arriving.append((position, message))
        if pending:
            for work in _guarded(dist.batch_isend_irecv, pending):
                _guarded(work.wait)
        return arriving


SINGLE_PROCESS = World()


def init_world(patience: timedelta | None = None) -> World:
    """Join the processes that torchrun or launch has started; without any, return this one.

    patience: how long World.max waits for the others; half an hour by default.
    Raises ValueError if they cannot be reached.
    """
    if int(os.environ.get('WORLD_SIZE', 1)) == 1:
        return SINGLE_PROCESS
    # Its functions have the group as the default of an argument if they are imported once there is
    # one, as torch.optim does: the group would outlive destroy_world, and its threads abort the
    # process at its end, now and then.
    importlib.import_module('torch.distributed.nn')
    try:
        dist.init_process_group('cpu:gloo,cuda:nccl' if torch.cuda.is_available() else 'gloo')
        group = None if patience is None else dist.new_group(timeout=patience)
    except (RuntimeError, ValueError) as error:
        raise ValueError(f'cannot join the other processes: {error}') from error
    local_rank, local_world_size = (
        int(os.environ.get(name, default))
        for name, default in (('LOCAL_RANK', 0), ('LOCAL_WORLD_SIZE', 1))
    )
    return World(dist.get_rank(), dist.get_world_size(), local_rank, local_world_size, group)


def destroy_world(world: World) -> None:
    """Leave the processes that init_world has joined."""
    if world.size > 1:
        dist.destroy_process_group()


def launch(command: Sequence[str], count: int) -> int:
    """Run a command in `count` processes on this machine, which init_world then joins.

    Returns the first status that is not 0.  When a process fails, the others get GRACE seconds to
    report it.
    """
    processes: list[subprocess.Popen] = []

    def pass_on(number: int, frame: Any) -> None:
        for process in processes:
            process.send_signal(number)

    # A terminal's Ctrl-C reaches them as it is, and the death of a terminal as well as its notice.
    handlers: dict[str, Callable] = {'SIGINT': lambda number, frame: None}
    handlers |= dict.fromkeys(('SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'), pass_on)
    with _handled(handlers), tempfile.TemporaryDirectory() as messages:
        try:
            for environment in _environments(count):
                environment[MESSAGES] = messages
                processes.append(subprocess.Popen(command, env=environment))
            status = _wait(processes)
            return status if status >= 0 else 128 - status  # of a signal, as a shell has it
        finally:
            for process in processes:
                process.terminate()  # where an exception ends the wait; else they have ended


def is_first_to_say(text: str, rank: int) -> bool:
    """Tell whether no other of the processes that launch has started has said a text.

    Most errors meet all of them.  The others give the first one time to say it.
    """
    folder = os.environ.get(MESSAGES, '')
    if folder == '':
        return True
    if rank:
        time.sleep(PATIENCE)
    name = hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()
    try:
        with open(os.path.join(folder, name), 'x'):
            return True
    except FileExistsError:
        return False
    except OSError:  # a full disk
        return True


@contextlib.contextmanager
def _handled(handlers: Mapping[str, Callable]) -> Iterator[None]:
    """Handle signals that are not ignored, in the main thread: others may not set handlers."""
    former: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        for name, handler in handlers.items():
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) not in (signal.SIG_IGN, None):
                former[number] = signal.signal(number, handler)
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def _environments(count: int) -> list[dict[str, str]]:
    """Return the environments of torchrun for processes on this machine."""
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = probe.getsockname()[1]
    settings = {'MASTER_ADDR': '127.0.0.1', 'MASTER_PORT': port, 'WORLD_SIZE': count}
    settings['LOCAL_WORLD_SIZE'] = count
    if 'OMP_NUM_THREADS' not in os.environ:
        settings['OMP_NUM_THREADS'] = max(1, (os.cpu_count() or 1) // count)
    return [
        os.environ
        | {key: str(value) for key, value in settings.items()}
        | {'RANK': str(rank), 'LOCAL_RANK': str(rank)}
        for rank in range(count)
    ]


def _wait(processes: Sequence[subprocess.Popen]) -> int:
    """Wait until all have ended, and kill those that go on long after another has failed.

    Returns the first status that is not 0.
    """
    status, deadline = 0, math.inf
    while any(process.poll() is None for process in processes):
        failed = [process.returncode for process in processes if process.poll()]
        if failed and deadline == math.inf:
            status, deadline = failed[0], time.monotonic() + GRACE
        if time.monotonic() > deadline:
            for process in processes:
                process.kill()
        time.sleep(0.05)
    return status or next((p.returncode for p in processes if p.returncode), 0)


def _intersection(a: Rows, b: Rows, first: int) -> slice | None:
    """Return the rows that are in both, counted from `first` on; None if there is none."""
    start, stop = max(a[0], b[0]), min(a[1], b[1])
    return slice(start - first, stop - first) if start < stop else None


def _guarded(call: Callable, *arguments: Any) -> Any:
    """Call a function of torch.distributed; its failure is a lost rank."""
    try:
        return call(*arguments)
    except RuntimeError as error:
        raise RankLostError(
            'another process of this run has ended, or its machine cannot be reached'
        ) from error
