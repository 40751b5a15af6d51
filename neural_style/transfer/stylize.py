"""The one driver: network → targets → initial image → optimisation."""

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from neural_style.distributed import SINGLE_PROCESS, World
from neural_style.kernels.precision import REDUCED_PRECISION_MAX_STEP, choose_precision
from neural_style.memory.heap import trim
from neural_style.network.building import LOSSES
from neural_style.network.loss_network import LossNetwork
from neural_style.planning.planner import Plan, choose_plan
from neural_style.planning.prediction import saving
from neural_style.torch7.cmdline import split, tonumber
from neural_style.torch7.optim import LONG
from neural_style.torch7.random import Generator
from neural_style.transfer.canvas import ImageParametrization, paper_color, resolve_paper_mask
from neural_style.transfer.checkpoint import Checkpoint, to_device
from neural_style.transfer.color import grey, recolor
from neural_style.transfer.evaluation import evaluate, is_finite
from neural_style.transfer.optimization import history_size, optimize
from neural_style.transfer.preprocessing import deprocess, preprocess

logger = logging.getLogger(__name__)

LARGEST = torch.finfo(torch.float32).max


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
    cnn: nn.Sequential | Callable[[], nn.Sequential],
    content_image: Tensor | Callable[[], Tensor],
    style_images: Sequence[Tensor] | Callable[[], Sequence[Tensor]],
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
    losses: str = 'neural_style',
    missing_layers: str = 'warn',
    precision: str = 'fp32',
    noise_scale: float = 0.001,
    lbfgs_max_step: float = 0,
    fourier_decay: float = 0,
    adam_beta1: float = 0.9,
    adam_beta2: float = 0.999,
    adam_epsilon: float = 1e-8,
    luminance_only: float = 0,
    recolor_content: float = 0,
    paper_mask: str | Tensor = '',
    paper_range: str = '0.7,0.9',
    memory: str = '',
    devices: Sequence[torch.device | str] = ('cpu',),
    generator: Generator | None = None,
    callback: Callable[[Iterate], None] | None = None,
    before: Callable[[Checkpoint], None] | None = None,
    state: Mapping[str, Any] | None = None,
    world: World = SINGLE_PROCESS,
    planned: Callable[[Plan], None] | None = None,
    exact: bool = True,
) -> Tensor:
    """Paint the content of one image in the style of others.

    cnn: what loadcaffe.load returns, or a function that loads it: called when the settings have
        been found good.  Its layers are used, not copied: they go to the devices, channels last.
    content_image: (3, H, W), RGB in [0, 1].  style_images: likewise, of any sizes.  Either may be a
        function that returns it, called once: what nobody else holds then is given up when the
        targets are known.
    init_image: the start when init is 'image', of the content's size; by default the content.
    paper_mask: '', 'auto', or (1, H, W) in [0, 1]: where it is 1 the image is bare paper, of the
        mean colour of the style's brightest tenth, where it is 0 it is painted.  Style is then
        compared over what is painted, in the style images as well.
    devices: one, or several to cut the network across.
    generator: of the random numbers before the seed counts, and without one; a new one by default.
    callback: called with an Iterate after every evaluation.
    before: called with a Checkpoint before every evaluation; what it raises ends the run.
    state: of a Checkpoint, to go on from there: with the same images and settings, num_iterations
        apart, the result is that of a run without interruption, to the last bit on a CPU.  Its
        tensors become the run's own.
    world: the processes that share the run, each of which calls stylize with the same images and
        settings; an image that is too small to share is worked out by all of them alike.  Callbacks
        are called everywhere; a Checkpoint holds what one process has of the optimiser's vectors.
    planned: called with the plan that fits in the memory, before anything is run.  A callback that
        takes memory asks the plan to make room first.
    exact: of LossNetwork.
    The other keywords are the flags of the command, with their names, defaults and meaning.

    Returns (3, H, W), RGB, float64, not clamped: the image of the last evaluation, which is
    what the command saves last (the original takes one more L-BFGS step and drops it).
    Raises ValueError, naming the flag, for values that make no sense; RankLostError if another
    process has ended.
    """
    released_bytes = 0  # bytes
    if callable(content_image):
        content_image = content_image()
        released_bytes += content_image.nbytes
    if callable(style_images):
        style_images = style_images()
        released_bytes += sum(image.nbytes for image in style_images)
    _check_image('content_image', content_image)
    for k in range(len(style_images)):
        _check_image(f'style_images[{k}]', style_images[k])
    # Check what the original would only notice after the long captures.
    if init not in ('random', 'image'):
        raise ValueError(f'-init {init}: choose random or image')
    if optimizer not in ('lbfgs', 'adam'):
        raise ValueError(f'-optimizer {optimizer}: choose lbfgs or adam')
    if losses not in LOSSES:
        raise ValueError(f'-losses {losses}: choose neural_style or paper')
    if missing_layers not in ('warn', 'error'):
        raise ValueError(f'-missing_layers {missing_layers}: choose warn or error')
    rate = learning_rate if optimizer == 'adam' else 0
    pairs_wanted = lbfgs_num_correction if optimizer == 'lbfgs' else 0
    step = lbfgs_max_step
    finite = 'a finite number'
    for flag, number, valid, want in (
        ('-content_weight', content_weight, math.isfinite(content_weight), finite),
        ('-style_weight', style_weight, math.isfinite(style_weight), finite),
        ('-tv_weight', tv_weight, math.isfinite(tv_weight), finite),
        ('-num_iterations', num_iterations, math.isfinite(num_iterations), finite),
        ('-lbfgs_num_correction', pairs_wanted, math.isfinite(pairs_wanted), finite),
        ('-noise_scale', noise_scale, math.isfinite(noise_scale), finite),
        ('-seed', seed, math.isfinite(seed), finite),
        ('-learning_rate', rate, abs(rate) <= LARGEST, f'a number up to {LARGEST:g}'),
        ('-lbfgs_max_step', step, 0 <= step <= LARGEST, f'a number from 0 to {LARGEST:g}'),
        ('-fourier_decay', fourier_decay, 0 <= fourier_decay <= 1, 'a number from 0 to 1'),
        ('-adam_beta1', adam_beta1, 0 <= adam_beta1 < 1, 'a number from 0 to below 1'),
        ('-adam_beta2', adam_beta2, 0 <= adam_beta2 < 1, 'a number from 0 to below 1'),
        ('-adam_epsilon', adam_epsilon, 0 < adam_epsilon < math.inf, 'a number above 0'),
        ('-luminance_only', luminance_only, luminance_only in (0, 1), '0 or 1'),
        ('-recolor_content', recolor_content, 0 <= recolor_content <= 1, 'a number from 0 to 1'),
    ):
        if not valid:
            raise ValueError(f'{flag} {number}: give {want}')
    whole = float(num_iterations).is_integer()  # else L-BFGS goes beyond
    if state is not None and whole and state['iteration'] >= max(num_iterations, 1):
        raise ValueError(
            f'-num_iterations: the run to go on with has done {state["iteration"]} of'
            f' {num_iterations}; give more'
        )
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
    if not style_images and (split(style_layers) or recolor_content or paper_mask != ''):
        raise ValueError('-style_image: give at least one')
    weights = _normalized(style_blend_weights, len(style_images))
    content_names, content_layer_weights = _layer_weights('-content_layers', content_layers)
    style_names, style_layer_weights = _layer_weights('-style_layers', style_layers)
    if losses == 'paper' or content_layer_weights or style_layer_weights:
        missing_layers = 'error'
    if luminance_only:
        content_image = grey(content_image)
        style_images = [grey(image) for image in style_images]
        init_image = None if init_image is None else grey(init_image)
    contents = [content_image]
    if recolor_content:
        content_image = recolor(content_image, style_images, recolor_content)
        contents.append(content_image)
    mask, style_guides = resolve_paper_mask(paper_mask, paper_range, contents, style_images)
    if state is None:
        precision = world.broadcast(choose_precision(precision, torch.device(devices[0])))
    else:
        precision = state['precision']
    if precision != 'fp32' and lbfgs_max_step == 0:
        lbfgs_max_step = REDUCED_PRECISION_MAX_STEP
    cuts = _layer_numbers(multigpu_strategy) if len(devices) > 1 else []

    # Set up the network, with style and content losses inserted.
    generator = generator or Generator()
    if state is not None:
        generator.restore(state['begun'])  # dropout draws from it for the targets already
    begun = generator.state()
    network = LossNetwork(
        cnn if isinstance(cnn, nn.Sequential) else cnn(),
        content_weight=content_weight,
        style_weight=style_weight,
        tv_weight=tv_weight,
        content_layers=content_names,
        style_layers=style_names,
        normalize_gradients=normalize_gradients,
        pooling=pooling,
        generator=generator,
        devices=devices,
        multigpu_strategy=cuts,
        losses=losses,
        content_layer_weights=content_layer_weights,
        style_layer_weights=style_layer_weights,
        missing_layers=missing_layers,
        precision=precision,
        world=world,
        exact=exact,
    )
    del cnn  # the layers above the last loss need no memory any more
    device = network.devices[0]

    # Plan what fits in the memory.
    pairs = 0
    if optimizer == 'lbfgs':
        pairs = int(min(history_size(lbfgs_num_correction) + 1, max(num_iterations - 1, 1)))
    style_sizes = [(image.shape[1], image.shape[2]) for image in style_images]
    plan = choose_plan(
        network,
        (height, width),
        style_sizes,
        pairs=pairs,
        memory=memory,
        released_bytes=released_bytes,
        reparametrized=bool(luminance_only) or mask is not None or fourier_decay != 0,
    )
    network.tiling = plan.tiling
    if planned is not None:
        planned(plan)
    elif not plan.plain:
        logger.warning('%s', plan.text)

    # Capture the targets.
    logger.info('Capturing content targets')
    logger.info(network.describe(backend))
    network.capture_content(preprocess(content_image).float().to(device))
    for k in range(len(style_images)):
        logger.info('Capturing style target %d', k + 1)
        style_image = preprocess(style_images[k]).float().to(device)
        network.capture_style(style_image, weights[k], style_guides[k])
        del style_image
    held = precision != 'fp16' or all(is_finite(loss.target) for loss in network.losses)
    if not held and all(map(math.isfinite, weights)):
        raise ValueError(
            '-precision fp16: the features of these images go beyond 65504, the largest number of'
            ' float16; use bf16 or fp32'
        )

    # Initialise the image.  Noise is drawn on the CPU: a seed gives the same on every device.
    if seed >= 0:
        generator.manual_seed(seed)
    if state is not None:
        img = state['image']
    elif init == 'random':
        img = generator.randn(*content_image.shape).float() * noise_scale
    else:
        img = preprocess(content_image if init_image is None else init_image).float()
    paper = None
    if mask is not None:
        network.guide_style(1 - mask)
        mask = mask.float().to(device)
        paper = preprocess(paper_color(style_images, weights)).float().to(device)
    canvas = ImageParametrization(bool(luminance_only), mask, paper, fourier_decay)
    del content_image, style_images, contents, init_image
    if state is None:
        img = canvas.start(img.to(device))
        # As in the original; it draws the masks of dropout layers once more.
        network.forward_only(canvas.image(img))
        img = world.broadcast(img)
        progress: dict[str, Any] = {}
        evaluations = 0
    else:
        img = img.to(device)
        generator.restore(state['generator'])
        network.scale = state['network_scale']
        progress = to_device(state['optimizer'], device)
        evaluations = state['iteration']

    # The optimiser's vectors are shared too; of small images, everything is everywhere.
    shape = (1 if luminance_only else 3, height, width)
    shared = world if math.prod(shape) > LONG else SINGLE_PROCESS
    if state is None:
        img = shared.shard(img)
    elif img.numel() != math.prod(shape) and shared.size == 1:
        raise ValueError(f'-resume: the state is of another image than one of {width} x {height}')
    last = None
    # L-BFGS may come to its end one evaluation before the last.
    end = num_iterations - 1 if optimizer == 'lbfgs' else int(num_iterations)
    grown = False  # whether the optimiser has its vectors, and the callback a picture to go back to

    def whole_image(z: Tensor) -> Tensor:
        return canvas.image(shared.all_gather(z, shape))

    def feval(z: Tensor) -> tuple[Tensor, Tensor]:
        nonlocal evaluations, last, grown
        if before is not None:
            now = generator.state()
            before(Checkpoint(evaluations, z, progress, network.scale, precision, now, begun))
        evaluations += 1
        x = whole_image(z)
        loss, gradient = evaluate(network, x)
        ending = evaluations >= end
        # Adam's two averages, or one more pair of L-BFGS, and what a callback keeps.
        plan.reserve(x.nbytes * ((2 * (pairs > 0) if grown else 3) + ending))
        grown = True
        if callback is not None:
            callback(Iterate(evaluations, num_iterations, x, loss, gradient, network))
        if ending:
            last = x.clone()
        return loss, shared.shard(canvas.gradient(gradient))

    if device.type == 'cpu':
        trim()  # what is free is in pieces that the way back cannot all use
    optimize(
        feval,
        img,
        progress,
        optimizer=optimizer,
        num_iterations=num_iterations,
        learning_rate=learning_rate,
        lbfgs_num_correction=lbfgs_num_correction,
        lbfgs_max_step=lbfgs_max_step,
        adam_beta1=adam_beta1,
        adam_beta2=adam_beta2,
        adam_epsilon=adam_epsilon,
        total=None if shared.size == 1 else shared.all_reduce,
        history=plan.history,
        history_on_host=plan.on_host,
    )
    plan.reserve(saving((height, width)))
    return deprocess((whole_image(img) if last is None else last).cpu().double())


def _check_image(name: str, image: Tensor) -> None:
    if image.dim() != 3 or len(image) != 3 or not image.is_floating_point():
        shape = tuple(image.shape)
        raise ValueError(f'{name}: {image.dtype} of shape {shape}; give floats (3, H, W), RGB')


def _normalized(blend_weights: Sequence[float] | None, n_styles: int) -> list[float]:
    """Blend weights that sum to 1; equal ones by default.

    Weights that sum to 0 come out as NaN or infinite, as in the original.
    """
    if blend_weights is None:
        blend_weights = [1.0] * n_styles
    if len(blend_weights) != n_styles:
        raise ValueError(
            f'-style_blend_weights has {len(blend_weights)} elements for {n_styles} style images'
        )
    weights = torch.tensor(blend_weights, dtype=torch.float64)
    return (weights / weights.sum()).tolist()


def _layer_weights(flag: str, text: str) -> tuple[list[str], dict[str, float]]:
    """Layers, and the weights of those that have one: relu4_2,relu5_2:0.5."""
    names, weights = [], {}
    for item in split(text):
        name, colon, weight = item.rpartition(':')
        number = tonumber(weight) if colon else None
        if number is None:
            names.append(item)
        elif not math.isfinite(number):
            raise ValueError(f'{flag} {item}: give a finite weight')
        else:
            names.append(name)
            weights[name] = number
    return names, weights


def _layer_numbers(multigpu_strategy: str) -> list[int]:
    numbers = [tonumber(item) for item in split(multigpu_strategy)]
    if not all(isinstance(number, int) for number in numbers):
        raise ValueError(
            f'-multigpu_strategy {multigpu_strategy}: give layer numbers, such as 3,12'
        )
    return [int(number) for number in numbers if number is not None]
