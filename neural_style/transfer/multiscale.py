"""Coarse to fine: a run at each of several sizes, every one from the picture of the last."""

import functools
import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from torch import Tensor, nn

from neural_style.torch7 import image
from neural_style.torch7.cmdline import split, tonumber
from neural_style.transfer.checkpoint import Checkpoint
from neural_style.transfer.stylize import Iterate, stylize

logger = logging.getLogger(__name__)

# Evaluations of a run of half the size, for each one of the next.
COARSER = 2
# One number up to here is a number of scales, above a size.
MOST_HALVINGS = 8
LEAST_SIZE = 16


def scales(multiscale: str, size: int) -> list[int]:
    """The longer sides of the flag -multiscale, the smallest first, the last one size.

    '3' halves twice: size / 4, size / 2, size; '128,256' lists the sizes before the last; '' and
    '1' are size alone.  Raises ValueError for what is neither, or sizes that do not grow.
    """
    items = split(multiscale)
    numbers = [tonumber(item) for item in items]
    if not all(isinstance(number, int) and number > 0 for number in numbers):
        raise ValueError(f'-multiscale {multiscale}: give a number of scales, or sizes: 128,256')
    found = [int(number) for number in numbers if number is not None]
    if len(found) == 1 and found[0] <= MOST_HALVINGS:
        found = [size >> step for step in range(found[0] - 1, 0, -1)]
    sizes = [*found, size]
    if not found:
        return sizes
    if any(a >= b for a, b in zip(sizes, sizes[1:], strict=False)) or sizes[0] < LEAST_SIZE:
        raise ValueError(
            f'-multiscale {multiscale}: sizes {",".join(map(str, sizes))} must grow up to the'
            f' -image_size, from {LEAST_SIZE}'
        )
    return sizes


def iterations(sizes: Sequence[int], num_iterations: float) -> list[float]:
    """Evaluations at each size: num_iterations at the last, COARSER times as many at half of it."""
    if not math.isfinite(num_iterations):
        raise ValueError(f'-num_iterations {num_iterations}: give a finite number')
    more = [(sizes[-1] / size) ** math.log2(COARSER) for size in sizes[:-1]]
    return [*(math.ceil(num_iterations * times) for times in more), num_iterations]


def stylize_multiscale(
    cnn: nn.Sequential | Callable[[], nn.Sequential],
    content_image: Tensor | Callable[[], Tensor],
    style_images: Sequence[Tensor] | Callable[[], Sequence[Tensor]],
    *,
    multiscale: str,
    num_iterations: float = 1000,
    init: str = 'random',
    init_image: Tensor | None = None,
    content_weight: float = 5e0,
    losses: str = 'neural_style',
    paper_mask: str | Tensor = '',
    callback: Callable[[Iterate], None] | None = None,
    before: Callable[[Checkpoint], None] | None = None,
    state: Mapping[str, Any] | None = None,
    **settings: Any,
) -> Tensor:
    """stylize, from coarse to fine.

    The images have the full size; they are scaled down for the runs before the last, the style
    images by the same factor.  num_iterations is that of the last run; one with a quarter of the
    pixels gets twice as many, which cost as much as half of it.  The callback sees them all, and so
    does before; state goes on with the scale that it was taken at.
    Small images are not rounded as Torch7 does, which has nothing of the kind.
    The losses of neural_style.lua are means, and the sum of squared differences that TV is does
    not change with the size of a smooth picture either, so the weights stay; the paper's content
    loss is a sum, and its weight grows as the pixels get fewer.  What a picture lacks when it has
    been enlarged, the details of the content image, is added to it: with the genuine VGG-19 to
    relu3_1 the loss starts at a third or less of that without, and ends 2 to 6 % lower after 100.
    """
    if not isinstance(cnn, nn.Sequential):
        cnn = functools.cache(cnn)
    if callable(content_image):
        content_image = content_image()
    if callable(style_images):
        style_images = style_images()
    full = max(content_image.shape[1:])
    result = init_image if init == 'image' else None
    coarser: Tensor | None = None
    sizes = scales(multiscale, full)
    plan = enumerate(zip(sizes, iterations(sizes, num_iterations), strict=True))
    for scale, (size, number) in plan:
        if state is not None and scale < state['scale']:
            continue
        factor = size / full
        small = [content_image, *style_images]
        if size < full:
            small = [image.scale(picture, max(picture.shape[1:]) * factor) for picture in small]
        content, styles = small[0], small[1:]
        height, width = content.shape[1:]
        if result is not None:
            result = image.scale_to(result, width, height)
        if result is not None and coarser is not None:
            result = result + content - image.scale_to(coarser, width, height)
        coarser = content
        mask = paper_mask
        if isinstance(mask, Tensor):
            mask = image.scale_to(mask, width, height)
        pixels = content_image[0].numel() / content[0].numel()
        logger.info('Scale %d x %d', width, height)
        result = stylize(
            cnn,
            content,
            styles,
            num_iterations=number,
            init='image' if result is not None else init,
            init_image=result,
            content_weight=content_weight * (pixels if losses == 'paper' else 1),
            losses=losses,
            paper_mask=mask,
            callback=callback,
            before=None if before is None else functools.partial(_at_scale, before, scale),
            state=state,
            exact=len(sizes) == 1,
            **settings,
        )
        state = None
    assert result is not None
    return result


def _at_scale(before: Callable[[Checkpoint], None], scale: int, checkpoint: Checkpoint) -> None:
    before(replace(checkpoint, scale=scale))
