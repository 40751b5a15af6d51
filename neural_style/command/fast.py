"""-fast: the picture painted at once."""

import logging
import math
import os
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from neural_style.command.arguments import Arguments
from neural_style.command.images import InputImages
from neural_style.command.report import DryRun
from neural_style.command.saving import FinalPicture, OutputImage, save_final
from neural_style.command.trained_styles import has_trained_style
from neural_style.errors import SettingError
from neural_style.fast import painting as painting_any
from neural_style.fast import trained
from neural_style.fast.encoder import Style
from neural_style.fast.painting import Painter, blended
from neural_style.fast.pictures import paint
from neural_style.fast.smoothing import Smoothing
from neural_style.fast.style_tensors import style_of_tensors, style_tensors
from neural_style.fast.trained import TrainedPainter, TrainedStyle
from neural_style.logs import log_level
from neural_style.memory.limits import format_bytes
from neural_style.torch7 import image
from neural_style.transfer.inputs import checked_weights
from neural_style.transfer.saved_style import SavedStyle

# The longer side of the smallest picture that is worth its place in a start.
MIN_START = 64
# Paints a content image, (3, H, W), with the smoothed statistics of a video if it is a frame.
Painting = Callable[[Tensor, Smoothing | None], Tensor]


def paint_at_once(
    arguments: Arguments,
    images: InputImages,
    output: OutputImage,
    weights: Sequence[float] | None,
    device: torch.device,
) -> FinalPicture | None:
    """Paint and save a picture; returns it unless it went to stdout.  Raises DryRun.

    weights: of the style images; None weighs them equally.
    """
    if arguments.dry_run:
        height, width = output.size
        peak = predicted_peak(arguments, height, width)
        raise DryRun(f'{width} x {height} in one pass of the fast network; predicted peak {peak}')
    painted = painting(arguments, images, weights, device)(images.content, None)
    path = arguments.output_image
    replaced = os.path.exists(path)
    complete = arguments.num_iterations  # what the recipe of a complete picture says
    save_final(path, output.picture_writer(complete, output.recolored(painted)))
    return FinalPicture(path, replaced) if arguments.picture_stream is None else None


def predicted_peak(arguments: Arguments, height: int, width: int) -> str:
    """Return the memory that painting an image of this size takes, as messages say it."""
    if has_trained_style(arguments):
        return format_bytes(trained.predicted_bytes(height, width))
    in_regions = arguments.content_regions != ''
    return format_bytes(painting_any.predicted_bytes(height, width, in_regions))


def head_start(
    arguments: Arguments,
    images: InputImages,
    weights: Sequence[float] | None,
    device: torch.device,
    memory: float = math.inf,
) -> Tensor:
    """Return what -init fast starts from: (3, H, W), RGB, float64.

    It is the content in the style of the style images, mixed with the content as -fast_strength
    says.  A weak mixture of pictures is a better start than a picture of a weak style.
    memory: bytes that the process may use; the style is painted smaller if it needs more, or not at
    all.
    """
    content = images.content
    height, width = content.shape[1:]
    longest = max(height, width)
    side = _largest_side(height, width, bool(images.regions), memory)
    if side == 0:
        return content
    styles = images.styles
    is_said = isinstance(styles, SavedStyle) and longest not in styles.sizes  # by the losses
    with log_level(logging.ERROR if is_said else logging.WARNING):
        paint_content = painting(arguments.with_values(fast_strength=1.0), images, weights, device)
    painted = paint_content(content if side == longest else image.scale(content, side), None)
    if side < longest:
        painted = image.scale_to(painted, width, height)
    return content.lerp(painted.to(content), arguments.fast_strength)


def _largest_side(height: int, width: int, in_regions: bool, memory: float) -> int:
    """Return the longer side of what can be painted at once in memory, up to H x W; perhaps 0."""
    longest = side = max(height, width)
    while painting_any.predicted_bytes(height, width, in_regions) > memory:
        side = int(0.9 * side)
        if side < MIN_START:
            return 0
        height, width = (math.ceil(side / longest * x) for x in (height, width))
        longest = side
    return side


def painting(
    arguments: Arguments,
    images: InputImages,
    weights: Sequence[float] | None,
    device: torch.device,
) -> Painting:
    """Return a function that paints contents in the style of a run, with smoothed statistics."""
    strength, styles = arguments.fast_strength, images.styles
    if isinstance(styles, TrainedStyle):
        count = styles.network.shape.styles
        mixture = checked_weights(weights, count)
        trained_painter = TrainedPainter(styles, device)
        return lambda content, smoothing: trained_painter.paint(
            content, mixture, strength, smoothing
        ).double()
    painter = quiet_painter(device)
    if images.regions:
        assert isinstance(styles, list)
        return lambda content, _: paint(
            content,
            styles,
            strength=strength,
            style_blend_weights=weights,
            region_weights=arguments.region_weights,
            painter=painter,
            **images.regions,
        )
    style = images.style_at_once = blended_style(painter, images, weights)
    return lambda content, smoothing: painter.paint(content, style, strength, smoothing).double()


def saved_at_once(
    images: InputImages, weights: Sequence[float] | None, device: torch.device
) -> dict[int, dict[str, Tensor]]:
    """Return what a saved style holds for painting at once, by the longer side of the content.

    Nothing for negative blend weights, with which one cannot paint at once.
    """
    if isinstance(images.styles, list) and min(checked_weights(weights, len(images.styles))) < 0:
        return {}
    style = images.style_at_once or blended_style(quiet_painter(device), images, weights)
    return {max(images.content.shape[1:]): style_tensors(style)}


def quiet_painter(device: torch.device) -> Painter:
    """Load the network, without loadcaffe's list of its layers."""
    with log_level(logging.WARNING):
        return Painter(device=device)


def blended_style(painter: Painter, images: InputImages, weights: Sequence[float] | None) -> Style:
    """Return the style of the style images, or the one that is in a saved style."""
    if isinstance(images.styles, SavedStyle):
        tensors = images.styles.tensors_at_once(max(images.content.shape[1:]))
        try:
            return style_of_tensors(tensors, painter.device)
        except ValueError as error:
            problem = f'the saved style is damaged: {error}; save it again'
            raise SettingError('style_image', problem, images.styles.name) from error
    assert isinstance(images.styles, list)
    styles = [painter.style(image) for image in images.styles]
    return blended(styles, checked_weights(weights, len(styles)))
