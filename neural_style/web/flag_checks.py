"""Flags of a picture that the command would refuse, refused when a button is pressed."""

import contextlib
from collections.abc import Iterator, Sequence

from neural_style.command.checks import check_settings
from neural_style.command.fast_checks import check_fast
from neural_style.command.parsing import parse_arguments
from neural_style.command.saved_styles import has_saved_style, read_saved_style
from neural_style.command.terminal import with_flags
from neural_style.command.trained_styles import has_trained_style, read_trained_style
from neural_style.web.job import without_folders


def check_flags(flags: Sequence[str]) -> None:
    """Refuse flags as the command does, without folders of the machine.  Raises ValueError."""
    with without_machine():
        arguments = parse_arguments(list(flags))
        check_settings(arguments)
        check_fast(arguments)
        if has_trained_style(arguments):
            read_trained_style(arguments)
        elif has_saved_style(arguments):
            read_saved_style(arguments)


@contextlib.contextmanager
def without_machine() -> Iterator[None]:
    """Raise errors of the command as ValueErrors without folders of the machine."""
    try:
        yield
    except (ValueError, OSError) as error:
        raise ValueError(without_folders(with_flags(str(error)))) from None
