"""Terminal output: lines around a progress bar, and the libraries' log."""

import contextlib
import errno
import logging
import os
import re
import sys
from collections.abc import Iterator
from typing import TextIO

from tqdm import tqdm

from neural_style.command.flags import command_line
from neural_style.logs import log_level

PROGRAM = 'neural_style'
FLAG_NAMES = frozenset(command_line().defaults())


@contextlib.contextmanager
def open_streams() -> Iterator[None]:
    """Open stdout and stderr on /dev/null where there are none, for the time of a command.

    A shell may have closed them (>&-), and programs without a console have none.
    """
    with open(os.devnull, 'w', encoding='utf-8') as null, contextlib.ExitStack() as stack:
        if sys.stdout is None:
            stack.enter_context(contextlib.redirect_stdout(null))
        if sys.stderr is None:
            stack.enter_context(contextlib.redirect_stderr(null))
        yield


def warn(text: str, program: str = PROGRAM) -> None:
    """Print a message on stderr, behind the name of the program that speaks."""
    write(f'{program}: {text}', sys.stderr)


def print_line(text: str) -> None:
    """Print a line on stdout as th does, which ends every print with a tab."""
    write(text + '\t', sys.stdout)


def write(text: str, stream: TextIO, end: str = '\n') -> None:
    """Write text around a progress bar, with settings named as flags.

    Characters that the stream's encoding lacks are escaped.  Nothing that fails here ends a run: it
    continues after the reader of a pipe has gone, after the terminal has, when the disk under a log
    is full, and when a program around it has put an object of its own in the stream's place.
    """
    text = with_flags(text)
    try:
        try:
            tqdm.write(text, file=stream, end=end)
        except UnicodeEncodeError:
            tqdm.write(escaped(text, stream), file=stream, end=end)
        flush(stream)
    except Exception as error:
        give_up(stream, error)


def one_line(text: str) -> str:
    """Write control characters of a file name as \\n or \\x1b."""
    return re.sub(r'[\x00-\x1f\x7f]', lambda match: repr(match[0])[1:-1], text)


def escaped(text: str, stream: TextIO) -> str:
    """Write characters that a stream's encoding lacks as \\xf1 or \\u6c34."""
    encoding = getattr(stream, 'encoding', None) or 'ascii'
    return text.encode(encoding, 'backslashreplace').decode(encoding)


def flush(stream: TextIO) -> None:
    """Flush a stream, if it can be."""
    with contextlib.suppress(AttributeError):
        stream.flush()


def give_up(stream: TextIO, error: Exception) -> None:
    """Redirect a stream to /dev/null once its file takes no more text.

    Objects without a file are left alone, and so is a full pipe that somebody may read later.
    """
    if not isinstance(error, OSError) or error.errno in (None, errno.EAGAIN):
        return
    try:
        redirect_to_null(stream)
    except Exception:  # it has no file
        return
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


class BarStream:
    """A terminal for a progress bar, which may fail: then the bar is no longer seen."""

    def __init__(self, stream: TextIO):
        self.stream = stream
        self.encoding = getattr(stream, 'encoding', None)

    def __eq__(self, other: object) -> bool:
        return self.stream == other  # tqdm compares it with sys.stderr

    __hash__ = None  # type: ignore[assignment]

    def write(self, text: str) -> None:
        with contextlib.suppress(Exception):
            self.stream.write(text)

    def flush(self) -> None:
        with contextlib.suppress(Exception):
            self.stream.flush()

    def fileno(self) -> int:
        return self.stream.fileno()


def progress_bar(num_iterations: float, hidden: bool = False) -> tqdm:
    """Return a bar that is shown on stderr when that is a terminal, and not hidden."""
    return tqdm(
        total=max(int(num_iterations), 1),
        disable=hidden or not is_terminal(sys.stderr),
        unit='it',
        file=BarStream(sys.stderr),
    )


def is_terminal(stream: TextIO) -> bool:
    """Tell whether a stream, or an object in its place, is a terminal."""
    try:
        return stream.isatty()
    except Exception:  # it has no such method, or is closed
        return False


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
    with log_level(level) as loggers:
        for logger in loggers:
            logger.addHandler(handler)
        try:
            yield
        finally:
            for logger in loggers:
                logger.removeHandler(handler)
