"""The command neural_style-train: a network that paints in one style, or several, at once."""

import contextlib
import functools
import logging
import os
import sys

from neural_style.command.parsing import parse_flags
from neural_style.command.process import exit_status
from neural_style.command.signals import Interruption
from neural_style.command.terminal import log_printed, open_streams, write
from neural_style.distributed import destroy_world, init_world
from neural_style.memory.heap import configure_malloc
from neural_style.modes import default_modes
from neural_style.torch7.cmdline import HelpRequested
from neural_style.train.flags import PROGRAM, command_line
from neural_style.train.session import run

OUT_OF_MEMORY = 'give a smaller -image_size, -batch_size or -width'


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns its exit status.  argv: without the program's name."""
    argv = sys.argv[1:] if argv is None else argv
    with open_streams(), default_modes():
        return exit_status(functools.partial(run_command, argv), PROGRAM, OUT_OF_MEMORY)


def run_command(argv: list[str]) -> int:
    """Run a command line, in this process, or in one of those that torchrun has started."""
    cmd = command_line()
    try:
        arguments = parse_flags(cmd, argv, PROGRAM)
    except HelpRequested:
        write(cmd.help_text(PROGRAM), sys.stdout, end='')
        return 0
    configure_malloc()
    world = init_world()
    program = PROGRAM if world.rank == 0 else f'{PROGRAM}: process {world.rank + 1}'
    with contextlib.ExitStack() as stack:
        stack.callback(destroy_world, world)
        stack.enter_context(log_printed(logging.WARNING, program))
        if world.rank > 0:
            null = stack.enter_context(open(os.devnull, 'w'))
            stack.enter_context(contextlib.redirect_stdout(null))
        interruption = stack.enter_context(Interruption())
        action = functools.partial(run, arguments, world, interruption)
        return exit_status(lambda: action() or 0, program, OUT_OF_MEMORY, rank=world.rank)


if __name__ == '__main__':
    sys.exit(main())
