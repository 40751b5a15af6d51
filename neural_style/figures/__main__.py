"""The command: one figure of the paper, or one gallery, painted, laid out, and described."""

import functools
import logging
import os
import sys
import tempfile
from types import SimpleNamespace
from typing import Any

from tqdm import tqdm

from neural_style.command.networks import find_network, load_network
from neural_style.command.process import exit_status
from neural_style.command.terminal import log_printed, open_streams, warn, write
from neural_style.figures.description import caption, settings
from neural_style.figures.figures import FIGURES, PaperFigure, title
from neural_style.figures.page import page
from neural_style.figures.painting import RenderContext, finished, paint, scaled, style_size
from neural_style.figures.paper import FEATURES, READINGS, Setting
from neural_style.figures.pictures import choose
from neural_style.figures.plan import Plan
from neural_style.figures.preparation import check_sizes, normalize_if_needed, shorten
from neural_style.figures.sheet import Sheet
from neural_style.files.atomic import sha256, write_whole
from neural_style.memory.heap import configure_malloc
from neural_style.network.devices import choose_devices, parse_gpus
from neural_style.torch7 import image
from neural_style.torch7.cmdline import CmdLine, CommandLineError, HelpRequested, split

PROGRAM = 'neural_style-figures'
QUICK_SIZE, QUICK_ITERATIONS = 160, 150
PAPER_ITERATIONS, GALLERY_ITERATIONS = 500, 1000
VGG, NORMALISED = 'models/VGG_ILSVRC_19_layers.caffemodel', 'models/vgg_normalised.caffemodel'
NORMALIZE = ('auto', 'always', 'never')
CALIBRATION_SIZE = 256  # of the pictures that mean activations are measured on


def command_line() -> CmdLine:
    """The flags; what they mean as in neural_style.lua where they have a name of its."""
    cmd = CmdLine()
    cmd.option('-content_image', '', 'in the place of the photograph')
    cmd.option('-style_image', '', 'in the place of its paintings, with commas in between')
    cmd.option('-output_dir', '', 'a folder, made if need be; figures/NAME unless given')
    cmd.option('-image_size', 512, 'longer side in pixels')
    cmd.option('-num_iterations', PAPER_ITERATIONS, f'a picture; galleries {GALLERY_ITERATIONS}')
    cmd.option('-quick', False, f'{QUICK_SIZE} pixels, {QUICK_ITERATIONS} iterations; no value')
    cmd.option('-seed', 1)
    cmd.option('-proto_file', 'models/VGG_ILSVRC_19_layers_deploy.prototxt')
    cmd.option('-model_file', NORMALISED, 'or, for galleries and where it is missing, VGG-19')
    cmd.option('-gpu', '0', 'numbers of GPUs; -1 is the CPU')
    cmd.option('-backend', 'nn', 'nn|cudnn|clnn')
    cmd.option('-reading', 'code', 'code|printed: weights of the later code, or the paper')
    cmd.option('-features', 'relu', 'relu|conv: what conv1_1 of the paper means')
    cmd.option('-normalize', 'auto', 'auto|always|never: bring mean activations to 1')
    return cmd


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    argv = sys.argv[1:] if argv is None else argv
    open_streams()
    return exit_status(
        functools.partial(run_command, argv),
        PROGRAM,
        out_of_memory='give a smaller -image_size',
        interrupted='interrupted; finished pictures are kept, and the same command goes on after'
        f' them: {PROGRAM} {" ".join(argv)}',
    )


def run_command(argv: list[str]) -> int:
    """Do what a command line says."""
    cmd = command_line()
    name, rest = (argv[0], argv[1:]) if argv and not argv[0].startswith('-') else ('', argv)
    if name == 'list':
        write(figure_list(), sys.stdout, end='')
        return 0
    try:
        explicit = cmd.parse_explicit(rest)
    except HelpRequested:
        usage = cmd.help_text(PROGRAM).replace('[options]', 'FIGURE [options]', 1)
        write(usage + '\nFIGURE is one of:\n' + figure_list(), sys.stdout, end='')
        return 0
    except CommandLineError as error:
        raise ValueError(f'{error} ({PROGRAM} -help)') from error
    if name not in FIGURES:
        given = f'{name}: no such figure' if name else 'name a figure first'
        raise ValueError(f'{given}; there are {", ".join(FIGURES)} ({PROGRAM} list)')
    configure_malloc()
    with log_printed(logging.WARNING, PROGRAM):
        run(name, SimpleNamespace(**cmd.defaults() | explicit), set(explicit))
    return 0


def run(name: str, params: SimpleNamespace, given: set[str]) -> None:
    """Check everything, paint what is not yet painted, and lay it all out."""
    figure = FIGURES[name]
    check(name, params, given)
    devices = choose_devices(parse_gpus(params.gpu), params.backend)

    # The pictures: all are read before the first is painted.
    content = choose('-content_image', [figure.content], split(params.content_image), 1, 1)[0]
    styles = choose(
        '-style_image', figure.styles, split(params.style_image), figure.least, figure.most
    )
    if isinstance(figure, PaperFigure):
        plan = figure.plan(content, styles, Setting(params.reading, params.features))
    else:
        plan = figure.plan(content, styles)
    used = {picture.path: picture for picture in (content, *styles)}
    stand_ins = [
        f'{picture.name} stands for {picture.role.file} ({picture.role.title})'
        for picture in used.values()
        if picture.role is not None and picture.stands_in
    ]
    for line in stand_ins:
        complain(line)
    inputs = {path: scaled(picture, params.image_size) for path, picture in used.items()}
    sums = {path: sha256(path) for path in used}

    # The network: shortened, checked, and brought to mean activations of 1.
    choose_network(name, params, given)
    cnn = load_network(params.proto_file, params.model_file)
    cnn = shorten(cnn, plan.paintings, params.model_file)
    sizes = {style_size(painting, params.image_size) for painting in plan.paintings}
    shapes = {inputs[content.path].shape}
    shapes |= {scaled(style, size).shape for style in styles for size in sizes}
    check_sizes(cnn, plan.paintings[0].keywords.get('pooling', 'max'), shapes)
    normalized = False
    if isinstance(figure, PaperFigure):
        size = min(params.image_size, CALIBRATION_SIZE)
        measured = [scaled(picture, size) for picture in used.values()]
        normalized = normalize_if_needed(cnn, measured, params.normalize)
    network: dict[str, Any] = {'sha256': sha256(params.model_file), 'normalized': normalized}
    if normalized:
        network['normalized_over'] = sorted(set(sums.values()))

    folder = make_folder(params.output_dir or os.path.join('figures', name))
    studio = RenderContext(
        folder,
        cnn,
        network,
        sums,
        params.image_size,
        params.num_iterations,
        params.seed,
        tuple(devices),
        params.backend if devices[0].type != 'cpu' else 'nn',
    )
    records = paint_all(plan, studio)

    text = caption(name, params, plan, normalized, stand_ins)
    painted = {each.name: image.load(studio.picture(each)) for each in plan.paintings}
    height, width = inputs[content.path].shape[1:]
    drawn = Sheet(plan, width, height).draw(title(name), text, painted, inputs)
    write_whole(os.path.join(folder, 'sheet.png'), drawn)
    rows = settings(params, figure, content, styles, normalized)
    listed = [(each, records[each.name]) for each in plan.paintings]
    html = page(title(name), text, rows, listed).encode()
    write_whole(os.path.join(folder, 'index.html'), html)
    for file in ('sheet.png', 'index.html'):
        say(os.path.join(folder, file))


def paint_all(plan: Plan, studio: RenderContext) -> dict[str, Any]:
    """The records of all paintings, by name; painted if need be."""
    records = {each.name: finished(each, studio) for each in plan.paintings}
    missing = [each for each in plan.paintings if records[each.name] is None]
    for each in plan.paintings:
        if each not in missing:
            say(f'{studio.picture(each)}: painted before')
    total = len(missing) * studio.num_iterations
    with tqdm(total=total, disable=not sys.stderr.isatty(), unit='it', file=sys.stderr) as bar:
        for each in missing:
            bar.set_description(each.name)
            record = paint(each, studio, bar.update)
            records[each.name] = record
            loss = record['curve'][record['evaluation'] - 1]
            shown = 'not a number' if loss is None else f'{loss:.4g}'
            say(f'{studio.picture(each)}: loss {shown}, {record["seconds"]} s')
    return records


def check(name: str, params: SimpleNamespace, given: set[str]) -> None:
    """Refuse flags that make no sense; fill in those that depend on the figure."""
    figure = FIGURES[name]
    for flag, choices in (('reading', READINGS), ('features', FEATURES), ('normalize', NORMALIZE)):
        value = getattr(params, flag)
        if value not in choices:
            raise ValueError(f'-{flag} {value}: choose {" or ".join(choices)}')
        if flag in given and not isinstance(figure, PaperFigure):
            raise ValueError(
                f'-{flag} {value}: is for figures 1, 2 and 3 of the paper; {name} is a gallery'
            )
    if params.quick and 'image_size' not in given:
        params.image_size = QUICK_SIZE
    if 'num_iterations' not in given:
        usual = PAPER_ITERATIONS if isinstance(figure, PaperFigure) else GALLERY_ITERATIONS
        params.num_iterations = QUICK_ITERATIONS if params.quick else usual
    for flag, least in (('image_size', 1), ('num_iterations', 1), ('seed', 0)):
        value = getattr(params, flag)
        if not isinstance(value, int) or value < least:
            raise ValueError(f'-{flag} {value}: give a whole number from {least}')


def choose_network(name: str, params: SimpleNamespace, given: set[str]) -> None:
    """Set the files: as given, or the normalised VGG-19, or VGG-19, or the embedded network."""
    if 'model_file' in given:
        return
    candidates = [NORMALISED, VGG] if isinstance(FIGURES[name], PaperFigure) else [VGG]
    params.proto_file, params.model_file, remark = find_network(params.proto_file, candidates)
    if remark:
        complain(remark)


def make_folder(folder: str) -> str:
    """The folder, made if need be, and writable."""
    try:
        os.makedirs(folder, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ValueError(
            f'-output_dir {folder}: cannot write there: {error.strerror}; name another folder'
        ) from error
    return folder


def figure_list() -> str:
    width = max(map(len, FIGURES))
    return ''.join(f'  {name:<{width}}  {figure.title}\n' for name, figure in FIGURES.items())


def say(text: str) -> None:
    """Print a line on stdout, around a progress bar."""
    write(text, sys.stdout)


def complain(text: str) -> None:
    """Print a line on stderr, around a progress bar."""
    warn(text, PROGRAM)


if __name__ == '__main__':
    sys.exit(main())
