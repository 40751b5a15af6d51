"""What comes with the program: the embedded network and the presets."""

import importlib.resources
import os
import shlex

PACKAGE = importlib.resources.files('neural_style')
MODELS = str(PACKAGE / 'models')


def embedded_network() -> tuple[str, str]:
    """Prototxt and caffemodel of the embedded network."""
    stem = os.path.join(MODELS, 'small_vgg19')
    return stem + '.prototxt', stem + '.caffemodel'


def preset_files() -> dict[str, str]:
    """The presets that come with the program: name → path."""
    paths = sorted((PACKAGE / 'presets').iterdir(), key=lambda path: path.name)
    return {
        path.name.removesuffix('.txt'): str(path) for path in paths if path.name.endswith('.txt')
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
