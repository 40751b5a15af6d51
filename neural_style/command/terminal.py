"""Terminal output: lines around a progress bar, and the libraries' log."""

import contextlib
import logging
import os
import re
import sys
from collections.abc import Iterator
from typing import TextIO

from tqdm import tqdm

from neural_style.command.flags import command_line

PROGRAM = 'neural_style'
LOGGERS = ('loadcaffe', 'neural_style')
FLAG_NAMES = frozenset(command_line().defaults())


def open_streams() -> None:
    """Open stdout and stderr on /dev/null where the shell has closed them (>&-)."""
    for name in ('stdout', 'stderr'):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, 'w'))  # noqa: SIM115


def warn(text: str, program: str = PROGRAM) -> None:
    """Print a message on stderr, behind the name of the program that speaks."""
    write(f'{program}: {text}', sys.stderr)


def print_line(text: str) -> None:
    """Print a line on stdout as th does, which ends every print with a tab."""
    write(text + '\t', sys.stdout)


def write(text: str, stream: TextIO, end: str = '\n') -> None:
    """Write text around a progress bar, with settings named as flags.

    A run continues after the reader of a pipe has gone, and when the disk under a log is full.
    """
    try:
        tqdm.write(with_flags(text), file=stream, end=end)
        stream.flush()
    except OSError as error:
        redirect_to_null(stream)
        if stream is sys.stdout and not isinstance(error, BrokenPipeError):
            warn(f'stdout: {error.strerror}; continuing without it')


def with_flags(text: str) -> str:
    """Write the settings that a message names in backquotes as flags: `gpu` becomes -gpu."""

    def flag(match: re.Match) -> str:
        return f'-{match[1]}' if match[1] in FLAG_NAMES else match[0]

    return re.sub(r'`(\w+)`', flag, text)


def redirect_to_null(stream: TextIO) -> None:
    """Redirect stdout or stderr to /dev/null: its reader is gone (| head), or its disk is full."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, stream.fileno())
    os.close(null)


def progress_bar(num_iterations: float, hidden: bool = False) -> tqdm:
    """Return a bar that is shown on stderr when that is a terminal, and not hidden."""
    return tqdm(
        total=max(int(num_iterations), 1),
        disable=hidden or not sys.stderr.isatty(),
        unit='it',
        file=sys.stderr,
    )


class LogHandler(logging.Handler):
    """Print what the libraries log: the original's lines on stdout, warnings on stderr."""

    def __init__(self, program: str = PROGRAM):
        super().__init__()
        self.program = program

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if record.levelno >= logging.WARNING:
            warn(text, self.program)
        elif record.name.startswith('loadcaffe') or '\n' in text:
            # loadcaffe prints from C++, and th prints a network, without the tab.
            write(text, sys.stdout)
        else:
            print_line(text)


@contextlib.contextmanager
def log_printed(level: int = logging.INFO, program: str = PROGRAM) -> Iterator[None]:
    """Print what the libraries log, from a level up, for the time of one run."""
    handler = LogHandler(program)
    loggers = [logging.getLogger(name) for name in LOGGERS]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(level)
        logger.addHandler(handler)
    try:
        yield
    finally:
        for logger, former_level in zip(loggers, levels, strict=True):
            logger.setLevel(former_level)
            logger.removeHandler(handler)
