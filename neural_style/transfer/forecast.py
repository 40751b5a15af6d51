"""The plans of several scales, made before the first one is run."""

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from neural_style.logs import log_level
from neural_style.planning.planner import Plan
from neural_style.torch7.image import scaled_size
from neural_style.transfer.checks import as_devices
from neural_style.transfer.inputs import prepare
from neural_style.transfer.saved_style import SavedStyle
from neural_style.transfer.session import Session
from neural_style.transfer.settings import Settings
from neural_style.transfer.stylize import build, make_plan, resolve
from neural_style.transfer.targets import guide_style

PIXEL_BYTES = 3 * 8  # of an image in float64


def plan_scales(
    cnn: nn.Sequential | Callable[[], nn.Sequential],
    content: Tensor,
    styles: list[Tensor] | SavedStyle,
    factors: Sequence[float],
    counts: Sequence[float],
    session: Session,
    settings: Settings,
    *,
    style_blend_weights: Sequence[float] | None,
    devices: Sequence[torch.device | str],
    **pictures: Any,
) -> list[Plan | None]:
    """Return the plan of every scale, as no scale has left kernels and buffers behind yet.

    factors: of the scales, the last one 1.  counts: the evaluations of each.  pictures: the mask
    and the regions, for the whole image.
    A single scale makes its plan itself, and gets None.
    Raises SettingError if a scale does not fit in memory, the last one before all others.
    """
    if len(factors) == 1:
        return [None]
    loaded = cnn if isinstance(cnn, nn.Sequential) else cnn()
    with log_level(logging.CRITICAL):  # the runs will say it all
        devices = as_devices(devices)
        settings = resolve(settings, session, devices[0])
        inputs = prepare(settings, content, styles, None, style_blend_weights, **pictures)
        session = replace(session, exact=False)
        network = build(loaded, settings, session, session.make_generator(), devices)
        guide_style(network, inputs)
    sides = [tuple(style.shape[1:]) for style in inputs.styles]
    coming = _coming_bytes(inputs.size, sides, factors)
    plans = [
        make_plan(network, inputs, replace(settings, num_iterations=count), factor, size)
        for factor, count, size in reversed([*zip(factors, counts, coming, strict=True)])
    ]
    session.on_plans(plans[::-1])
    return [*reversed(plans)]


def _coming_bytes(
    size: tuple[int, int], style_sizes: Sequence[tuple[int, ...]], factors: Sequence[float]
) -> list[int]:
    """Count the bytes of images that every scale has beside those of the full size.

    They are what it starts from, the content image of the scale before, and its own images.
    """
    pixels = [_pixels(size, factor) for factor in factors]
    own = [sum(_pixels(each, factor) for each in (size, *style_sizes)) for factor in factors]
    own[-1] = 0  # the images of the full size
    before = [0, *pixels[:-1]]
    return [PIXEL_BYTES * sum(each) for each in zip(pixels, own, before, strict=True)]


def _pixels(size: tuple[int, ...], factor: float) -> int:
    return math.prod(scaled_size((size[0], size[1]), max(size) * factor))
