"""Files that are written whole or not at all."""

import contextlib
import os
import secrets
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from neural_style.files.locks import lock_file, remove_abandoned

# The name of an unfinished file begins and ends with these.
PREFIX, SUFFIX = '.neural_style-', '.tmp'

Chunk = bytes | memoryview


def write_whole(path: str | Path, content: Chunk | Iterable[Chunk]) -> None:
    """Write a file whole or not at all: beside the path first, then under the path's name.

    content: the bytes, or chunks of them in their order.  An existing file keeps its permissions,
    and its content if it may not be written or an error (OSError) occurs.  Unfinished files of
    killed processes are removed from the directory.
    """
    path = os.path.realpath(path)  # the file itself, not a link to it
    chunks = [content] if isinstance(content, bytes | memoryview) else content
    mode = _existing_mode(path)
    directory = os.path.dirname(path)
    remove_abandoned(directory, PREFIX, SUFFIX)
    with _temporary_file(directory) as (file, temporary):
        for chunk in chunks:
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
        if mode is not None:
            with contextlib.suppress(OSError):  # not every file system has permissions
                os.chmod(temporary, mode)
        if os.name == 'nt':
            file.close()  # Windows renames no open file
        os.replace(temporary, path)


def _existing_mode(path: str) -> int | None:
    """Return the permissions of an existing file; refuse one that is read-only."""
    try:
        mode = stat.S_IMODE(os.stat(path).st_mode)
    except FileNotFoundError:
        return None
    if not os.access(path, os.W_OK):
        raise PermissionError(13, 'the file is read-only', path)
    return mode


@contextlib.contextmanager
def _temporary_file(directory: str) -> Iterator[tuple[BinaryIO, str]]:
    """Make a new file, locked while it is being written, and removed if that fails."""
    while True:
        name = os.path.join(directory, PREFIX + secrets.token_hex(4) + SUFFIX)
        file = open(name, 'xb')  # noqa: SIM115
        # before it is locked, another process may remove it
        if lock_file(file.fileno()) is not False and os.path.exists(name):
            break
        file.close()
    try:
        with file:
            yield file, name
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
