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
        remove_abandoned(folder, PREFIX, SUFFIX)
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
        is_locked = lock_file(descriptor)
        if is_locked is False:
            process = os.read(descriptor, 20).decode('ascii', 'replace')
            os.close(descriptor)
            raise LockedError(process)
        try:
            if is_locked and os.stat(name).st_ino == os.fstat(descriptor).st_ino:
                os.ftruncate(descriptor, 0)
                os.write(descriptor, str(os.getpid()).encode())
                return descriptor
        except FileNotFoundError:  # removed before it was locked
            pass
        except OSError:  # a full disk
            is_locked = None
        os.close(descriptor)
        if is_locked is None:
            return None


def lock_file(descriptor: int) -> bool | None:
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


def remove_abandoned(folder: str, prefix: str, suffix: str) -> None:
    """Remove the files of killed processes, known by their names: nobody holds their lock."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        abandoned = [
            entry.path
            for entry in entries
            if entry.name.startswith(prefix) and entry.name.endswith(suffix)
        ]
        for path in abandoned:
            with contextlib.suppress(OSError):
                if fcntl is None:  # Windows removes no file that is open
                    os.unlink(path)
                    continue
                with open(path, 'rb') as file:
                    if lock_file(file.fileno()):
                        os.unlink(path)
