"""Ends of a run that are not its own: signals, a disk that refuses, lost numbers, no memory."""

import contextlib
import functools
import itertools
import math
import os
import shlex
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import torch

from neural_style.command import checkpoint as checkpoints
from neural_style.command.input_files import InputChecksums
from neural_style.distributed import SINGLE_PROCESS, World
from neural_style.memory import limits as memory
from neural_style.planning.planner import Plan
from neural_style.transfer.checkpoint import Checkpoint

# PyTorch, oneDNN, and Python where there is no memory for the exception either.
OUT_OF_MEMORY = (
    "can't allocate memory",
    'could not create a memory object',
    'could not create a primitive',
    'error return without exception set',
)
# The share of the pixels that did not fit which should, where that was not foreseen.
SMALLER = 0.64


class Interrupted(KeyboardInterrupt):
    """The end of a run by a signal."""

    def __init__(self, text: str, number: int):
        super().__init__(text)
        self.status = 128 + number


class Interruption:
    """What SIGINT (Ctrl-C) and SIGTERM do to a run.

    Until gentle is set they end it: Interrupted is raised.  Then they are only noted, in signal.
    A second one ends the process at once.
    """

    def __init__(self) -> None:
        self.gentle = False
        self.signal = 0
        self._former: dict[int, Any] = {}

    def __enter__(self) -> 'Interruption':
        # other threads may not set handlers, and nohup's SIG_IGN is to stay
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                if signal.getsignal(number) is not signal.SIG_IGN:
                    self._former[number] = signal.signal(number, self._receive)
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._former.items():
            signal.signal(number, handler)

    def _receive(self, number: int, frame: object) -> None:
        self.signal = number
        for each in self._former:
            signal.signal(each, signal.SIG_DFL)
        if not self.gentle:
            raise Interrupted('interrupted before the first iteration; nothing to save', number)
        with contextlib.suppress(OSError):  # print might be at work already
            os.write(2, b'\nneural_style: ending after this iteration; once more ends at once\n')


def save_final(path: str, write: Callable[[str], None]) -> None:
    """Save the picture; where the disk refuses, save it in another place, and raise OSError."""
    try:
        write(path)
    except OSError as error:
        place = write_elsewhere(path, write)
        where = 'and not elsewhere either' if place is None else f'the picture is in {place}'
        raise OSError(f'{error}; {where}') from error


def save_or_report(path: str, write: Callable[[str], None]) -> str:
    """Save the picture under the output name, as well as may be; says where it is."""
    try:
        save_final(path, write)
    except OSError as error:
        return str(error)
    return f'the picture is in {path}'


def write_elsewhere(path: str, write: Callable[[str], None]) -> str | None:
    """Write in the current or the temporary directory, over no other file: the path, or None."""
    for folder in (os.getcwd, tempfile.gettempdir):
        with contextlib.suppress(OSError):
            place = free_name(os.path.join(folder(), os.path.basename(path)))
            write(place)
            return place
    return None


def free_name(path: str) -> str:
    """A path that is not there: this one, or with a number behind its stem."""
    stem, extension = os.path.splitext(path)
    names = (f'{stem}{number or ""}{extension}' for number in itertools.count())
    return next(name for name in names if not os.path.lexists(name))


def save_resume_point(
    params: SimpleNamespace,
    sums: InputChecksums,
    checkpoint: Checkpoint,
    world: World = SINGLE_PROCESS,
) -> str:
    """Write the state of a run that is to end, as well as may be; says how to go on."""
    path: str | None
    path = params.checkpoint or os.path.splitext(params.output_image)[0] + '.checkpoint'
    begun_with = params.resume != '' and os.path.realpath(params.resume) == os.path.realpath(path)
    if params.checkpoint == '' and world.size == 1 and not begun_with:
        path = free_name(path)
    write = functools.partial(
        checkpoints.write, params=params, sums=sums.by_flag(), checkpoint=checkpoint, world=world
    )
    try:
        write(path)
    except OSError as error:
        path = write_elsewhere(path, write)
        if path is None:
            return str(error)
    command = shlex.join([*program(), '-resume', path])
    return f'the state is in {path}; go on with: {command}'


def program() -> list[str]:
    """What a shell calls this program."""
    path = sys.argv[0]
    if path.endswith('.py'):
        return [os.path.basename(sys.executable), path]
    name = os.path.basename(path)
    return [name if shutil.which(name) else path]


def likely_cause(params: SimpleNamespace) -> str:
    """Why numbers are lost, and what to do about it."""
    if params.precision == 'fp16':
        return 'float16 ends at 65504: give -precision bf16 or fp32, or smaller weights'
    if params.optimizer == 'adam':
        return f'-learning_rate {params.learning_rate:g} or the weights are too large'
    return 'a step of L-BFGS went too far: give -lbfgs_max_step 10, or smaller weights'


def out_of_memory(error: Exception) -> bool:
    """Whether Python, the CPU allocator of PyTorch, oneDNN or a GPU ran out of memory."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or any(
        text in str(error) for text in OUT_OF_MEMORY
    )


def too_large(
    params: SimpleNamespace, size: tuple[int, int], plan: Plan | None, device: torch.device
) -> str:
    """What to say when memory is out.  size: (H, W) of the image."""
    height, width = size
    share = SMALLER
    text = f'out of memory at {width} x {height}'
    if plan is not None:
        free = memory.free_memory(device)
        share = min(share, free / plan.peak)
        text += f', with {memory.written(plan.peak)} predicted and {memory.written(free)} to be had'
    fits = int(max(height, width) * math.sqrt(share)) // 8 * 8
    text += f': -image_size {fits} should fit' if fits >= 8 else ': too little for any size'
    if params.optimizer == 'lbfgs':
        text += '; -optimizer adam and a small -lbfgs_num_correction need less'
    return text
