"""Pictures through pipes: - is stdin or stdout, and a FIFO such as <(...) can be read once only."""

import contextlib
import io
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from neural_style.command.arguments import Arguments
from neural_style.command.input_files import IMAGE_INPUTS, named_paths
from neural_style.command.paths import as_stored
from neural_style.command.saving import STDOUT_NAMES
from neural_style.command.terminal import warn
from neural_style.distributed import World
from neural_style.files.pillow import PipedFile

STDIN_NAMES = ('-', '/dev/stdin')
MAX_PIPED_BYTES = 2 << 30


@contextlib.contextmanager
def connected_pipes(arguments: Arguments, world: World) -> Iterator[Arguments]:
    """Read the pictures that come through pipes, and let stdout carry the picture if it shall.

    In the latter case, what is printed goes to stderr.  Yields the arguments with the contents, and
    with the stream for the picture.  Raises ValueError and OSError, naming the flag.
    """
    piped = read_pipes(arguments, world)
    if piped:
        arguments = replace(arguments, piped=piped)
    if arguments.output_image not in STDOUT_NAMES:
        yield arguments
        return
    if world.rank == 0 and sys.stdout.isatty():
        raise ValueError(
            f'-output_image {arguments.output_image}: stdout is a terminal; redirect it to a file'
            ' or a pipe'
        )
    stream = binary_stream(sys.stdout)
    if isinstance(stream, io.TextIOBase):
        raise ValueError(
            f'-output_image {arguments.output_image}: stdout is an object of the program around'
            ' this one that takes text only; name a file'
        )
    if world.rank == 0 and 'save_iter' in arguments.typed and arguments.save_iter > 0:
        warn(f'-save_iter {arguments.save_iter}: has no effect with the picture on stdout')
    # intermediate pictures would have no names
    arguments = replace(arguments.with_values(save_iter=0), picture_stream=stream)
    with contextlib.redirect_stdout(sys.stderr):
        yield arguments


def read_pipes(arguments: Arguments, world: World) -> dict[str, PipedFile]:
    """Return the contents of the pictures that are no regular files, by path."""
    piped: dict[str, PipedFile] = {}
    for flag in IMAGE_INPUTS:
        for path in named_paths(flag, getattr(arguments, flag)):
            stored = as_stored(path)
            if stored in piped or not is_pipe(stored):
                continue
            if world.size > 1:
                raise ValueError(
                    f'-{flag} {path}: several processes cannot read one pipe; name a file'
                )
            stdin = [piped[name] for name in STDIN_NAMES if stored in STDIN_NAMES and name in piped]
            piped[stored] = stdin[0] if stdin else read_pipe(flag, stored)
    return piped


def is_pipe(path: str) -> bool:
    """Tell whether a path is stdin, or a file that can be read once only."""
    if path == '-':
        return True
    return os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path)


def read_pipe(flag: str, path: str) -> PipedFile:
    """Read a pipe to its end.  Raises ValueError."""
    if path in STDIN_NAMES and sys.stdin is not None and sys.stdin.isatty():
        raise ValueError(f'-{flag} {path}: stdin is a terminal; pipe a picture into it')
    try:
        if path == '-':
            content = binary_stream(sys.stdin).read(MAX_PIPED_BYTES + 1)
        else:
            with open(path, 'rb') as file:
                content = file.read(MAX_PIPED_BYTES + 1)
    except (OSError, AttributeError) as error:
        reason = getattr(error, 'strerror', None) or 'it is closed'
        raise ValueError(f'-{flag} {path}: cannot read the pipe: {reason}') from error
    if content == b'':
        raise ValueError(f'-{flag} {path}: nothing came through the pipe')
    if len(content) > MAX_PIPED_BYTES:
        raise ValueError(
            f'-{flag} {path}: more than {MAX_PIPED_BYTES:,} bytes came through the pipe; name a'
            ' file'
        )
    return PipedFile('stdin' if path in STDIN_NAMES else path, content)


def binary_stream(stream: Any) -> Any:
    """Return the stream of bytes below one of text."""
    return getattr(stream, 'buffer', stream)
