"""-save_style, and a saved style in the place of -style_image."""

import os
from collections.abc import Callable
from typing import Any

from neural_style.command.arguments import Arguments
from neural_style.command.checks import check_writable
from neural_style.command.input_files import InputChecksums
from neural_style.command.paths import as_stored, split_paths
from neural_style.errors import SettingError
from neural_style.fast.trained import is_trained_style
from neural_style.losses.statistics.choice import parse_statistics
from neural_style.network.loss_network import LossNetwork
from neural_style.torch7.cmdline import split
from neural_style.transfer.saved_style import (
    SUFFIX,
    SavedStyle,
    StyleRecorder,
    is_saved_style,
    separate,
)
from neural_style.transfer.session import ignore
from neural_style.transfer.setting_forms import parse_layers
from neural_style.transfer.settings import Settings

# Flags beside the pictures that style targets are made from, and the values that tie them to one
# content image.
SHAPING_FLAGS = (
    *('style_scale', 'style_size_by', 'style_blend_weights', 'style_image_layers'),
    *('luminance_only', 'exif_orientation', 'icc_profile'),
)
TARGET_FLAGS = (  # beside -pooling
    *('style_layers', 'style_image_layers', 'style_statistic', 'losses', 'padding'),
    *('missing_layers', 'color', 'luminance_only', 'recolor_content'),
)
TIED_TO_CONTENT: dict[str, Callable[[Any], bool]] = {
    'color': lambda value: value in ('match', 'luminance'),
    'paper_mask': lambda value: value != '',
    'content_regions': lambda value: value != '',
}


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


def check_save_style(arguments: Arguments) -> None:
    """Refuse a -save_style that could not be written, or would overwrite anything else."""
    path = arguments.save_style
    if path == '':
        return
    if not is_saved_style(path):
        raise ValueError(f'-save_style {path}: name a {SUFFIX} file')
    if not split(arguments.style_layers):
        raise ValueError(f'-save_style {path}: there is no style; name layers in -style_layers')
    if os.path.realpath(path) == os.path.realpath(arguments.checkpoint):
        raise ValueError(f'-save_style {path}: this is the -checkpoint; name another')
    check_writable('-save_style', path)
    if os.path.exists(path):
        try:
            SavedStyle.load(path)
        except (OSError, ValueError):
            raise ValueError(
                f'-save_style {path}: the file exists and is no saved style; name another'
            ) from None
    if has_saved_style(arguments):
        raise ValueError(
            f'-save_style {path}: -style_image {arguments.style_image} is a saved style already;'
            ' copy that'
        )
    for name, is_tied in TIED_TO_CONTENT.items():
        value = getattr(arguments, name)
        if is_tied(value):
            raise ValueError(
                f'-save_style {path}: with -{name} {value} the style depends on the content image;'
                f' save it in a run without -{name}'
            )


def style_recorder(
    arguments: Arguments, checksums: InputChecksums
) -> Callable[[LossNetwork], None]:
    """Return the hook on_network that saves the style, if it is to be saved."""
    if arguments.save_style == '':
        return ignore
    inputs = {name: getattr(arguments, name) for name in SHAPING_FLAGS}
    pictures = checksums.by_flag()['style_image']
    recorder = StyleRecorder(arguments.save_style, {'style_image': pictures, **inputs})

    def record(network: LossNetwork) -> None:
        try:
            recorder(network)
        except OSError as error:
            raise type(error)(
                f'-save_style {arguments.save_style}: cannot be written: {error.strerror}'
            ) from error

    return record
