"""A saved style in the place of -style_image."""

from functools import cache
from typing import Any

from neural_style.command.arguments import Arguments
from neural_style.command.paths import as_stored, split_paths
from neural_style.errors import SettingError
from neural_style.fast.trained import is_trained_style
from neural_style.fast.weights import WEIGHTS
from neural_style.files.checksum import sha256
from neural_style.losses.statistics.choice import parse_statistics
from neural_style.torch7.cmdline import split
from neural_style.transfer.saved_style import (
    SavedStyle,
    is_saved_style,
    separate,
)
from neural_style.transfer.setting_forms import parse_layers
from neural_style.transfer.settings import Settings

# What the inputs of a saved style call the weights of the network that paints at once.
PAINTER = 'fast'
TARGET_FLAGS = (  # beside -pooling
    *('style_layers', 'style_image_layers', 'style_statistic', 'losses', 'padding'),
    *('missing_layers', 'color', 'luminance_only', 'recolor_content'),
)


def has_saved_style(arguments: Arguments) -> bool:
    """Tell whether -style_image names a saved style, or a missing or damaged file for one."""
    paths = filter(is_saved_style, split_paths(arguments.style_image))
    return any(not is_trained_style(as_stored(path)) for path in paths)


def read_saved_style(arguments: Arguments) -> SavedStyle:
    """Read the saved style that -style_image names, and check that the other flags fit it.

    Raises OSError and ValueError.
    """
    saved = load_saved_style(arguments.style_image)
    try:
        check_style(arguments, saved)
    except SettingError as error:
        if arguments.comes_from_preset(error.name):
            preset = arguments.preset
            raise ValueError(f'-preset {preset}: its {error}, or choose another') from error
        raise
    return saved


def load_saved_style(value: str) -> SavedStyle:
    """Read the saved style that is the value of -style_image.  Raises OSError and ValueError."""
    paths = split_paths(value)
    if len(paths) > 1:
        raise ValueError(
            f'-style_image {value}: a saved style cannot be blended with others; name it alone'
        )
    try:
        return SavedStyle.load(as_stored(paths[0]))
    except FileNotFoundError:
        raise FileNotFoundError(
            f'-style_image {value}: no such file; -save_style {value} makes it, beside'
            ' -style_image with the picture'
        ) from None
    except OSError as error:
        raise type(error)(f'-style_image {value}: cannot be read: {error.strerror}') from error
    except ValueError as error:
        raise ValueError(
            f'-style_image {error}; make it again with -save_style, or with neural_style-train'
        ) from error


def check_style(arguments: Arguments, saved: SavedStyle) -> None:
    """Refuse flags that need the pictures of a saved style, or with which targets are others.

    What only a network shows is left to it: weights, precision, layers that it lacks.
    Raises SettingError.
    """
    if arguments.style_tint == 1:
        problem = 'needs the style image, which is not in a saved style; give 0'
        raise SettingError('style_tint', problem, 1)
    values = {name: getattr(arguments, name) for name in TARGET_FLAGS}
    settings = Settings(pooling=arguments.pooling_method, **values)
    weights = None if arguments.style_blend_weights == 'nil' else arguments.style_blend_weights
    mask, regions = arguments.paper_mask or None, arguments.content_regions or None
    separate(saved, settings, weights, mask, regions)
    if not arguments.fast:
        check_targets(settings, saved)
    if arguments.fast or arguments.starts_at_once:
        check_at_once(arguments, saved)


def check_targets(settings: Settings, saved: SavedStyle) -> None:
    """Refuse settings with which the targets of a saved style are others.  Raises SettingError."""
    described: dict[str, Any] = {
        'style_statistic': '+'.join(parse_statistics(settings.style_statistic)),
        'losses': settings.losses,
        'pooling': settings.pooling,
        'padding': settings.padding,
    }
    layers = parse_layers('style_layers', settings.style_layers).names
    is_exact = settings.missing_layers == 'error'
    if is_exact and set(layers) != set(split(saved.network.get('style_layers', ''))):
        described['style_layers'] = ','.join(layers)
    saved.check(described)


def paints_at_once(saved: SavedStyle) -> bool:
    """Tell whether this version of the program can paint from a saved style at once."""
    return bool(saved.at_once) and saved.inputs.get(PAINTER) == painter_checksum()


@cache
def painter_checksum() -> str:
    """Return the SHA-256 of the weights of the network that paints at once."""
    return sha256(WEIGHTS)


def check_at_once(arguments: Arguments, saved: SavedStyle) -> None:
    """Refuse a saved style that this version cannot paint from at once.  Raises SettingError."""
    if paints_at_once(saved):
        return
    problem = 'the saved style lacks what this version paints from at once'
    is_negative = '-' in str(saved.inputs.get('style_blend_weights'))
    problem += ', which negative blend weights do not give' if is_negative else '; save it again'
    if arguments.fast:
        raise SettingError('fast', f'{problem}, or name the picture')
    raise SettingError('init', f'{problem}, or give `init` image', 'fast')
