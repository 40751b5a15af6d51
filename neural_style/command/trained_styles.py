"""A trained style in the place of -style_image: by its path, or one that comes with the program."""

import os
import re

from neural_style.command.arguments import Arguments
from neural_style.command.paths import as_stored, join_paths, split_paths
from neural_style.fast.trained import TrainedStyle, is_trained_style
from neural_style.fast.weights import FOLDER as MODELS
from neural_style.transfer.saved_style import SUFFIX, is_saved_style

FOLDER = os.path.join(MODELS, 'styles')


def shipped_styles() -> dict[str, str]:
    """Return the path of each trained style that comes with the program, by its name."""
    names = sorted(os.listdir(FOLDER)) if os.path.isdir(FOLDER) else []
    return {
        name.removesuffix(SUFFIX): os.path.join(FOLDER, name)
        for name in names
        if name.endswith(SUFFIX)
    }


def is_bare_name(path: str) -> bool:
    """Tell whether a path may be the name of a shipped style."""
    return re.fullmatch(r'\w+', path) is not None


def shipped_hint(path: str) -> str:
    """Name the shipped styles where a path may be meant as one of them; '' elsewhere."""
    names = ', '.join(shipped_styles())
    return f'; trained styles: {names}' if names and is_bare_name(path) else ''


def with_trained_style(arguments: Arguments) -> Arguments:
    """Paint at once where -style_image names a trained style, perhaps by the name of a shipped one.

    A file of that name wins.
    """
    name = arguments.style_image.strip()
    if is_bare_name(name) and not os.path.exists(name):
        path = shipped_styles().get(name)
        if path is not None:
            arguments = arguments.with_values(style_image=join_paths([path]))
    return arguments.with_values(fast=True) if has_trained_style(arguments) else arguments


def has_trained_style(arguments: Arguments) -> bool:
    """Tell whether -style_image names a trained style."""
    paths = filter(is_saved_style, split_paths(arguments.style_image))  # the suffix is the same
    return any(is_trained_style(as_stored(path)) for path in paths)


def read_trained_style(arguments: Arguments) -> TrainedStyle:
    """Read the trained style that -style_image names.  Raises OSError and ValueError."""
    if arguments.style_tint == 1:
        raise ValueError(
            '-style_tint 1: needs the style image, which is not in a trained style; give 0'
        )
    return load_trained_style(arguments.style_image)


def load_trained_style(value: str) -> TrainedStyle:
    """Read the trained style that is the value of -style_image.  Raises OSError and ValueError."""
    paths = split_paths(value)
    if len(paths) > 1:
        raise ValueError(
            f'-style_image {value}: a trained style cannot be blended with others; name it alone,'
            ' or train one network for several styles (neural_style-train)'
        )
    try:
        return TrainedStyle.load(as_stored(paths[0]))
    except OSError as error:
        raise type(error)(f'-style_image {value}: cannot be read: {error.strerror}') from error
    except ValueError as error:
        raise ValueError(f'-style_image {error}; train it again with neural_style-train') from error
