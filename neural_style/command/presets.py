"""Presets: files of flags, the program's own and those of users."""

import importlib.resources
import itertools
import shlex
import sys

from neural_style.command.terminal import write

PRESETS = importlib.resources.files('neural_style') / 'presets'


def preset_files() -> dict[str, str]:
    """Return the path of each preset that comes with the program, by its name."""
    paths = sorted(PRESETS.iterdir(), key=lambda path: path.name)
    return {
        path.name.removesuffix('.txt'): str(path) for path in paths if path.name.endswith('.txt')
    }


def list_presets() -> None:
    """Print every preset: its name, and the comment that its file begins with."""
    for name, path in preset_files().items():
        with open(path, encoding='utf-8') as file:
            comment = itertools.takewhile(lambda line: line.startswith('#'), file)
            write(name, sys.stdout)
            for line in comment:
                write(f'    {line[1:].strip()}', sys.stdout)


def read_preset(name: str) -> list[str]:
    """Read the flags of a preset, named by its name or by the path of a file that ends in .txt.

    A line holds a flag and its value, if it takes one; a # begins a comment.  Raises ValueError.
    """
    files = preset_files()
    path = files.get(name, name if name.endswith('.txt') else None)
    if path is None:
        raise ValueError(
            f'-preset {name}: no such preset; there are {", ".join(files)}; or name a .txt file'
        )
    try:
        with open(path, encoding='utf-8-sig') as file:  # as Windows writes it
            return [
                argument
                for number, line in enumerate(file, start=1)
                for argument in _parse_line(line, f'-preset {path}: line {number}')
            ]
    except UnicodeDecodeError:
        raise ValueError(f'-preset {path}: not a text file') from None
    except OSError as error:
        raise ValueError(f'-preset {path}: {error.strerror}') from error


def _parse_line(line: str, origin: str) -> list[str]:
    try:
        arguments = shlex.split(line, comments=True)
    except ValueError as error:
        raise ValueError(f'{origin}: {error}') from None
    if arguments and (not arguments[0].startswith('-') or len(arguments) > 2):
        raise ValueError(
            f'{origin}: {line.strip()!r} is not one flag, with its value if it takes one'
        )
    if arguments and arguments[0].lstrip('-') == 'preset':
        raise ValueError(f'{origin}: a preset cannot name another')
    return arguments
