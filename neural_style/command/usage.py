"""Command lines that ask for no run: help, usage errors, the list of presets.

Nothing here imports PyTorch, so that they are answered at once.
"""

import os
import sys

from neural_style.command.flags import command_line
from neural_style.command.presets import list_presets
from neural_style.command.slips import hint
from neural_style.command.terminal import print_line, write
from neural_style.torch7.cmdline import CommandLineError, HelpRequested


def answer(argv: list[str]) -> int | None:
    """Answer a command line that asks for no run; returns the exit status, or None for a run.

    argv: without the program's name.
    """
    try:
        explicit = command_line().parse_explicit(argv)
    except HelpRequested:
        print_help()
        return 0
    except CommandLineError as error:
        print_usage(error)
        return 1
    if explicit.get('preset') == 'list':
        list_presets()
        return 0
    return None


def print_help() -> None:
    """Print the original's flags on stdout, as the original does, and the others on stderr."""
    cmd = command_line()
    write(cmd.help_text(os.path.basename(sys.argv[0])), sys.stdout, end='')
    write('Options that the original does not have:', sys.stderr)
    write(cmd.help_text(None, extensions=True), sys.stderr, end='')


def print_usage(error: CommandLineError) -> None:
    """Print the original's flags on stdout, as the original does, and the error below them."""
    print_line('')
    print_line('')
    cmd = command_line()
    write(cmd.help_text(None), sys.stdout, end='')
    remedy = hint(error, cmd.defaults()) or 'see -help'
    write(f'{error}; {remedy}', sys.stderr)
