"""Files that are written whole or not at all."""

import contextlib
import os
import secrets
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

try:
    import fcntl
except ImportError:  # Windows, where a file that is open cannot be removed anyway
    fcntl = None  # type: ignore[assignment]

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
    _remove_abandoned(directory)
    with _temporary_file(directory) as (file, temporary):
        for chunk in chunks:
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
        if mode is not None:
            with contextlib.suppress(OSError):  # not every file system has permissions
                os.chmod(temporary, mode)
        if fcntl is None:
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
        if _lock(file.fileno()) is not False and os.path.exists(name):
            break
        file.close()
    try:
        with file:
            yield file, name
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _remove_abandoned(directory: str) -> None:
    """Remove the unfinished files of killed processes: nobody holds their lock."""
    with contextlib.suppress(OSError), os.scandir(directory) as entries:
        unfinished = [
            entry.path
            for entry in entries
            if entry.name.startswith(PREFIX) and entry.name.endswith(SUFFIX)
        ]
        for path in unfinished:
            with contextlib.suppress(OSError):
                if fcntl is None:
                    os.unlink(path)
                    continue
                with open(path, 'rb') as file:
                    if _lock(file.fileno()):
                        os.unlink(path)


def _lock(descriptor: int) -> bool | None:
    """Lock an open file until it is closed; returns whether it could, None without locks."""
    if fcntl is None:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return None
    return True
