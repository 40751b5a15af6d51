"""One run: main(params) of neural_style.lua.  Flags → images → stylize → image."""

import contextlib
import functools
import math
import os
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import torch

from neural_style.command import recipe as recipes
from neural_style.command.arguments import Arguments
from neural_style.command.checkpoint import check_inputs, resume
from neural_style.command.checks import check_arguments
from neural_style.command.claims import claimed_files
from neural_style.command.fast import head_start, paint_at_once
from neural_style.command.fast_checks import check_fast
from neural_style.command.images import InputImages, read_images
from neural_style.command.input_files import InputChecksums
from neural_style.command.networks import load_network
from neural_style.command.pipes import connected_pipes
from neural_style.command.region_files import describe_regions
from neural_style.command.remarks import make_remarks
from neural_style.command.report import Report
from neural_style.command.saving import FinalPicture, OutputImage, StateFile
from neural_style.command.schedule import make_schedule
from neural_style.command.signals import Interrupted, Interruption
from neural_style.command.style_saving import check_save_style, style_recorder
from neural_style.command.terminal import progress_bar, warn
from neural_style.distributed import SINGLE_PROCESS, World
from neural_style.memory.exhaustion import is_out_of_memory
from neural_style.memory.limits import free_memory, parse_memory
from neural_style.network.devices import check_distinct, choose_devices, gpu_of_rank, parse_gpus
from neural_style.torch7.cmdline import split, tonumber
from neural_style.torch7.random import Generator
from neural_style.transfer.checkpoint import Checkpoint
from neural_style.transfer.divergence import DivergenceError
from neural_style.transfer.multiscale import stylize_multiscale
from neural_style.transfer.session import Session
from neural_style.transfer.setting_forms import parse_layers
from neural_style.transfer.settings import Settings
from neural_style.transfer.stylize import stylize


def run(
    arguments: Arguments, interruption: Interruption, world: World = SINGLE_PROCESS
) -> FinalPicture | None:
    """Make one picture, as main(params) of neural_style.lua does, or continue with -resume.

    Returns the picture if this process has saved it.
    """
    checkpoint = recorded_checksums = None
    if arguments.resume != '':
        arguments, recorded_checksums, checkpoint = resume(arguments, world)
    with contextlib.ExitStack() as stack:
        arguments = stack.enter_context(connected_pipes(arguments, world))
        check_arguments(arguments, world)
        check_save_style(arguments)
        check_fast(arguments)
        stack.enter_context(claimed_files(arguments, world))
        checksums = InputChecksums(arguments)
        if recorded_checksums is not None:
            check_inputs(arguments, checksums.by_flag(), recorded_checksums)
        if arguments.fast:
            picture = paint_fast(arguments, checksums, world)
        else:
            picture = paint(arguments, checksums, checkpoint, interruption, world)
    if interruption.signal:
        text = f'interrupted, but {arguments.output_image} is complete'
        raise Interrupted(text, interruption.signal)
    if arguments.page is not None:
        name = os.path.basename(arguments.output_image)
        arguments.page.end(f'finished; the picture is in {name}')
    return picture


def paint(
    arguments: Arguments,
    checksums: InputChecksums,
    checkpoint: Checkpoint | None,
    interruption: Interruption,
    world: World,
) -> FinalPicture | None:
    """Read the images, stylize, and save the picture; from a checkpoint if there is one."""
    devices = choose_run_devices(arguments, world)

    # The original loads the network first; here a missing picture is found before that.
    images = run_images(arguments, world, devices[0])
    generator, arguments = seed_generator(arguments)
    output = output_image(arguments, images, checksums)
    settings = stylize_settings(arguments, images, devices)
    warn_of_missing_output(arguments)
    schedule = make_schedule(arguments, output.size, checkpoint)
    if arguments.page is not None:
        arguments.page.begin(arguments, output, images.content, schedule, interruption)
    blending = settings['style_blend_weights']
    save_style = style_recorder(arguments, checksums, images, blending, devices[0], world)
    content, styles = released_images(images)
    reading_peak = images.reading_peak
    del images

    with progress_bar(schedule.total, world.rank > 0) as bar:
        bar.update(schedule.done)
        states = StateFile(arguments, checksums, world)
        last_scale = len(schedule.sides) - 1
        report = Report(arguments, output, states, interruption, last_scale, bar, reading_peak)
        session = Session(
            on_plan=report.on_plan,
            on_plans=report.on_plans,
            on_network=save_style,
            on_evaluation_start=report.before_evaluation,
            resume_from=checkpoint,
            generator=generator,
            world=world,
            restores_colors=False,  # the picture that is saved gets them
            monitored=False,  # report does
        )
        out_of_memory = False
        try:
            painting_method(arguments)(
                functools.partial(load_for_losses, arguments, world),
                content,
                styles,
                callback=report.after_evaluation,
                session=session,
                **settings,
            )
        except DivergenceError as error:
            raise ValueError(report.diverged(error)) from error
        except (MemoryError, RuntimeError, SystemError) as error:
            if not is_out_of_memory(error):
                raise
            out_of_memory = True
        if out_of_memory:  # and what the error held is free
            raise ValueError(report.out_of_memory(devices[0]))
    return report.final_picture


def paint_fast(
    arguments: Arguments, checksums: InputChecksums, world: World
) -> FinalPicture | None:
    """Read the images, paint at once, and save the picture."""
    device = choose_run_devices(arguments, world)[0]
    images = run_images(arguments, world, device)
    _, arguments = seed_generator(arguments)  # for the recipe
    output = output_image(arguments, images, checksums)
    make_remarks(arguments, world)
    return paint_at_once(arguments, images, output, blend_weights(arguments), device)


def load_for_losses(arguments: Arguments, world: World) -> torch.nn.Sequential:
    """Load the network, now that nothing is refused any more.

    Layers that no loss needs may be of types that are not read.
    """
    make_remarks(arguments, world)
    layers = parse_layers('content_layers', arguments.content_layers).names
    layers = layers + parse_layers('style_layers', arguments.style_layers).names
    return load_network(
        arguments.proto_file, arguments.model_file, [*layers, *map(str.strip, layers)]
    )


def choose_run_devices(arguments: Arguments, world: World) -> list[torch.device]:
    """Return the devices of this process."""
    gpus = parse_gpus(arguments.gpu)
    if world.size > 1:
        check_distinct(gpus)
        gpus = gpu_of_rank(gpus, world.local_rank)
    devices = choose_devices(gpus, arguments.backend, arguments.cudnn_autotune)
    if devices[0].type == 'cuda':
        torch.cuda.set_device(devices[0])
    return devices


def host_memory(arguments: Arguments, device: torch.device) -> float:
    """Return the bytes of the host's memory that the process may use."""
    if device.type == 'cpu' and arguments.memory != '':
        return parse_memory(arguments.memory)
    return free_memory(torch.device('cpu'))


def run_images(
    arguments: Arguments, world: World, device: torch.device, frame: torch.Tensor | None = None
) -> InputImages:
    """Read the images, and say in which order their regions are.

    frame: of a video, the content image.
    """
    images = read_images(arguments, host_memory(arguments, device), frame)
    if world.rank == 0 and (remark := describe_regions(images.regions)):
        warn(remark)
    return images


def seed_generator(arguments: Arguments) -> tuple[Generator, Arguments]:
    """Return the seeded random numbers, and the arguments with the seed that was drawn."""
    generator = Generator()
    drawn = arguments.generator_seed
    if drawn is None:
        drawn = generator.seed() % 2**32
    # Seeded here, so that masks of dropout for the targets depend on it as well.
    is_seeded = 0 <= arguments.seed < math.inf
    generator.manual_seed(arguments.seed if is_seeded else drawn)
    return generator, replace(arguments, generator_seed=drawn)


def output_image(
    arguments: Arguments, images: InputImages, checksums: InputChecksums
) -> OutputImage:
    """Return the picture to be made, with the recipe that goes into its file."""
    recipe = recipes.record(arguments, checksums)
    if recipe is None:
        warn('the settings are too long to be stored in the picture as a recipe')
    height, width = images.content.shape[1:]
    return OutputImage(arguments, (height, width), images.colors, images.alpha, recipe)


def stylize_settings(
    arguments: Arguments, images: InputImages, devices: list[torch.device]
) -> dict[str, Any]:
    """Return the keywords of stylize that flags give."""
    settings = {field.name: getattr(arguments, field.name) for field in fields(Settings)}
    return settings | {
        'style_blend_weights': blend_weights(arguments),
        **start(arguments, images, devices[0]),
        'paper_mask': images.mask,
        'pooling': arguments.pooling_method,
        **images.regions,
        'backend': arguments.backend if devices[0].type != 'cpu' else 'nn',
        'devices': devices,
    }


def painting_method(arguments: Arguments) -> Callable[..., Any]:
    """Return stylize, or what calls it at several sizes."""
    if arguments.multiscale == '':
        return stylize
    return functools.partial(stylize_multiscale, multiscale=arguments.multiscale)


def start(arguments: Arguments, images: InputImages, device: torch.device) -> dict[str, Any]:
    """Return the keywords of stylize that say where it starts."""
    if arguments.init != 'fast':
        return {'init_image': images.init}
    if arguments.dry_run or arguments.resume != '':  # what is painted is not looked at
        return {'init': 'image', 'init_image': None}
    memory = host_memory(arguments, device) if device.type == 'cpu' else math.inf
    painted = head_start(arguments, images, blend_weights(arguments), device, memory)
    return {'init': 'image', 'init_image': painted}


def blend_weights(arguments: Arguments) -> list[float] | None:
    """Return the weights of multiple style inputs; None weighs them equally."""
    if arguments.style_blend_weights == 'nil':
        return None
    return parse_numbers('-style_blend_weights', arguments.style_blend_weights)


def warn_of_missing_output(arguments: Arguments) -> None:
    """Name a number of iterations at which the picture is never written, as in the original."""
    number = arguments.num_iterations
    if number == 0 and arguments.save_style != '':  # that is all there is to do
        return
    if math.isfinite(number) and not (number >= 1 and float(number).is_integer()):
        warn(
            f'-num_iterations {number}: no evaluation has this number,'
            f' so that {arguments.output_image} is not written, as in the original'
        )


def released_images(images: InputImages) -> tuple[Any, Any]:
    """Return content and styles for stylize, as functions where nothing else needs them later.

    A function gives its image away once, so that stylize can release it after the targets.
    """
    content: Any = [images.content].pop
    styles: Any = [images.styles].pop
    if images.colors is images.content:
        content = images.content
    elif images.colors is not None:
        styles = images.styles
    return content, styles


def parse_numbers(flag: str, text: str) -> list[float]:
    """Return the numbers of a flag such as 3,7."""
    values = []
    for item in split(text):
        value = tonumber(item)
        if value is None or not math.isfinite(value):
            raise ValueError(f'{flag} {text}: {item!r} is not a finite number')
        values.append(value)
    return values
