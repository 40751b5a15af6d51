"""The one driver: network → targets → initial image → optimisation."""

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from style_transfer.evaluation import evaluate
from style_transfer.network import LossNetwork
from style_transfer.optimization import optimize
from style_transfer.preprocessing import deprocess, preprocess
from torch7.cmdline import split, tonumber
from torch7.random import Generator

logger = logging.getLogger(__name__)

# The scale of the random start (neural_style.lua: main).
NOISE_SCALE = 0.001


@dataclass(frozen=True)
class Iterate:
    """One evaluation, as a callback sees it.

    iteration: the number of the evaluation, from 1.
    x: the image evaluated, (3, H, W), preprocessed; changed in place once the callback returns.
    loss: the total loss, TV left out, 0-dim float64.
    gradient: of all losses and TV, (3, H, W).
    network: whose content_losses and style_losses hold the single losses in .loss.
    """

    iteration: int
    num_iterations: float
    x: Tensor
    loss: Tensor
    gradient: Tensor
    network: LossNetwork

    @property
    def image(self) -> Tensor:
        """(3, H, W), RGB, float64, not clamped: what the original saves at this evaluation."""
        return deprocess(self.x.cpu().double())


def stylize(
    cnn: nn.Sequential,
    content_image: Tensor,
    style_images: Sequence[Tensor],
    *,
    style_blend_weights: Sequence[float] | None = None,
    content_weight: float = 5e0,
    style_weight: float = 1e2,
    tv_weight: float = 1e-3,
    num_iterations: float = 1000,
    normalize_gradients: bool = False,
    init: str = 'random',
    init_image: Tensor | None = None,
    optimizer: str = 'lbfgs',
    learning_rate: float = 1e1,
    lbfgs_num_correction: float = 0,
    pooling: str = 'max',
    backend: str = 'nn',
    seed: float = -1,
    content_layers: str = 'relu4_2',
    style_layers: str = 'relu1_1,relu2_1,relu3_1,relu4_1,relu5_1',
    multigpu_strategy: str = '',
    devices: Sequence[torch.device | str] = ('cpu',),
    callback: Callable[[Iterate], None] | None = None,
) -> Tensor:
    """Paint the content of one image in the style of others.

    cnn: what loadcaffe.load returns.
    content_image: (3, H, W), RGB in [0, 1].  style_images: likewise, of any sizes.
    init_image: the start when init is 'image', of the content's size; by default the content.
    devices: one, or several to cut the network across.
    callback: called with an Iterate after every evaluation.
    The other keywords are the flags of the command, with their names, defaults and meaning.

    Returns (3, H, W), RGB, float64, not clamped: the image of the last evaluation, which is
    what the command saves last (the original takes one more L-BFGS step and drops it).
    Raises ValueError, naming the flag, for values that make no sense.
    """
    # Check what the original would only notice after the long captures.
    if init not in ('random', 'image'):
        raise ValueError(f'-init {init}: choose random or image')
    if optimizer not in ('lbfgs', 'adam'):
        raise ValueError(f'-optimizer {optimizer}: choose lbfgs or adam')
    for flag, number in (
        ('-num_iterations', num_iterations),
        ('-lbfgs_num_correction', lbfgs_num_correction),
    ):
        if not math.isfinite(number):
            raise ValueError(f'{flag} {number}: give a finite number')
    height, width = content_image.shape[1:]
    if tv_weight > 0 and min(height, width) < 2:
        raise ValueError(
            f'-image_size: the image is {width} x {height} pixels, and TV needs 2 x 2;'
            ' give a larger -image_size, or -tv_weight 0'
        )

    if init_image is not None and init_image.shape != content_image.shape:
        raise ValueError(
            f'-init_image has shape {tuple(init_image.shape)}, the content image'
            f' {tuple(content_image.shape)}: scale it'
        )
    weights = _normalized(style_blend_weights, len(style_images))

    # Set up the network, with style and content losses inserted.
    generator = Generator()
    network = LossNetwork(
        cnn,
        content_weight=content_weight,
        style_weight=style_weight,
        tv_weight=tv_weight,
        content_layers=split(content_layers),
        style_layers=split(style_layers),
        normalize_gradients=normalize_gradients,
        pooling=pooling,
        generator=generator,
        devices=devices,
        multigpu_strategy=_layer_numbers(multigpu_strategy),
    )
    del cnn  # the layers above the last loss need no memory any more
    device = network.devices[0]

    # Capture the targets.
    logger.info('Capturing content targets')
    logger.info(network.text(backend))
    network.capture_content(preprocess(content_image).float().to(device))
    for number, (image, weight) in enumerate(zip(style_images, weights, strict=True), start=1):
        logger.info('Capturing style target %d', number)
        network.capture_style(preprocess(image).float().to(device), weight)

    # Initialise the image.  Noise is drawn on the CPU: a seed gives the same on every device.
    if seed >= 0:
        generator.manual_seed(seed)
    if init == 'random':
        img = generator.randn(*content_image.shape).float() * NOISE_SCALE
    else:
        img = preprocess(content_image if init_image is None else init_image).float()
    img = img.to(device)
    with torch.no_grad():
        # As in the original; it draws the masks of dropout layers once more.
        network(img)

    last = None
    evaluations = 0

    def feval(x: Tensor) -> tuple[Tensor, Tensor]:
        nonlocal evaluations, last
        evaluations += 1
        loss, gradient = evaluate(network, x)
        if callback is not None:
            callback(Iterate(evaluations, num_iterations, x, loss, gradient, network))
        if evaluations >= num_iterations - 1:
            last = x.clone()
        return loss, gradient

    optimize(
        feval,
        img,
        optimizer=optimizer,
        num_iterations=num_iterations,
        learning_rate=learning_rate,
        lbfgs_num_correction=lbfgs_num_correction,
    )
    return deprocess((img if last is None else last).cpu().double())


def _normalized(blend_weights: Sequence[float] | None, n_styles: int) -> list[float]:
    """Blend weights that sum to 1; equal ones by default.

    Weights that sum to 0 come out as NaN or infinite, as in the original.
    """
    if n_styles == 0:
        raise ValueError('-style_image: give at least one')
    if blend_weights is None:
        blend_weights = [1.0] * n_styles
    if len(blend_weights) != n_styles:
        raise ValueError(
            f'-style_blend_weights has {len(blend_weights)} elements for {n_styles} style images'
        )
    weights = torch.tensor(blend_weights, dtype=torch.float64)
    return (weights / weights.sum()).tolist()


def _layer_numbers(multigpu_strategy: str) -> list[int]:
    numbers = [tonumber(item) for item in split(multigpu_strategy)]
    if not all(isinstance(number, int) for number in numbers):
        raise ValueError(
            f'-multigpu_strategy {multigpu_strategy}: give layer numbers, such as 3,12'
        )
    return [int(number) for number in numbers if number is not None]
