"""-fast: the picture painted at once."""

import logging
import os
from collections.abc import Sequence

import torch
from torch import Tensor

from neural_style.command.arguments import Arguments
from neural_style.command.images import InputImages
from neural_style.command.report import DryRun
from neural_style.command.saving import FinalPicture, OutputImage, save_final
from neural_style.command.terminal import log_level
from neural_style.fast.encoder import Style
from neural_style.fast.painting import Painter, blended, predicted_bytes
from neural_style.memory.limits import format_bytes
from neural_style.transfer.inputs import normalize_weights


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
        peak = format_bytes(predicted_bytes(height, width))
        raise DryRun(f'{width} x {height} in one pass of the fast network; predicted peak {peak}')
    painted = painted_at_once(arguments, images, weights, device)
    path = arguments.output_image
    replaced = os.path.exists(path)
    complete = arguments.num_iterations  # what the recipe of a complete picture says
    save_final(path, output.picture_writer(complete, output.recolored(painted)))
    return FinalPicture(path, replaced) if arguments.picture_stream is None else None


def painted_at_once(
    arguments: Arguments,
    images: InputImages,
    weights: Sequence[float] | None,
    device: torch.device,
) -> Tensor:
    """Return the content in the style of the style images: (3, H, W), RGB, float64."""
    painter = quiet_painter(device)
    style = blended_style(painter, images, weights)
    return painter.paint(images.content, style, arguments.fast_strength).double()


def quiet_painter(device: torch.device) -> Painter:
    """Load the network, without loadcaffe's list of its layers."""
    with log_level(logging.WARNING):
        return Painter(device=device)


def blended_style(painter: Painter, images: InputImages, weights: Sequence[float] | None) -> Style:
    """Return the style of the style images."""
    assert isinstance(images.styles, list)
    styles = [painter.style(image) for image in images.styles]
    return blended(styles, normalize_weights(weights, len(styles)))
