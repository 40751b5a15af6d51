"""What the command writes on the terminal: lines around a progress bar, and what libraries log."""

import contextlib
import logging
import os
import re
import sys
from typing import TextIO

from tqdm import tqdm

LOGGERS = ('loadcaffe', 'neural_style')


def open_streams() -> None:
    """Have an stdout and an stderr, also where the shell has closed them (>&-)."""
    for name in ('stdout', 'stderr'):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, 'w'))  # noqa: SIM115


def warn(text: str, name: str = 'neural_style') -> None:
    """Print on stderr, around a progress bar.  name: who speaks.  Settings are named as flags."""
    put(f'{name}: {with_flags(text)}', sys.stderr)


def with_flags(text: str) -> str:
    """Write the settings that a message names in backquotes as flags: `gpu` becomes -gpu."""
    return re.sub(r'`(\w+)`', r'-\1', text)


def say(text: str) -> None:
    """Print as th does, which ends every print with a tab, around a progress bar."""
    put(text + '\t', sys.stdout)


def put(text: str, stream: TextIO, end: str = '\n') -> None:
    """Print text around a progress bar.  A run goes on where nobody reads (any more)."""
    try:
        tqdm.write(text, file=stream, end=end)
        stream.flush()
    except OSError as error:  # a full disk under a log is no end either
        redirect_to_null(stream)
        if stream is sys.stdout and not isinstance(error, BrokenPipeError):
            warn(f'stdout: {error.strerror}; going on without it')


def redirect_to_null(stream: TextIO) -> None:
    """Let go nowhere what comes after a pipe's reader has gone, as `head` does, or a disk is full.

    stream: stdout or stderr.
    """
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def progress_bar(num_iterations: float, hidden: bool = False) -> tqdm:
    """A bar on stderr when that is a terminal, nothing otherwise, nor when hidden."""
    return tqdm(
        total=max(int(num_iterations), 1),
        disable=hidden or not sys.stderr.isatty(),
        unit='it',
        file=sys.stderr,
    )


class Terminal(logging.Handler):
    """What the libraries log: the original's lines on stdout, warnings on stderr."""

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if record.levelno >= logging.WARNING:
            warn(text)
        elif record.name.startswith('loadcaffe') or '\n' in text:
            # loadcaffe prints from C++, and th prints a network, without the tab.
            put(text, sys.stdout)
        else:
            say(text)


@contextlib.contextmanager
def terminal(handler: logging.Handler | None = None, level: int = logging.INFO):
    """Let the libraries' messages of a level through to a handler for one run."""
    handler = handler or Terminal()
    loggers = [logging.getLogger(name) for name in LOGGERS]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(level)
        logger.addHandler(handler)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
            logger.removeHandler(handler)
