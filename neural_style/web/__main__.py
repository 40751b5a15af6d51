"""The command neural_style-web: a page in the browser to paint on."""

import functools
import sys

from neural_style.command.parsing import parse_flags
from neural_style.command.process import exit_status
from neural_style.command.terminal import open_streams, write
from neural_style.torch7.cmdline import HelpRequested
from neural_style.web.flags import PROGRAM, checked, command_line, with_single_dashes
from neural_style.web.server import serve


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns its exit status.  argv: without the program's name."""
    argv = sys.argv[1:] if argv is None else argv
    with open_streams():
        return exit_status(functools.partial(run_command, argv), PROGRAM, interrupted='ended')


def run_command(argv: list[str]) -> int:
    """Serve the page as flags say."""
    cmd = command_line()
    try:
        arguments = parse_flags(cmd, with_single_dashes(argv), PROGRAM)
    except HelpRequested:
        write(cmd.help_text(PROGRAM), sys.stdout, end='')
        return 0
    serve(checked(arguments))
    return 0


if __name__ == '__main__':
    sys.exit(main())
