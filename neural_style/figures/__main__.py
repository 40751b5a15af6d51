"""The command neural_style-figures: one figure of the paper, or one gallery."""

import functools
import logging
import sys

from neural_style.command.parsing import parse_flags
from neural_style.command.process import exit_status
from neural_style.command.terminal import log_printed, open_streams, write
from neural_style.figures.figures import FIGURES, figure_list
from neural_style.figures.flags import command_line
from neural_style.figures.run import PROGRAM, run
from neural_style.memory.heap import configure_malloc
from neural_style.torch7.cmdline import HelpRequested


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns its exit status.  argv: without the program's name."""
    argv = sys.argv[1:] if argv is None else argv
    with open_streams():
        return exit_status(
            functools.partial(run_command, argv),
            PROGRAM,
            out_of_memory='give a smaller -image_size',
            interrupted='interrupted; finished pictures are kept, and the same command continues'
            f' after them: {PROGRAM} {" ".join(argv)}',
        )


def run_command(argv: list[str]) -> int:
    """Run a command line: the name of a figure, then flags."""
    has_name = bool(argv) and not argv[0].startswith('-')
    name, flags = (argv[0], argv[1:]) if has_name else ('', argv)
    if name == 'list':
        write(figure_list(), sys.stdout, end='')
        return 0
    cmd = command_line()
    try:
        arguments = parse_flags(cmd, flags, PROGRAM)
    except HelpRequested:
        usage = cmd.help_text(PROGRAM).replace('[options]', 'FIGURE [options]', 1)
        write(f'{usage}\nFIGURE is one of:\n{figure_list()}', sys.stdout, end='')
        return 0
    if name not in FIGURES:
        problem = f'{name}: no such figure' if name else 'name a figure first'
        raise ValueError(f'{problem}; there are {", ".join(FIGURES)} ({PROGRAM} list)')
    configure_malloc()
    with log_printed(logging.WARNING, PROGRAM):
        run(name, arguments)
    return 0


if __name__ == '__main__':
    sys.exit(main())
