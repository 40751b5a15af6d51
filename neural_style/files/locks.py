"""Locks on paths, which end with the process that holds them."""

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterator

try:
    import fcntl
except ImportError:  # Windows, where nothing is locked
    fcntl = None  # type: ignore[assignment]

PREFIX, SUFFIX = 'neural_style-', '.lock'


class LockedError(Exception):
    """Another process, or another thread, holds the lock; process is its number, '' if unknown."""

    def __init__(self, process: str):
        super().__init__(process)
        self.process = process


@contextlib.contextmanager
def locked(path: str) -> Iterator[None]:
    """Hold the lock of a path.  Raises LockedError.

    It is an advisory lock (flock) on a file in the folder for temporary files, so that the path's
    own folder stays clean and need not be writable.  The file is removed at the end, and those of
    killed processes by the next run.  Where there are no locks, nothing is locked.
    """
    digest = hashlib.sha256(os.fsencode(os.path.realpath(path))).hexdigest()[:24]
    descriptor = None
    with contextlib.suppress(OSError):  # there is no folder for temporary files
        folder = tempfile.gettempdir()
        _remove_abandoned(folder)
        name = os.path.join(folder, PREFIX + digest + SUFFIX)
        descriptor = _acquire(name)
    try:
        yield
    finally:
        if descriptor is not None:
            with contextlib.suppress(OSError):
                os.unlink(name)
            os.close(descriptor)


def _acquire(name: str) -> int | None:
    """Open and lock a file that has our number in it; None where that cannot be done."""
    if fcntl is None:
        return None
    while True:
        try:
            descriptor = os.open(name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
        except OSError:
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.stat(name).st_ino == os.fstat(descriptor).st_ino:
                os.ftruncate(descriptor, 0)
                os.write(descriptor, str(os.getpid()).encode())
                return descriptor
        except BlockingIOError:
            process = os.read(descriptor, 20).decode('ascii', 'replace')
            os.close(descriptor)
            raise LockedError(process) from None
        except FileNotFoundError:  # removed before it was locked
            pass
        except OSError:  # a file system without locks
            os.close(descriptor)
            return None
        os.close(descriptor)


def _remove_abandoned(folder: str) -> None:
    """Remove the files of killed processes: nobody holds their lock."""
    if fcntl is None:
        return
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        names = [
            entry.path
            for entry in entries
            if entry.name.startswith(PREFIX) and entry.name.endswith(SUFFIX)
        ]
        for name in names:
            with contextlib.suppress(OSError), open(name, 'rb') as file:
                fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.unlink(name)
