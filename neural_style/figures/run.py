"""One figure: its inputs read, its network prepared, its paintings rendered and laid out."""

import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from neural_style.command.arguments import Arguments
from neural_style.command.networks import find_network, load_network
from neural_style.command.terminal import progress_bar, warn, write
from neural_style.figures.description import caption, figure_settings
from neural_style.figures.figures import FIGURES, PaperFigure, heading
from neural_style.figures.flags import NORMALISED_VGG, VGG, figure_arguments
from neural_style.figures.inputs import Input, choose_inputs
from neural_style.figures.normalization import MEAN
from neural_style.figures.page import page
from neural_style.figures.paper import Reading
from neural_style.figures.plan import Plan
from neural_style.figures.preparation import (
    check_sizes,
    normalize_if_needed,
    required_layers,
    shorten,
)
from neural_style.figures.rendering import (
    Record,
    RenderContext,
    finished_record,
    load_scaled,
    render,
    style_size,
)
from neural_style.figures.sheet import Sheet
from neural_style.files.atomic import write_whole
from neural_style.files.checksum import sha256
from neural_style.network.devices import choose_devices, parse_gpus
from neural_style.torch7 import image
from neural_style.torch7.cmdline import split
from neural_style.transfer.multiscale import iterations

PROGRAM = 'neural_style-figures'
CALIBRATION_SIZE = 256  # of the images that mean activations are measured on


@dataclass(frozen=True)
class FigureInputs:
    """The inputs of a figure: files, images of -image_size and checksums, these by path."""

    content: Input
    styles: list[Input]
    images: dict[str, Tensor]
    checksums: dict[str, str]

    @property
    def files(self) -> list[Input]:
        """Every file once."""
        return list({file.path: file for file in (self.content, *self.styles)}.values())

    def read(self, files: Sequence[Input], image_size: float) -> None:
        """Add the images and checksums of files."""
        for file in files:
            self.images[file.path] = load_scaled(file, image_size)
            self.checksums[file.path] = sha256(file.path)


def run(name: str, arguments: Arguments) -> None:
    """Check everything, render what has not been rendered yet, and lay it all out."""
    arguments = figure_arguments(name, arguments)
    devices = choose_devices(parse_gpus(arguments.gpu), arguments.backend)
    inputs = read_inputs(name, arguments)
    plan = make_plan(name, inputs, arguments)
    inputs.read(plan.regions, arguments.image_size)
    remarks = [file.remark for file in inputs.files if file.remark]
    for remark in remarks:
        warn(remark, PROGRAM)
    arguments = with_network(name, arguments)
    cnn, network = prepare_network(name, plan, inputs, arguments)
    context = RenderContext(
        make_folder(arguments.output_dir or os.path.join('figures', name)),
        cnn,
        network,
        inputs.checksums,
        arguments.image_size,
        arguments.num_iterations,
        arguments.multiscale,
        arguments.padding,
        arguments.seed,
        tuple(devices),
        arguments.backend if devices[0].type != 'cpu' else 'nn',
    )
    records = render_all(plan, context)
    text = caption(name, arguments, plan, network['normalized'], remarks)
    settings = figure_settings(
        name, arguments, inputs.content, inputs.styles, network['normalized']
    )
    write_sheet(heading(name), text, plan, context, inputs)
    write_page(heading(name), text, settings, plan, context, records)


def read_inputs(name: str, arguments: Arguments) -> FigureInputs:
    """Choose and read all inputs of a figure, so that faults are found before rendering."""
    figure = FIGURES[name]
    contents = split(arguments.content_image)
    (content,) = choose_inputs('-content_image', [figure.content], contents, 1, 1)
    styles = choose_inputs(
        '-style_image',
        figure.styles,
        split(arguments.style_image),
        figure.min_styles,
        figure.max_styles,
    )
    inputs = FigureInputs(content, styles, {}, {})
    inputs.read(inputs.files, arguments.image_size)
    return inputs


def make_plan(name: str, inputs: FigureInputs, arguments: Arguments) -> Plan:
    """Plan the paintings of a figure."""
    figure = FIGURES[name]
    if isinstance(figure, PaperFigure):
        reading = Reading(arguments.reading, arguments.features)
        return figure.plan(inputs.content, inputs.styles, reading)
    return figure.plan(inputs.content, inputs.styles)


def with_network(name: str, arguments: Arguments) -> Arguments:
    """Name the network: as given, or the normalised VGG-19, or VGG-19, or the embedded one."""
    if 'model_file' in arguments.explicit:
        return arguments
    candidates = [NORMALISED_VGG, VGG] if isinstance(FIGURES[name], PaperFigure) else [VGG]
    proto_file, model_file, remark = find_network(arguments.proto_file, candidates)
    if remark:
        warn(remark, PROGRAM)
    return arguments.with_values(proto_file=proto_file, model_file=model_file)


def prepare_network(
    name: str, plan: Plan, inputs: FigureInputs, arguments: Arguments
) -> tuple[nn.Sequential, dict[str, Any]]:
    """Load, shorten, check and normalise the network; returns it and what settings say of it."""
    layers = required_layers(plan.paintings)
    cnn = load_network(arguments.proto_file, arguments.model_file, layers)
    cnn = shorten(cnn, plan.paintings, arguments.model_file)
    sizes = {style_size(painting, arguments.image_size) for painting in plan.paintings}
    shapes = {inputs.images[inputs.content.path].shape}
    shapes |= {load_scaled(style, size).shape for style in inputs.styles for size in sizes}
    check_sizes(cnn, plan.paintings[0].settings.get('pooling', 'max'), shapes)
    normalized = False
    if isinstance(FIGURES[name], PaperFigure):
        size = min(arguments.image_size, CALIBRATION_SIZE)
        images = [load_scaled(file, size) for file in inputs.files]
        normalized = normalize_if_needed(cnn, images, arguments.normalize)
    network: dict[str, Any] = {'sha256': sha256(arguments.model_file), 'normalized': normalized}
    if normalized:
        network['mean_activation'] = MEAN
        network['normalized_over'] = sorted(set(inputs.checksums.values()))
    return cnn, network


def make_folder(folder: str) -> str:
    """Make the folder if need be, and check that it is writable."""
    try:
        os.makedirs(folder, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ValueError(
            f'-output_dir {folder}: cannot write there: {error.strerror}; name another folder'
        ) from error
    return folder


def render_all(plan: Plan, context: RenderContext) -> dict[str, Record]:
    """Render the paintings that are missing; returns the records of all, by name."""
    finished = {painting.name: finished_record(painting, context) for painting in plan.paintings}
    missing = [painting for painting in plan.paintings if finished[painting.name] is None]
    records = {name: record for name, record in finished.items() if record is not None}
    for painting in plan.paintings:
        if painting.name in records:
            write(f'{context.image_path(painting)}: already painted', sys.stdout)
    evaluations = sum(iterations(context.multiscale, context.image_size, context.num_iterations))
    with progress_bar(len(missing) * int(evaluations)) as bar:
        for painting in missing:
            bar.set_description(painting.name)
            record = records[painting.name] = render(painting, context, bar.update)
            loss = record['curve'][record['evaluation'] - 1]
            shown = 'not a number' if loss is None else f'{loss:.4g}'
            path, seconds = context.image_path(painting), record['seconds']
            write(f'{path}: loss {shown}, {seconds} s', sys.stdout)
    return records


def write_sheet(
    title: str, text: str, plan: Plan, context: RenderContext, inputs: FigureInputs
) -> None:
    """Draw and write sheet.png."""
    paintings = {
        painting.name: image.load(context.image_path(painting)) for painting in plan.paintings
    }
    height, width = inputs.images[inputs.content.path].shape[1:]
    drawn = Sheet(plan, width, height).draw(title, text, paintings, inputs.images)
    path = os.path.join(context.folder, 'sheet.png')
    write_whole(path, drawn)
    write(path, sys.stdout)


def write_page(
    title: str,
    text: str,
    settings: Mapping[str, Any],
    plan: Plan,
    context: RenderContext,
    records: Mapping[str, Record],
) -> None:
    """Write index.html."""
    paintings: Sequence = [(painting, records[painting.name]) for painting in plan.paintings]
    path = os.path.join(context.folder, 'index.html')
    write_whole(path, page(title, text, settings, paintings).encode())
    write(path, sys.stdout)
