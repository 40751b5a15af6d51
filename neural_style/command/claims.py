"""Claims of a run on the files that it writes: a second run with one of them is refused."""

import contextlib
from collections.abc import Iterator

from neural_style.command.arguments import Arguments
from neural_style.command.saving import STDOUT_NAMES
from neural_style.distributed import World
from neural_style.files.locks import LockedError, locked


class ClaimedError(ValueError):
    """Another run is writing a file that this one would write."""


@contextlib.contextmanager
def claimed_files(arguments: Arguments, world: World) -> Iterator[None]:
    """Claim the picture and the checkpoint of a run.  Raises ClaimedError, in all processes."""
    with contextlib.ExitStack() as stack:
        problem = ''
        if world.rank == 0 and not arguments.dry_run:
            problem = _claim(arguments, stack)
        if world.max(int(problem != '')):
            raise ClaimedError(problem or 'another run is writing the files of this one')
        yield


def _claim(arguments: Arguments, stack: contextlib.ExitStack) -> str:
    """Claim the files until the stack is closed; says why one cannot be claimed, or ''."""
    for flag in ('output_image', 'checkpoint', 'save_style'):
        path = getattr(arguments, flag)
        if path == '' or path in STDOUT_NAMES:
            continue
        try:
            stack.enter_context(locked(path))
        except LockedError as error:
            process = f' (process {error.process})' if error.process else ''
            return (
                f'-{flag} {path}: another run{process} is writing this file; name another, or wait'
                ' until that run has ended'
            )
    return ''
