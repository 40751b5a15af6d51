"""A training from the command line: what goes in, progress, samples, checkpoints."""

import functools
import logging
import os
import shlex
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from neural_style.command.arguments import Arguments
from neural_style.command.checks import style_scales
from neural_style.command.images import load_image
from neural_style.command.networks import embedded_network, load_network
from neural_style.command.paths import as_stored, split_paths
from neural_style.command.signals import Interrupted, Interruption
from neural_style.command.terminal import progress_bar, warn, write
from neural_style.distributed import World
from neural_style.fast.trained import TrainedPainter, TrainedStyle, is_trained_style
from neural_style.fast.transformation import Shape
from neural_style.logs import log_level
from neural_style.network.devices import choose_devices, gpu_of_rank, parse_gpus
from neural_style.network.loss_network import LossNetwork
from neural_style.torch7 import image
from neural_style.torch7.random import Generator
from neural_style.train.conversion import convert, is_conversion
from neural_style.train.flags import PROGRAM, checked, sample_name
from neural_style.train.objective import Objective
from neural_style.train.photographs import Photographs, files_in
from neural_style.train.state import (
    check_unchanged,
    input_checksums,
    is_state,
    read_state,
    write_state,
)
from neural_style.train.training import Plan, Training
from neural_style.transfer.setting_forms import parse_layers

SAMPLE_SIDE = 512  # pixels of the longer side of a sample


def run(arguments: Arguments, world: World, interruption: Interruption) -> None:
    """Train a network as flags say, or continue with -resume."""
    if is_conversion(arguments):
        convert(arguments)
        return
    recorded, state = None, None
    if arguments.resume != '':
        arguments, recorded, state = read_state(arguments)
    arguments = checked(arguments, world)
    check_replaced(arguments)
    photos = photographs(arguments.photos)
    checksums = input_checksums(arguments, photos)
    if recorded is not None:
        check_unchanged(arguments, checksums, recorded)
    training = begin(arguments, photos, world)
    if state is not None:
        try:
            training.restore(state)
        except (AttributeError, KeyError, TypeError, ValueError, RuntimeError) as error:
            raise ValueError(
                f'-resume {arguments.resume}: damaged: its tensors are not those of the training'
            ) from error
    sample = read_sample(arguments, training.photos) if world.rank == 0 else torch.empty(0)
    interruption.gentle = True
    save = functools.partial(write_state, arguments.checkpoint, arguments, checksums)
    train(arguments, training, sample, interruption, save)
    if world.rank == 0:
        save(training.state())
    if interruption.signal:
        raise Interrupted(
            f'stopped after iteration {training.done}; continue with:'
            f' {PROGRAM} -resume {shlex.quote(arguments.checkpoint)}',
            interruption.signal,
        )
    if world.rank == 0:
        trained_style(arguments, training).save(arguments.output)
        warn(f'the style is in {os.path.abspath(arguments.output)}', PROGRAM)


def train(
    arguments: Arguments,
    training: Training,
    sample: Tensor,
    interruption: Interruption,
    save: Callable[[dict[str, Any]], None],
) -> None:
    """Take the steps that remain; print progress, save samples and, with save, checkpoints."""
    world, total = training.world, arguments.num_iterations
    printed, losses = time.monotonic(), []
    with progress_bar(total, world.rank > 0) as bar:
        bar.update(training.done)
        while training.done < total and not interruption.signal:
            losses.append(training.step())
            bar.update()
            if world.size > 1:  # all stop after the same step
                interruption.signal = world.max(interruption.signal)
            if is_due(training.done, arguments.print_iter) and world.rank == 0:
                pace = (time.monotonic() - printed) / len(losses)
                write(progress(training.done, total, losses, pace), sys.stdout)
                printed, losses = time.monotonic(), []
            if is_due(training.done, arguments.checkpoint_iter) and world.rank == 0:
                save(training.state())
            if is_due(training.done, arguments.save_iter) and world.rank == 0:
                save_sample(arguments, training, sample)


def is_due(step: int, interval: int) -> bool:
    return interval > 0 and step % interval == 0


def progress(step: int, total: int, losses: list[dict[str, float]], pace: float) -> str:
    """Return a line of progress; losses are those since the last one."""
    means = {name: sum(loss[name] for loss in losses) / len(losses) for name in losses[0]}
    terms = ', '.join(f'{name} loss {value:.6g}' for name, value in means.items())
    minutes = (total - step) * pace / 60
    return f'Iteration {step} / {total}: {terms}; {pace:.2f} s each, {minutes:.0f} minutes left'


def begin(arguments: Arguments, photos: list[Path], world: World) -> Training:
    """Read what a training needs.  Raises OSError and ValueError, naming the flag."""
    styles = style_images(arguments)
    gpus = parse_gpus(arguments.gpu)
    if world.size > 1:
        gpus = gpu_of_rank(gpus, world.local_rank)
    device = choose_devices(gpus[:1], arguments.backend, False)[0]
    objective = Objective(loss_network(arguments, device), styles, device)
    plan = Plan(arguments.batch_size, arguments.image_size, arguments.learning_rate, arguments.seed)
    shape = Shape(arguments.width, styles=len(styles))
    crops = Photographs(photos, max(400, arguments.image_size))
    return Training(shape, plan, objective, crops, world)


def photographs(folder: str) -> list[Path]:
    """Return the pictures in the folder that -photos names."""
    stored = Path(as_stored(folder))
    try:
        files = files_in([stored])
    except OSError as error:
        raise ValueError(
            f'-photos {folder}: {error.strerror}; name a folder of photographs'
        ) from error
    if not files:
        raise ValueError(f'-photos {folder}: there is no picture in it; name a folder with some')
    return files


def style_images(arguments: Arguments) -> list[Tensor]:
    """Read and scale the style images."""
    styles = []
    paths = split_paths(arguments.style_image)
    for path, scale in zip(paths, style_scales(arguments), strict=True):
        side = max(round(scale * arguments.image_size), 16)
        styles.append(image.scale(load_image('-style_image', path), side))
    return styles


def loss_network(arguments: Arguments, device: torch.device) -> LossNetwork:
    """Load the network of the losses."""
    proto_file, model_file = embedded_network()
    if arguments.model_file != '':
        proto_file, model_file = arguments.proto_file, arguments.model_file
    content = parse_layers('content_layers', arguments.content_layers)
    style = parse_layers('style_layers', arguments.style_layers)
    with log_level(logging.WARNING):
        cnn = load_network(proto_file, model_file, [*content.names, *style.names])
    return LossNetwork(
        cnn,
        generator=Generator(),
        devices=[device],
        exact=False,
        content_layers=content.names,
        style_layers=style.names,
        content_layer_weights=content.weights,
        style_layer_weights=style.weights,
        content_weight=arguments.content_weight,
        style_weight=arguments.style_weight,
        tv_weight=arguments.tv_weight,
        missing_layers='error',
        # squares of Gram matrices differ by powers of ten from photograph to photograph
        normalize_gradients=True,
    )


def read_sample(arguments: Arguments, photos: Photographs) -> Tensor:
    """Return the picture that samples are painted of: (3, H, W)."""
    if arguments.sample_image != '':
        return image.scale(load_image('-sample_image', arguments.sample_image), SAMPLE_SIDE).float()
    return photos.first()


def save_sample(arguments: Arguments, training: Training, sample: Tensor) -> None:
    """Save the style so far, and the sample in each of the styles, side by side."""
    trained = trained_style(arguments, training)
    trained.save(arguments.output)
    painter = TrainedPainter(trained, training.objective.device)
    count = training.network.shape.styles
    styles = [[float(i == number) for i in range(count)] for number in range(count)]
    painted = torch.cat([painter.paint(sample, weights) for weights in styles], 2)
    image.save(sample_name(arguments.output, training.done), painted.double())


def trained_style(arguments: Arguments, training: Training) -> TrainedStyle:
    """Return the style so far: with the running mean of the weights."""
    names = [Path(path).stem for path in split_paths(arguments.style_image)]
    return TrainedStyle(
        training.averaged().requires_grad_(False),
        [name if name.isprintable() else 'style' for name in names],
        {
            'iterations': training.done,
            'batch_size': arguments.batch_size,
            'image_size': arguments.image_size,
            'style_scale': arguments.style_scale,
            'content_weight': arguments.content_weight,
            'style_weight': arguments.style_weight,
            'tv_weight': arguments.tv_weight,
        },
    )


def check_replaced(arguments: Arguments) -> None:
    """Refuse to replace files that are something else."""
    if os.path.exists(arguments.output) and not is_trained_style(arguments.output):
        raise ValueError(
            f'-output {arguments.output}: the file exists and is no trained style; name another'
        )
    if os.path.exists(arguments.checkpoint) and not is_state(arguments.checkpoint):
        raise ValueError(
            f'-checkpoint {arguments.checkpoint}: the file exists and is no checkpoint of a'
            ' training; name another'
        )
