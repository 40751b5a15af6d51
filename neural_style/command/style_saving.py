"""-save_style: the style of a run, saved to paint with again."""

import os
from collections.abc import Callable, Sequence
from typing import Any

import torch

from neural_style.command.arguments import Arguments
from neural_style.command.checks import check_writable
from neural_style.command.fast import saved_at_once
from neural_style.command.images import InputImages
from neural_style.command.input_files import InputChecksums
from neural_style.command.saved_styles import PAINTER, has_saved_style, painter_checksum
from neural_style.command.terminal import one_line, warn
from neural_style.distributed import World
from neural_style.network.loss_network import LossNetwork
from neural_style.torch7.cmdline import split
from neural_style.transfer.saved_style import SUFFIX, SavedStyle, is_saved_style
from neural_style.transfer.session import ignore
from neural_style.transfer.style_recorder import StyleRecorder

# Flags beside the pictures that style targets are made from, and the values that tie them to one
# content image.
SHAPING_FLAGS = (
    *('style_scale', 'style_size_by', 'style_blend_weights', 'style_image_layers'),
    *('luminance_only', 'exif_orientation', 'icc_profile'),
)
TIED_TO_CONTENT: dict[str, Callable[[Any], bool]] = {
    'color': lambda value: value in ('match', 'luminance'),
    'paper_mask': lambda value: value != '',
    'content_regions': lambda value: value != '',
}


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
    arguments: Arguments,
    checksums: InputChecksums,
    images: InputImages,
    weights: Sequence[float] | None,
    device: torch.device,
    world: World,
) -> Callable[[LossNetwork], None]:
    """Return the hook on_network that saves the style, if it is to be saved.

    weights: of the style images; None weighs them equally.
    """
    if arguments.save_style == '' or arguments.dry_run:
        return ignore
    inputs = {name: getattr(arguments, name) for name in SHAPING_FLAGS}
    pictures = checksums.by_flag()['style_image']
    inputs |= {'style_image': pictures, PAINTER: painter_checksum()}
    at_once = {} if world.rank else saved_at_once(images, weights, device)  # the first one writes

    def remark(replaced: bool) -> None:
        earlier = '; it replaced an earlier style' if replaced else ''
        warn(f'the style is in {one_line(os.path.abspath(arguments.save_style))}{earlier}')

    recorder = StyleRecorder(arguments.save_style, inputs, at_once, remark)

    def record(network: LossNetwork) -> None:
        try:
            recorder(network)
        except OSError as error:
            raise type(error)(
                f'-save_style {arguments.save_style}: cannot be written: {error.strerror}'
            ) from error

    return record
