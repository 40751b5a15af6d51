"""Painting for the nodes: ComfyUI's batches (B, H, W, C) go in and come out."""

import functools
import logging
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from comfy import model_management, utils
from PIL import Image
from torch import Tensor

from neural_style.command.arguments import Arguments
from neural_style.command.checks import check_settings
from neural_style.command.fast import quiet_painter
from neural_style.command.fast_checks import check_fast
from neural_style.command.images import InputImages, scale_style, source_of_colors
from neural_style.command.networks import load_network, locate_network
from neural_style.command.parsing import parse_arguments
from neural_style.command.paths import join_paths
from neural_style.command.preview import painted, shrunk
from neural_style.command.run import stylize_settings
from neural_style.command.saved_styles import read_saved_style
from neural_style.command.saving import OutputImage
from neural_style.command.schedule import make_schedule
from neural_style.command.terminal import log_level
from neural_style.fast.painting import blended
from neural_style.fast.trained import TrainedPainter, TrainedStyle
from neural_style.torch7 import image
from neural_style.transfer.color import original_colors
from neural_style.transfer.inputs import checked_weights
from neural_style.transfer.multiscale import stylize_multiscale
from neural_style.transfer.saved_style import SavedStyle
from neural_style.transfer.session import Iterate, Session
from neural_style.transfer.stylize import stylize
from neural_style.transfer.targets import StyleTargets
from neural_style.web import choices
from neural_style.web.choices import Choices
from neural_style.web.flag_checks import without_machine

PREVIEW_INTERVAL = 0.5  # seconds between two pictures on the node
PREVIEW_SIZE = 512  # their longer side

logger = logging.getLogger('neural_style')


@without_machine()
def paint(
    content: Tensor, style: Tensor | str, chosen: Choices, max_size: int, max_steps: int
) -> Tensor:
    """Paint every picture of a batch in the blend of the styles of another, or in a saved style.

    style: a batch, or the path of a file.  chosen: a size or steps of 0 are those of the preset.
    Raises OSError and ValueError.
    """
    size = chosen.size or choices.preset_value(chosen.preset, 'image_size')
    steps = chosen.steps or choices.preset_value(chosen.preset, 'num_iterations')
    words = choices.flags(replace(chosen, size=size, steps=steps), max_size, max_steps)
    if isinstance(style, str):
        words += ['-style_image', join_paths([style])]
    arguments, remark = locate_network(parse_arguments(words))
    check_settings(arguments)
    check_fast(arguments)
    if remark:
        logger.warning('%s', remark)
    contents = [image.scale(picture, size) for picture in pictures(content)]
    if isinstance(style, str):
        styles: list[Tensor] | SavedStyle = read_saved_style(arguments)
    else:
        scale, width = float(arguments.style_scale), contents[0].shape[2]
        styles = [scale_style(picture, scale, arguments, width) for picture in pictures(style)]
    network = functools.cache(
        functools.partial(load_network, arguments.proto_file, arguments.model_file)
    )
    counts = [make_schedule(arguments, picture.shape[1:], None).total for picture in contents]
    progress, targets = Progress(int(sum(counts))), StyleTargets()
    with log_level(logging.WARNING):  # without the lists of layers
        results = [
            paint_one(arguments, picture, styles, network, targets, progress)
            for picture in contents
        ]
    return batch(results)


def paint_one(
    arguments: Arguments,
    content: Tensor,
    styles: list[Tensor] | SavedStyle,
    network: Callable[[], Any],
    targets: StyleTargets,
    progress: 'Progress',
) -> Tensor:
    """Paint a picture (3, H, W) of the final size as the command does."""
    colors = source_of_colors(arguments, content, styles)
    images = InputImages(content, styles, None, None, arguments.paper_mask, {}, colors)
    height, width = content.shape[1:]
    output = OutputImage(arguments, (height, width), colors, None, None)

    def show(iterate: Iterate) -> None:
        progress.step(lambda: painted(output, shrunk(iterate.x.detach()).cpu()))

    method: Callable[..., Tensor] = stylize
    if arguments.multiscale != '':
        method = functools.partial(stylize_multiscale, multiscale=arguments.multiscale)
    result = method(
        network,
        content,
        styles,
        callback=show,
        session=Session(style_targets=targets, restores_colors=False),
        **stylize_settings(arguments, images, [device()]),
    )
    return output.recolored(result)


def paint_fast(
    content: Tensor, style: Tensor, strength: float, size: int, keeps_colors: bool
) -> Tensor:
    """Paint every picture of a batch at once.  size: 0 is that of the pictures."""
    size = size or max(content.shape[1:3])
    painter = quiet_painter(device())
    styles = [painter.style(image.scale(picture, size)) for picture in pictures(style)]
    style_mean = blended(styles, checked_weights(None, len(styles)))
    return paint_batch(
        content, lambda picture: painter.paint(picture, style_mean, strength), size, keeps_colors
    )


@without_machine()
def paint_trained(
    content: Tensor, path: str, strength: float, size: int, keeps_colors: bool
) -> Tensor:
    """Paint every picture of a batch at once with the trained style in a file.

    size: 0 is that of the pictures.  Raises OSError, and ValueError for any other file.
    """
    painter = TrainedPainter(TrainedStyle.load(path), device())
    size = size or max(content.shape[1:3])
    return paint_batch(
        content, lambda picture: painter.paint(picture, strength=strength), size, keeps_colors
    )


def paint_batch(
    content: Tensor, paint_picture: Callable[[Tensor], Tensor], size: int, keeps_colors: bool
) -> Tensor:
    """Paint every picture of a batch at once.  paint_picture: (3, H, W) → as much."""
    progress = Progress(len(content))
    results = []
    for picture in pictures(content):
        scaled = image.scale(picture, size)
        result = paint_picture(scaled).double()
        results.append(original_colors(scaled, result) if keeps_colors else result)
        progress.step(lambda: shrunk(results[-1]))
    return batch(results)


def device() -> torch.device:
    """Return ComfyUI's device if it is a CUDA one, or else the CPU."""
    chosen = model_management.get_torch_device()
    return chosen if chosen.type == 'cuda' else torch.device('cpu')


def pictures(images: Tensor) -> list[Tensor]:
    """Return the pictures (3, H, W), float64, of a batch (B, H, W, C); alpha is left out."""
    planes = images[..., :3].movedim(-1, 1).double().cpu()
    return [picture.clone() for picture in planes]


def batch(results: list[Tensor]) -> Tensor:
    """Return pictures (3, H, W) of one size as a batch (B, H, W, 3) of float32 in [0, 1]."""
    return torch.stack(results).clamp(0, 1).movedim(1, -1).float().contiguous()


class Progress:
    """ComfyUI's bar, with the picture as it is now on the node."""

    def __init__(self, total: int):
        self.bar = utils.ProgressBar(total)
        self.total = total
        self.done = 0
        self.next_preview = 0.0

    def step(self, picture: Callable[[], Tensor]) -> None:
        """Note a step; raises ComfyUI's exception if the user has interrupted it.

        picture: returns the picture (3, H, W), RGB, as it is now.
        """
        model_management.throw_exception_if_processing_interrupted()
        self.done += 1
        preview = None
        if time.monotonic() >= self.next_preview:
            pixels = image.to_bytes(picture())
            preview = ('JPEG', Image.fromarray(pixels), PREVIEW_SIZE)
            self.next_preview = time.monotonic() + PREVIEW_INTERVAL
        self.bar.update_absolute(self.done, self.total, preview)
