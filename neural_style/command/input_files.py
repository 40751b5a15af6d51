"""The input files of a run: flags that name them, the paths that they give, their checksums."""

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from neural_style.command.arguments import Arguments
from neural_style.command.networks import locate_network
from neural_style.command.paths import LIST_FLAGS, as_stored, join_paths, split_paths
from neural_style.command.places import find_named
from neural_style.files.checksum import sha256
from neural_style.files.pillow import PipedFile

IMAGE_INPUTS = ('content_image', 'style_image', 'init_image', 'paper_mask', *LIST_FLAGS[1:])
INPUTS = (*IMAGE_INPUTS, 'proto_file', 'model_file')

Checksums = dict[str, list[str | None]]  # SHA-256 of the files of every flag of INPUTS


def locate_inputs(arguments: Arguments) -> tuple[Arguments, list[str]]:
    """Find the network and the images, which may be in other places than the current folder.

    Returns the arguments with their paths, and remarks on what is elsewhere.
    """
    arguments, remark = locate_network(arguments)
    remarks = [remark]
    searched = ('content_image', *LIST_FLAGS) if arguments.resume == '' else ()
    for flag in searched:
        located = [find_named(path) for path in named_paths(flag, getattr(arguments, flag))]
        if any(remark for _, remark in located):
            paths = [path for path, _ in located]
            value = join_paths(paths) if flag in LIST_FLAGS else ','.join(paths)
            arguments = arguments.with_values(**{flag: value})
        remarks += [remark for _, remark in located]
    return arguments, list(filter(None, remarks))


def named_paths(flag: str, value: str) -> list[str]:
    """Return the paths that a value of a flag of INPUTS gives, as they are written."""
    if value == '' or (flag, value) == ('paper_mask', 'auto'):
        return []
    return split_paths(value) if flag in LIST_FLAGS else [value]


def paths_of(arguments: Arguments, flag: str) -> list[str]:
    """Return the paths that a flag of INPUTS gives, as the files are stored."""
    return [as_stored(path) for path in named_paths(flag, getattr(arguments, flag))]


def input_files(arguments: Arguments, flags: Sequence[str] = INPUTS) -> list[tuple[str, str]]:
    """Return flag, without dash, and path of every file that goes in."""
    return [(flag, path) for flag in flags for path in paths_of(arguments, flag)]


class InputChecksums:
    """SHA-256 of the input files at the start of a run, computed in the background.

    files: flag, without dash, and path of each.  names: of those that exist, and of those that came
    through a pipe, without folder; None for the others.  flags: those of INPUTS that count.
    """

    def __init__(self, arguments: Arguments, flags: Sequence[str] = INPUTS):
        pool = ThreadPoolExecutor(1)
        self.flags = flags
        self.files = input_files(arguments, flags)
        sources = [arguments.piped.get(path, path) for _, path in self.files]
        self.names = [
            os.path.basename(str(source))
            if isinstance(source, PipedFile) or os.path.isfile(source)
            else None
            for source in sources
        ]
        self._sums: list[Future] = [pool.submit(_sha256, source) for source in sources]
        pool.shutdown(wait=False)

    def all(self) -> list[str | None]:
        """Return the checksum of each file; None for one that is missing, or cannot be read."""
        return [future.result() for future in self._sums]

    def by_flag(self) -> Checksums:
        """Return the checksums of the files of every flag that counts."""
        sums = list(zip(self.files, self.all(), strict=True))
        return {name: [value for (flag, _), value in sums if flag == name] for name in self.flags}


def _sha256(path: str | PipedFile) -> str | None:
    if isinstance(path, PipedFile):
        return hashlib.sha256(path.content).hexdigest()
    try:
        return sha256(path)
    except OSError:
        return None
