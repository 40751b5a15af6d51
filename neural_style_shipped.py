"""What comes with the program: the embedded network and the presets."""

import os
import shlex
import site
import sys

EMBEDDED = 'small_vgg19'
INSTALLED = ('share', 'neural_style')


def shipped(folder: str) -> list[str]:
    """Where a folder of the project may be: in the checkout, or where pip puts data."""
    bases = [os.path.dirname(os.path.abspath(__file__))]
    bases += [os.path.join(base, *INSTALLED) for base in (sys.prefix, site.getuserbase())]
    return [os.path.join(base, folder) for base in bases]


def embedded_network() -> tuple[str, str]:
    """The small network that comes with the program."""
    paths = [os.path.join(folder, EMBEDDED) for folder in shipped('models')]
    found = next((path for path in paths if os.path.exists(path + '.caffemodel')), paths[0])
    return found + '.prototxt', found + '.caffemodel'


def preset_files() -> dict[str, str]:
    """The presets that come with the program: name → path."""
    folder = next((path for path in shipped('presets') if os.path.isdir(path)), None)
    names = [] if folder is None else sorted(os.listdir(folder))
    return {
        name.removesuffix('.txt'): os.path.join(str(folder), name)
        for name in names
        if name.endswith('.txt')
    }


def read_preset(name: str) -> list[str]:
    """The flags of a preset, by its name or by the path of a file that ends in .txt.

    A flag a line, with its value, if any, behind it; a # begins a comment.
    """
    known = preset_files()
    path = known.get(name, name if name.endswith('.txt') else None)
    if path is None:
        raise ValueError(
            f'-preset {name}: no such preset; there are {", ".join(known)}; or name a .txt file'
        )
    words: list[str] = []
    try:
        with open(path, encoding='utf-8-sig') as file:
            for number, line in enumerate(file, start=1):
                try:
                    flags = shlex.split(line, comments=True)
                except ValueError as error:
                    raise ValueError(f'-preset {path}: line {number}: {error}') from None
                if flags and (not flags[0].startswith('-') or len(flags) > 2):
                    raise ValueError(
                        f'-preset {path}: line {number}: {line.strip()!r} is not one flag, with its'
                        ' value if it takes one'
                    )
                if flags and flags[0].lstrip('-') == 'preset':
                    raise ValueError(f'-preset {path}: line {number}: a preset cannot name another')
                words += flags
    except UnicodeDecodeError:
        raise ValueError(f'-preset {path}: not a text file') from None
    except OSError as error:
        raise ValueError(f'-preset {path}: {error.strerror}') from error
    return words
