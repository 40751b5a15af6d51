"""The one driver: network → targets → initial image → optimisation."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from neural_style.errors import SettingError
from neural_style.kernels.precision import REDUCED_PRECISION_MAX_STEP, choose_precision
from neural_style.memory.heap import release_free_memory
from neural_style.modes import default_modes, without_inference_tensors
from neural_style.network.loss_network import LossNetwork
from neural_style.planning.planner import Plan, choose_plan
from neural_style.planning.prediction import saving_bytes
from neural_style.torch7.image import scaled_size
from neural_style.torch7.optim import LONG_VECTOR
from neural_style.torch7.random import Generator
from neural_style.transfer.canvas import ImageParametrization
from neural_style.transfer.checks import as_devices, check_functions, check_network
from neural_style.transfer.color import original_colors
from neural_style.transfer.divergence import MonitoredCallback
from neural_style.transfer.images import Image
from neural_style.transfer.inputs import Inputs, prepare
from neural_style.transfer.objective import Objective
from neural_style.transfer.optimization import history_vectors, optimize
from neural_style.transfer.preprocessing import deprocess, preprocess
from neural_style.transfer.saved_style import StyleImages
from neural_style.transfer.session import Iterate, Session, ignore
from neural_style.transfer.setting_forms import parse_layers, parse_multigpu_strategy
from neural_style.transfer.settings import Settings, make_settings
from neural_style.transfer.targets import capture_targets, guide_style


def stylize(
    cnn: nn.Sequential | Callable[[], nn.Sequential],
    content_image: Image | Callable[[], Image],
    style_images: StyleImages,
    *,
    style_blend_weights: Sequence[float] | None = None,
    init_image: Image | None = None,
    devices: Sequence[torch.device | str] | torch.device | str = ('cpu',),
    callback: Callable[[Iterate], None] | None = None,
    session: Session | None = None,
    settings: Settings | None = None,
    **keywords: Any,
) -> Tensor:
    """Paint the content of one image in the style of others.

    cnn: what loadcaffe.load returns, or a function that loads it, called once the settings have
        been checked.  Its layers are used, not copied: they are moved to the devices.
    content_image: RGB, see images.Image.  style_images: any number, of any sizes.  Either may be a
        function that returns it; then its memory is released once the targets are captured.
    style_blend_weights: one for each style image; equal by default.
    init_image: the start when init is 'image', of the content's size; by default the content.
    devices: one, or several to cut the network across.
    callback: called with an Iterate after every evaluation.  session: further hooks, and the like.
    settings, keywords: of Settings, by name; keywords win.  paper_mask may also be (1, H, W) in
        [0, 1]: where it is 1 the image is bare paper, of the mean colour of the style's brightest
        tenth; style is compared over what is painted, in the style images as well.
    content_regions: an image of flat colours, each of which is a region, or a list with a mask
        (1, H, W) in [0, 1] for each region; of any size, in the aspect of the content image.
    style_regions: for each style image an image of the same colours, or a list with a mask for
        each region, None where it has none.  A style image without regions (None, or the list ends
        before it) serves those that no other does; if none has any, several serve one each.
    region_weights: of the regions, in the order of the masks, or in which the colours appear.

    Returns (3, H, W), RGB, float64, not clamped: the image of the last evaluation (the original
    takes one more L-BFGS step), in the content's colours with color 'content' or 'luminance'.
    Raises SettingError and TypeError for arguments, RankLostError, DivergenceError (has an image).
    """
    with default_modes():
        # Refuse at once what the original would only notice after the long captures.
        check_functions(cnn, callback)
        devices = as_devices(devices)
        session = session or Session()
        settings, pictures = make_settings(settings, keywords)
        inputs = prepare(
            settings, content_image, style_images, init_image, style_blend_weights,
            start_tolerance=session.start_tolerance, **pictures,
        )  # fmt: skip
        del content_image, style_images, init_image, pictures, keywords
        check_resumption(session, settings, image_shape(inputs, settings))
        settings = resolve(settings, session, devices[0])

        # Set up the network, with style and content losses inserted.
        generator = session.make_generator()  # dropout draws from it for the targets already
        initial_state = generator.state()
        network = build(cnn, settings, session, generator, devices)
        del cnn  # frees the layers after the last loss

        # Plan what fits in memory.
        guide_style(network, inputs)
        plan = session.plan or make_plan(network, inputs, settings)
        network.tiling = plan.tiling
        session.on_plan(plan)
        capture_targets(network, inputs, settings, session.style_targets)
        session.on_network(network)

        # Initialise the image, or take that of the checkpoint.
        hook = run_callback(callback or ignore, settings, session)
        random_numbers = generator, initial_state
        objective = make_objective(network, plan, inputs, settings, session, hook, random_numbers)
        z = initialize(objective, inputs)
        colors = inputs.colors if session.restores_colors else None
        del inputs

        # Minimise.
        if network.devices[0].type == 'cpu':
            release_free_memory()  # free memory is too fragmented for the backward pass
        optimize(objective, z, objective.optimizer_state, settings, plan, objective.world)
        return finish(objective, z, colors)


def image_shape(inputs: Inputs, settings: Settings) -> tuple[int, int, int]:
    """Return the shape of what is optimised."""
    return (1 if settings.paints_grey else 3, *inputs.size)


def check_resumption(session: Session, settings: Settings, shape: tuple[int, int, int]) -> None:
    """Refuse a checkpoint that has no evaluation left, or is of another image."""
    checkpoint = session.resume_from
    if checkpoint is None:
        return
    number = settings.num_iterations
    is_whole = float(number).is_integer()  # otherwise L-BFGS goes beyond
    if is_whole and checkpoint.iteration >= max(number, 1):
        raise SettingError(
            'num_iterations',
            f'the run has done {checkpoint.iteration} of {number} evaluations already; give more',
        )
    is_sharded = session.world.size > 1 and math.prod(shape) > LONG_VECTOR
    if not is_sharded and checkpoint.image.numel() != math.prod(shape):
        _, height, width = shape
        raise SettingError(
            'resume', f'the checkpoint is of an image of another size than {width} x {height}'
        )


def resolve(settings: Settings, session: Session, device: torch.device) -> Settings:
    """Fill in what depends on the device and on other settings."""
    precision = settings.precision
    if session.resume_from is not None:
        precision = session.resume_from.precision
    else:
        precision = session.world.broadcast(choose_precision(precision, device))
    changes: dict[str, Any] = {'precision': precision}
    if precision != 'fp32' and settings.lbfgs_max_step == 0:
        changes['lbfgs_max_step'] = REDUCED_PRECISION_MAX_STEP
    has_weights = any(
        parse_layers(name, getattr(settings, name)).weights
        for name in ('content_layers', 'style_layers')
    )
    if settings.losses == 'paper' or has_weights or settings.style_image_layers:
        changes['missing_layers'] = 'error'
    return replace(settings, **changes)


def run_callback(
    callback: Callable[[Iterate], None], settings: Settings, session: Session
) -> Callable[[Iterate], None]:
    """Return what is called after every evaluation."""
    return MonitoredCallback(callback, settings) if session.monitored else callback


def finish(objective: Objective, z: Tensor, colors: Tensor | None) -> Tensor:
    """Return the result as an RGB image, in the colours of another image (3, H, W) if given.

    Raises DivergenceError.
    """
    objective.plan.reserve(saving_bytes(objective.shape[1:]))
    result = deprocess(objective.result(z).cpu().double())
    if isinstance(objective.callback, MonitoredCallback):
        objective.callback.finish(result)
    return result if colors is None else original_colors(colors, result)


def build(
    cnn: nn.Sequential | Callable[[], nn.Sequential],
    settings: Settings,
    session: Session,
    generator: Generator,
    devices: Sequence[torch.device | str],
) -> LossNetwork:
    """Insert the losses into the CNN."""
    cuts = parse_multigpu_strategy(settings.multigpu_strategy) if len(devices) > 1 else []
    content = parse_layers('content_layers', settings.content_layers)
    style = parse_layers('style_layers', settings.style_layers)
    cnn = cnn if isinstance(cnn, nn.Sequential) else cnn()
    check_network(cnn)
    without_inference_tensors(cnn)
    return LossNetwork(
        cnn,
        content_weight=settings.content_weight,
        style_weight=settings.style_weight,
        tv_weight=settings.tv_weight,
        content_layers=content.names,
        style_layers=style.names,
        normalize_gradients=settings.normalize_gradients,
        pooling=settings.pooling,
        padding=settings.padding,
        generator=generator,
        devices=devices,
        multigpu_strategy=cuts,
        losses=settings.losses,
        style_statistic=settings.style_statistic,
        content_layer_weights=content.weights,
        style_layer_weights=style.weights,
        missing_layers=settings.missing_layers,
        precision=settings.precision,
        world=session.world,
        exact=session.exact,
    )


def make_plan(
    network: LossNetwork,
    inputs: Inputs,
    settings: Settings,
    factor: float = 1,
    coming_bytes: int = 0,
) -> Plan:
    """Choose the stages, tiles and history that fit in memory.

    factor: by which the images will be scaled.  coming_bytes: of Workload.
    """
    size, *style_sizes = [
        scaled_size((image.shape[1], image.shape[2]), max(image.shape[1:]) * factor)
        for image in (inputs.content, *inputs.styles)
    ]
    reparametrized = settings.paints_grey or inputs.mask is not None
    return choose_plan(
        network,
        size,
        style_sizes,
        vectors=history_vectors(settings, 3 * math.prod(size)),
        memory=str(settings.memory),
        released_bytes=inputs.released_bytes,
        reparametrized=reparametrized or settings.fourier_decay != 0,
        coming_bytes=coming_bytes,
    )


def parametrize(inputs: Inputs, settings: Settings, device: torch.device) -> ImageParametrization:
    """Choose what is optimised."""
    mask = paper = None
    if inputs.mask is not None and inputs.paper is not None:
        mask = inputs.mask.float().to(device)
        paper = preprocess(inputs.paper).float().to(device)
    return ImageParametrization(settings.paints_grey, mask, paper, settings.fourier_decay)


def make_objective(
    network: LossNetwork,
    plan: Plan,
    inputs: Inputs,
    settings: Settings,
    session: Session,
    callback: Callable[[Iterate], None],
    random_numbers: tuple[Generator, dict[str, Any]],
) -> Objective:
    """Make the feval.  random_numbers: the generator, and its state before any was drawn."""
    generator, initial_state = random_numbers
    return Objective(
        network=network,
        parametrization=parametrize(inputs, settings, network.devices[0]),
        shape=image_shape(inputs, settings),
        plan=plan,
        settings=settings,
        session=session,
        callback=callback,
        generator=generator,
        initial_generator_state=initial_state,
    )


def initialize(objective: Objective, inputs: Inputs) -> Tensor:
    """Return the z to start from: that of the initial image, or of the checkpoint."""
    checkpoint = objective.session.resume_from
    if checkpoint is not None:
        return objective.resume(checkpoint)
    return objective.start(initial_image(inputs, objective.settings, objective.generator))


def initial_image(inputs: Inputs, settings: Settings, generator: Generator) -> Tensor:
    """Return the image to start from: (3, H, W), preprocessed.

    Noise is drawn on the CPU: a seed gives the same on every device.
    """
    if settings.seed >= 0:
        generator.manual_seed(settings.seed)
    if settings.init == 'random':
        return generator.randn(*inputs.content.shape).float() * settings.noise_scale
    return preprocess(inputs.content if inputs.init is None else inputs.init).float()
