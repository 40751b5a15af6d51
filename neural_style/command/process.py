"""The process: streams, ranks, exit status."""

import contextlib
import functools
import importlib.resources
import logging
import os
import sys
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from neural_style.command.arguments import Arguments
from neural_style.command.batch import batch_jobs, is_batch, run_batch
from neural_style.command.clips import check_scenes, is_clip
from neural_style.command.input_files import locate_inputs
from neural_style.command.parsing import parse_arguments
from neural_style.command.preview_server import preview_page
from neural_style.command.report import DryRun
from neural_style.command.run import run
from neural_style.command.signals import Interrupted, Interruption
from neural_style.command.terminal import (
    PROGRAM,
    log_printed,
    open_streams,
    warn,
    write,
)
from neural_style.command.usage import answer, print_help, print_usage
from neural_style.command.video import run_video, with_devices
from neural_style.distributed import (
    RankLostError,
    World,
    destroy_world,
    init_world,
    is_first_to_say,
    launch,
)
from neural_style.memory.exhaustion import is_out_of_memory
from neural_style.memory.heap import configure_malloc
from neural_style.modes import default_modes
from neural_style.network.devices import check_shared, parse_gpus
from neural_style.torch7.cmdline import CommandLineError, HelpRequested

PATIENCE = timedelta(days=365)  # processes that paint scenes wait for the slowest of them


def main(argv: Sequence[Any] | None = None) -> int:
    """Run the command; returns its exit status.  argv: without the program's name."""
    if isinstance(argv, str):
        raise TypeError('`argv`: give a list of flags and values, and no text')
    argv = sys.argv[1:] if argv is None else list(map(str, argv))  # numbers and paths among them
    with open_streams(), default_modes():
        return exit_status(functools.partial(run_command, argv))


def exit_status(
    action: Callable[[], int],
    program: str = PROGRAM,
    out_of_memory: str = 'give a smaller -image_size, or -optimizer adam, which uses less',
    interrupted: str = 'interrupted',
    rank: int = 0,
) -> int:
    """Run an action; returns its exit status, or that of its error, after a message.

    program: whose messages these are.  out_of_memory: the remedy.  interrupted: what to say of a
    Ctrl-C that the action does not handle.  rank: of the process, where several share a run.
    """
    try:
        return action()
    except Interrupted as error:
        warn(str(error), program)
        error.pass_on()
        return error.status
    except (ValueError, OSError) as error:
        if is_first_to_say(str(error), rank):
            warn(str(error), program)
        return 1
    except (MemoryError, RuntimeError, SystemError) as error:
        if not is_out_of_memory(error):
            raise
        warn(f'out of memory: {out_of_memory}', program)
        return 1
    except KeyboardInterrupt:
        warn(interrupted, program)
        return 130


def run_command(argv: list[str]) -> int:
    """Run a command line, in this process or in several."""
    status = answer(argv)
    if status is not None:
        return status
    try:
        arguments = parse_arguments(argv)
    except HelpRequested:  # by a preset
        print_help()
        return 0
    except CommandLineError as error:  # in a preset, or in a recipe
        print_usage(error)
        return 1
    arguments = with_devices(arguments)
    check_scenes(arguments)
    if arguments.parallel in ('tiles', 'scenes') and 'WORLD_SIZE' not in os.environ:
        gpus = parse_gpus(arguments.gpu)
        check_shared(gpus, arguments.backend)
        return launch([*starter(), *argv], len(gpus))
    world = init_world(PATIENCE if arguments.parallel == 'scenes' else None)
    configure_malloc()
    action = functools.partial(run_in_world, arguments, world)
    if world.rank == 0:
        return exit_status(action)
    program = f'{PROGRAM}: process {world.rank + 1} of {world.size}'
    with open(os.devnull, 'w') as null, contextlib.redirect_stdout(null):
        return exit_status(action, program, rank=world.rank)  # the first process speaks for all


def starter() -> list[str]:
    """Return a command that starts this copy of the program, wherever it was imported from."""
    if os.path.basename(sys.argv[0]) == 'neural_style.py':
        return [sys.executable, sys.argv[0]]
    folder = os.path.dirname(str(importlib.resources.files('neural_style')))
    code = (
        f'import runpy, sys; folder = {folder!r}; folder in sys.path or sys.path.insert(0, folder);'
        ' runpy.run_module("neural_style", run_name="__main__", alter_sys=True)'
    )
    return [sys.executable, '-c', code]


def run_in_world(arguments: Arguments, world: World) -> int:
    """Make the picture, or the pictures, as one of the processes that share the work."""
    try:
        status = run_jobs(arguments, world)
    except DryRun as plan:
        if world.rank == 0:
            write(str(plan), sys.stdout)
        status = 0
    except Interrupted as error:
        if world.rank == 0:
            raise
        return error.status
    except RankLostError as error:
        if arguments.checkpoint == '':
            raise
        raise RankLostError(
            f'{error}; continue from the last checkpoint, if there is one, with -resume'
            f' {arguments.checkpoint}'
        ) from error
    destroy_world(world)
    return status


def run_jobs(arguments: Arguments, world: World) -> int:
    """Run one job or a batch; returns the exit status."""
    arguments, remarks = locate_inputs(arguments)
    for remark in remarks if world.rank == 0 else []:
        warn(remark)
    is_video = is_clip(arguments)
    jobs = batch_jobs(arguments, world) if is_batch(arguments) and not is_video else None
    page = contextlib.nullcontext(arguments) if is_video else preview_page(arguments, world)
    level = logging.WARNING if arguments.dry_run else logging.INFO  # a dry run shows its plan alone
    if world.rank and jobs is None:
        level = logging.ERROR
    with (
        log_printed(level),
        Interruption() as interruption,
        page as arguments,
    ):
        if is_video:
            run_video(arguments, interruption, world)
            return 0
        if jobs is None:
            picture = run(arguments, interruption, world)
            if picture is not None:
                warn(picture.remark())
            return 0
        return run_batch(arguments, jobs, interruption, world)
