"""Where files are that the program knows by relative names: models/NAME, examples/inputs/NAME.

The original looks in the current folder only.  After it come the checkout that the program runs
from, and the user's data folder, where neural_style-download puts models.
"""

import os
import shlex
from importlib import resources


def checkout() -> str:
    """Return the folder of the checkout that the program runs from; '' where it is installed."""
    folder = os.path.dirname(str(resources.files('neural_style')))
    return folder if os.path.exists(os.path.join(folder, 'neural_style.py')) else ''


def data_folder() -> str:
    """Return the user's data folder, ~/.local/share/neural_style on Linux; it may be missing."""
    import platformdirs  # files that are named by a flag need no data folder

    return platformdirs.user_data_dir('neural_style', appauthor=False)


def folders() -> list[str]:
    """Return the folders in their order: the current one, '', then the others, none twice."""
    others = [folder for folder in (checkout(), data_folder()) if folder]
    current = os.path.realpath('.')
    return ['', *(folder for folder in others if os.path.realpath(folder) != current)]


def find(path: str) -> str | None:
    """Return a relative path in the first of the folders that has it, None if none does."""
    if os.path.exists(path):
        return path
    candidates = (os.path.join(folder, path) for folder in folders())
    return next(filter(os.path.exists, candidates), None)


def is_searched(path: str) -> bool:
    """Tell whether a path that a flag gives has the form of those that the program knows."""
    return normalized(path).startswith(('models/', 'examples/inputs/'))


def normalized(path: str) -> str:
    """Return a relative path as the program writes it: models/x for ./models/x and the like."""
    return os.path.normpath(path).replace(os.sep, '/')


def find_named(path: str) -> tuple[str, str]:
    """Find a file that a flag names, by the form of its path in all the folders or in one.

    Returns the path, unchanged where there is no such file, and a remark where it is another.
    """
    located = find(path) if is_searched(path) else None
    if located in (None, path):
        return path, ''
    return str(located), f'there is no {path} in the current folder: using {located}'


def searched() -> str:
    """Return where find looks, as messages say it."""
    return ' or '.join(['in the current folder', *(f'in {folder}' for folder in folders()[1:])])


def script(path: str) -> str:
    """Return the command that runs a script of the checkout; '' where there is no checkout."""
    folder = checkout()
    if not folder:
        return ''
    is_current = os.path.realpath(folder) == os.path.realpath('.')
    return f'sh {shlex.quote(path if is_current else os.path.join(folder, path))}'
