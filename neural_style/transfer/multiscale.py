"""Coarse to fine: a run at each of several sizes, each starting from the image of the last."""

import contextlib
import functools
import itertools
import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import torch
from torch import Tensor, nn

from neural_style.errors import SettingError
from neural_style.memory.heap import release_free_memory
from neural_style.modes import default_modes
from neural_style.network.loss_network import LossNetwork
from neural_style.planning.planner import Plan
from neural_style.torch7 import image
from neural_style.transfer.checkpoint import Checkpoint
from neural_style.transfer.color import original_colors
from neural_style.transfer.forecast import plan_scales
from neural_style.transfer.images import Image, as_image, as_mask
from neural_style.transfer.inputs import called
from neural_style.transfer.region_masks import (
    ContentRegions,
    StyleRegions,
    as_content_regions,
    as_style_regions,
)
from neural_style.transfer.saved_style import SavedStyle, StyleImages, as_styles
from neural_style.transfer.session import Iterate, Session, ignore
from neural_style.transfer.setting_forms import CoarseScale, Scales, parse_layers, parse_scales
from neural_style.transfer.settings import Settings, make_settings
from neural_style.transfer.stylize import stylize

logger = logging.getLogger(__name__)

# Evaluations of a run at half the size, for each one of the next.
COARSER = 2
# A single number up to this is a number of scales, a larger one a size.
MAX_SCALES = 8
MIN_SIZE = 16
# L-BFGS without a limit may leap out of the picture that the last scale has left.
SAFE_MAX_STEP = 10


def scales(multiscale: Scales, size: int) -> list[int]:
    """Return the longer sides of all scales, the smallest first; the last one is size.

    '3', or 3, halves twice: size / 4, size / 2, size; '128,256' lists the sizes before the last,
    and so does '1/4,1/2', as parts of it that are left out below MIN_SIZE; '' and '1' are size
    alone.  Behind a colon stands how many times the last scale's evaluations one has: '1/2:1/3'.
    Raises SettingError for anything else, and sizes that do not grow.
    """
    return [int(scale.size) for scale in _all_scales(multiscale, size)]


def iterations(multiscale: Scales, size: int, num_iterations: float) -> list[float]:
    """Return the evaluations at each size, num_iterations at the last one.

    Where multiscale does not say how many, half the size gets COARSER times as many.
    """
    if not math.isfinite(num_iterations):
        raise SettingError('num_iterations', 'give a finite number', num_iterations)
    coarse = _all_scales(multiscale, size)[:-1]
    times = [x.evaluations or (size / x.size) ** math.log2(COARSER) for x in coarse]
    return [*(math.ceil(Fraction(num_iterations) * number) for number in times), num_iterations]


def _all_scales(multiscale: Scales, size: int) -> list[CoarseScale]:
    """Return all scales, the smallest first, their sizes in whole pixels; the last one is size.

    Raises SettingError for what scales refuses.
    """
    coarse = parse_scales(multiscale)
    if len(coarse) == 1 and coarse[0].evaluations is None and 1 <= coarse[0].size <= MAX_SCALES:
        steps = range(int(coarse[0].size) - 1, 0, -1)
        listed = [CoarseScale(Fraction(size >> step)) for step in steps]
    else:
        kept = [x for x in coarse if x.size >= 1 or x.pixels(size) >= MIN_SIZE]
        listed = [x._replace(size=Fraction(x.pixels(size))) for x in kept]
    sizes = [*(int(scale.size) for scale in listed), size]
    grow = all(a < b for a, b in itertools.pairwise(sizes))
    if listed and (sizes[0] < MIN_SIZE or not grow):
        raise SettingError(
            'multiscale',
            f'sizes {",".join(map(str, sizes))} must grow up to the `image_size`, from {MIN_SIZE}',
            multiscale,
        )
    return [*listed, CoarseScale(Fraction(size))]


@default_modes()
def stylize_multiscale(
    cnn: nn.Sequential | Callable[[], nn.Sequential],
    content_image: Image | Callable[[], Image],
    style_images: StyleImages,
    *,
    multiscale: Scales,
    content_detail: bool = True,
    style_blend_weights: Sequence[float] | None = None,
    init_image: Image | None = None,
    devices: Sequence[torch.device | str] = ('cpu',),
    callback: Callable[[Iterate], None] | None = None,
    session: Session | None = None,
    settings: Settings | None = None,
    **keywords: Any,
) -> Tensor:
    """Call stylize at several sizes, from coarse to fine; the arguments are stylize's.

    multiscale: the sizes, as scales reads them.  The images have the full size; for the runs before
    the last they are scaled down, the style images by the same factor.  num_iterations is that of
    the last run; others have as many as multiscale says, or at half the size twice as many.  Hooks
    and callback see all runs; a Checkpoint knows its scale.  With a resume_from, on_network sees
    the networks of the scales before it as well.  Nothing is rounded as in Torch7.
    content_detail: whether content losses give an enlarged picture the content's fine detail.
    """
    session = session or Session()
    settings, pictures = make_settings(settings, keywords)
    cnn = cnn if isinstance(cnn, nn.Sequential) else functools.cache(cnn)
    content = as_image('content_image', called(content_image))
    styles = as_styles(called(style_images))
    pictures = _read_pictures(**pictures)
    sizes = scales(multiscale, max(content.shape[1:]))
    first = _first_scale(session)
    factors = [size / sizes[-1] for size in sizes[first:]]
    counts = iterations(multiscale, sizes[-1], settings.num_iterations)[first:]
    settings = settings if len(sizes) == 1 else _with_safe_steps(settings)
    start = _read_start(settings, init_image, session)
    coarser: Tensor | None = None
    shared: dict[str, Any] = {'style_blend_weights': style_blend_weights, 'devices': devices}
    whole = shared | _pictures_at(pictures, content)
    # Refuse at once what would not fit in the end.
    plans = plan_scales(cnn, content, styles, factors, counts, session, settings, **whole)
    for scale, (factor, count, plan) in enumerate(zip(factors, counts, plans, strict=True), first):
        scaled = _begun(content, factor)
        start = None if start is None else _enlarged(start, scaled, coarser)
        with contextlib.suppress(_FinishedScale):
            start = stylize(
                cnn,
                scaled,
                _resized_styles(styles, factor),
                init_image=start,
                callback=callback,
                session=_session_at(session, scale, len(sizes) == 1, plan),
                settings=_settings_at(settings, count, start, content, scaled),
                **shared,
                **_pictures_at(pictures, scaled),
            )
        coarser = scaled if content_detail and _has_content_losses(settings) else None
        session = _released(session, scale)
    assert start is not None
    return _finished(start, content, settings, session)


def _with_safe_steps(settings: Settings) -> Settings:
    return replace(settings, lbfgs_max_step=settings.lbfgs_max_step or SAFE_MAX_STEP)


def _read_start(settings: Settings, init_image: Image | None, session: Session) -> Tensor | None:
    has_start = settings.init == 'image' and init_image is not None
    return as_image('init_image', init_image, session.start_tolerance) if has_start else None


def _has_content_losses(settings: Settings) -> bool:
    names = parse_layers('content_layers', settings.content_layers).names
    return settings.content_weight != 0 and any(names)


def _read_pictures(
    paper_mask: Image | None = None,
    content_regions: ContentRegions | None = None,
    style_regions: StyleRegions | None = None,
) -> dict[str, Any]:
    """Return those of the pictures that there are, read once for all scales."""
    pictures = {
        'paper_mask': None if paper_mask is None else as_mask('paper_mask', paper_mask),
        'content_regions': as_content_regions(content_regions),
        'style_regions': as_style_regions(style_regions) or None,
    }
    return {name: picture for name, picture in pictures.items() if picture is not None}


def _pictures_at(pictures: dict[str, Any], scaled: Tensor) -> dict[str, Any]:
    """Return the pictures for a scale's content image; those of regions may have any size."""
    if 'paper_mask' not in pictures:
        return pictures
    height, width = scaled.shape[1:]
    return pictures | {'paper_mask': image.scale_to(pictures['paper_mask'], width, height)}


def _finished(result: Tensor, content: Tensor, settings: Settings, session: Session) -> Tensor:
    """Return the result of the last scale, with the colours of the content if it gets them."""
    if settings.keeps_content_colors and session.restores_colors:
        return original_colors(content, result)
    return result


def _begun(content: Tensor, factor: float) -> Tensor:
    """Return the content image of a scale, with what the scale before has left in memory freed."""
    release_free_memory()
    scaled = _resized(content, factor)
    logger.info('Scale %d x %d', scaled.shape[2], scaled.shape[1])
    return scaled


def _resized(picture: Tensor, factor: float) -> Tensor:
    return picture if factor == 1 else image.scale(picture, max(picture.shape[1:]) * factor)


def _resized_styles(styles: list[Tensor] | SavedStyle, factor: float) -> list[Tensor] | SavedStyle:
    return styles if isinstance(styles, SavedStyle) else [_resized(x, factor) for x in styles]


def _enlarged(result: Tensor, content: Tensor, coarser: Tensor | None) -> Tensor:
    """Enlarge a result to the size of the content image, and add the details that it then lacks.

    coarser: the content image at the result's size; None adds nothing.
    With the genuine VGG-19 to relu3_1 the loss starts at a third or less of that without the
    details, and ends 2 to 6 % lower after 100 evaluations.
    """
    height, width = content.shape[1:]
    enlarged = image.scale_to(result, width, height)
    if coarser is None:
        return enlarged
    return enlarged + content - image.scale_to(coarser, width, height)


def _settings_at(
    settings: Settings, num_iterations: float, start: Tensor | None, full: Tensor, scaled: Tensor
) -> Settings:
    """Return the settings of a scale; full, scaled: the content image.

    The losses of neural_style.lua are means, and the sum of squared differences that TV is does
    not change with the size of a smooth image either, so the weights stay; the paper's content
    loss is a sum, and its weight grows as the pixels get fewer.
    """
    pixels = full[0].numel() / scaled[0].numel() if settings.losses == 'paper' else 1
    return replace(
        settings,
        num_iterations=num_iterations,
        init=settings.init if start is None else 'image',
        content_weight=settings.content_weight * pixels,
    )


def _first_scale(session: Session) -> int:
    """Return the number of the scale to begin with: the hook on_network sees the finished ones."""
    checkpoint = session.resume_from
    return checkpoint.scale if checkpoint is not None and session.on_network is ignore else 0


def _released(session: Session, scale: int) -> Session:
    """Return the session of the scales behind one: without the checkpoint that it went on from."""
    return session if _is_finished(session, scale) else replace(session, resume_from=None)


def _is_finished(session: Session, scale: int) -> bool:
    """Tell whether a scale was finished before the checkpoint."""
    return session.resume_from is not None and scale < session.resume_from.scale


class _FinishedScale(Exception):
    """Ends the run at a scale that was finished before the checkpoint, once it has its targets."""


def _session_at(session: Session, scale: int, exact: bool, plan: Plan | None) -> Session:
    """Return the session of a scale, which its checkpoints name."""

    def on_evaluation_start(checkpoint: Checkpoint) -> None:
        session.on_evaluation_start(replace(checkpoint, scale=scale))

    def on_network(network: LossNetwork) -> None:
        session.on_network(network)
        raise _FinishedScale

    is_finished = _is_finished(session, scale)
    return replace(
        session,
        on_network=on_network if is_finished else session.on_network,
        on_evaluation_start=on_evaluation_start,
        resume_from=None if is_finished else session.resume_from,
        exact=exact,
        plan=plan,
        restores_colors=False,
        own_start=True,  # of a coarser scale, or read above
    )
