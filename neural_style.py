"""The command: flags → images → stylize → image.  Order and names of neural_style.lua."""

import contextlib
import ctypes
import functools
import itertools
import logging
import math
import os
import shlex
import site
import sys
import tempfile
from types import SimpleNamespace

import torch
from tqdm import tqdm

import loadcaffe
from style_transfer import Iterate, original_colors, stylize
from style_transfer.color import luminance, style_tint
from style_transfer.devices import choose_devices
from style_transfer.memory import LARGE, Plan
from style_transfer.multiscale import evaluations, scales, stylize_multiscale
from torch7 import image
from torch7.cmdline import (
    CmdLine,
    CommandLineError,
    HelpRequested,
    format_d,
    modulo,
    split,
    tonumber,
)

EMBEDDED = 'small_vgg19'
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD, M_MMAP_MAX = -1, -2, -3, -4  # malloc.h
INSTALLED = ('share', 'neural_style')


def command_line() -> CmdLine:
    """The flags of neural_style.lua."""
    cmd = CmdLine()

    # Basic options
    cmd.option('-style_image', 'examples/inputs/seated-nude.jpg', 'Style target image')
    cmd.option('-style_blend_weights', 'nil')
    cmd.option('-content_image', 'examples/inputs/tubingen.jpg', 'Content target image')
    cmd.option('-image_size', 512, 'Maximum height / width of generated image')
    cmd.option('-gpu', '0', 'Zero-indexed ID of the GPU to use; for CPU mode set -gpu = -1')
    cmd.option('-multigpu_strategy', '', 'Index of layers to split the network across GPUs')

    # Optimization options
    cmd.option('-content_weight', 5e0)
    cmd.option('-style_weight', 1e2)
    cmd.option('-tv_weight', 1e-3)
    cmd.option('-num_iterations', 1000)
    cmd.option('-normalize_gradients', False)
    cmd.option('-init', 'random', 'random|image')
    cmd.option('-init_image', '')
    cmd.option('-optimizer', 'lbfgs', 'lbfgs|adam')
    cmd.option('-learning_rate', 1e1)
    cmd.option('-lbfgs_num_correction', 0)

    # Output options
    cmd.option('-print_iter', 50)
    cmd.option('-save_iter', 100)
    cmd.option('-output_image', 'out.png')

    # Other options
    cmd.option('-style_scale', 1.0)
    cmd.option('-original_colors', 0)
    cmd.option('-pooling', 'max', 'max|avg')
    cmd.option('-proto_file', 'models/VGG_ILSVRC_19_layers_deploy.prototxt')
    cmd.option('-model_file', 'models/VGG_ILSVRC_19_layers.caffemodel')
    cmd.option('-backend', 'nn', 'nn|cudnn|clnn')
    cmd.option('-cudnn_autotune', False)
    cmd.option('-seed', -1)

    cmd.option('-content_layers', 'relu4_2', 'layers for content')
    cmd.option('-style_layers', 'relu1_1,relu2_1,relu3_1,relu4_1,relu5_1', 'layers for style')

    # What the original has not
    cmd.further()
    cmd.option('-preset', '', 'flags from a file; list shows the presets')
    cmd.option('-losses', 'neural_style', 'neural_style|paper')
    cmd.option('-missing_layers', 'warn', 'warn|error')
    cmd.option('-multiscale', '', 'number of scales, or sizes before the last')
    cmd.option('-precision', 'fp32', 'fp32|bf16|fp16|auto')
    cmd.option('-noise_scale', 0.001)
    cmd.option('-lbfgs_max_step', 0)
    cmd.option('-fourier_decay', 0)
    cmd.option('-style_size_by', 'side', 'side|width')
    cmd.option('-adam_beta1', 0.9)
    cmd.option('-adam_beta2', 0.999)
    cmd.option('-adam_epsilon', 1e-8)
    cmd.option('-luminance_only', 0)
    cmd.option('-recolor_content', 0)
    cmd.option('-style_tint', 0)
    cmd.option('-paper_mask', '', 'auto, or a picture: white stays paper')
    cmd.option('-paper_range', '0.7,0.9', 'luminances of -paper_mask auto')
    cmd.option('-jpeg_quality', 75)
    cmd.option('-memory', '', 'most memory to use, such as 4G')
    cmd.option('-dry_run', False)
    return cmd


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    argv = sys.argv[1:] if argv is None else argv
    cmd = command_line()
    program = os.path.basename(sys.argv[0])
    try:
        params = cmd.parse(argv)
        if params.preset == 'list':
            list_presets()
            return 0
        if params.preset != '':
            params = cmd.parse(read_preset(params.preset) + argv)
    except HelpRequested:
        print(cmd.help_text(program), end='')
        # stdout is the original's; a person at a terminal sees both
        sys.stdout.flush()
        print('Further options, which the original has not:', file=sys.stderr)
        print(cmd.help_text(None, further=True), end='', file=sys.stderr)
        return 0
    except CommandLineError as error:
        print('\t')
        print(error, file=sys.stderr)
        print('\t')
        print(cmd.help_text(None), end='')
        return 1
    except (ValueError, OSError) as error:
        print(f'neural_style: {error}', file=sys.stderr)
        return 1
    if 'model_file' not in cmd.given and not os.path.exists(params.model_file):
        print(
            f'neural_style: there is no {params.model_file} (sh models/download_models.sh fetches'
            ' VGG-19): using the small embedded network',
            file=sys.stderr,
        )
        params.proto_file, params.model_file = embedded_network()
    keep_memory()
    try:
        with terminal(level=logging.WARNING if params.dry_run else logging.INFO):
            run(params)
    except DryRun as plan:
        print(plan)
    except (ValueError, OSError) as error:
        print(f'neural_style: {error}', file=sys.stderr)
        return 1
    except (MemoryError, RuntimeError) as error:
        if not out_of_memory(error):
            raise
        print(
            'neural_style: out of memory: give a smaller -image_size, or -optimizer adam,'
            ' which keeps less',
            file=sys.stderr,
        )
        return 1
    except KeyboardInterrupt:
        print('neural_style: interrupted', file=sys.stderr)
        return 130
    return 0


def run(params: SimpleNamespace) -> None:
    """What main(params) of neural_style.lua does."""
    check_output(params.output_image)
    check_sizes(params.image_size, params.style_scale)
    check_further(params)
    devices = choose_devices(params.gpu, params.backend, params.cudnn_autotune)
    on_gpu = devices[0].type != 'cpu'

    # The original loads the network first; here a missing picture is found before that.
    content_image = load_image('-content_image', params.content_image)
    content_image = image.scale(content_image, params.image_size)
    style_size = math.ceil(params.style_scale * params.image_size)
    style_image_list = split(params.style_image)
    if not style_image_list:
        raise ValueError(f'-style_image {params.style_image}: name at least one picture')
    style_images = []
    for path in style_image_list:
        picture = load_image('-style_image', path)
        if params.style_size_by == 'width':
            width = int(max(params.style_scale * content_image.shape[2], 1))
            picture = scale_to_width(picture, width)
        else:
            picture = image.scale(picture, style_size)
        style_images.append(picture)
    init_image = None
    if params.init_image != '':
        height, width = content_image.shape[1:]
        init_image = load_image('-init_image', params.init_image)
        init_image = image.scale_to(init_image, width, height)

    mask = params.paper_mask
    if mask not in ('', 'auto'):
        height, width = content_image.shape[1:]
        mask = luminance(load_image('-paper_mask', mask))
        mask = image.scale_to(mask, width, height)

    # Handle style blending weights for multiple style inputs
    style_blend_weights = None
    if params.style_blend_weights != 'nil':
        style_blend_weights = numbers('-style_blend_weights', params.style_blend_weights)

    def maybe_print(iterate: Iterate) -> None:
        t = iterate.iteration
        if params.print_iter > 0 and modulo(t, params.print_iter) == 0:
            say(f'Iteration {format_d(t)} / {format_d(iterate.num_iterations)}')
            for i, content_module in enumerate(iterate.network.content_losses, start=1):
                say(f'  Content {i} loss: {content_module.loss:f}')
            for i, style_module in enumerate(iterate.network.style_losses, start=1):
                say(f'  Style {i} loss: {style_module.loss:f}')
            say(f'  Total loss: {iterate.loss:f}')

    def maybe_save(iterate: Iterate) -> None:
        t = iterate.iteration
        if iterate.x.shape != content_image.shape:
            return  # a coarser scale
        should_save = params.save_iter > 0 and modulo(t, params.save_iter) == 0
        should_save = should_save or t == params.num_iterations
        if should_save:
            disp = iterate.image
            filename = build_filename(params.output_image, t)
            if t == params.num_iterations:
                filename = params.output_image

            # Maybe perform postprocessing for color-independent style transfer
            if params.original_colors == 1:
                disp = original_colors(content_image, disp)
            elif params.style_tint == 1:
                disp = style_tint(style_images[0], disp)

            image.save(filename, disp, params.jpeg_quality)

    sizes = scales(params.multiscale, max(content_image.shape[1:]))
    with progress_bar(evaluations(sizes, params.num_iterations)) as bar:

        def report(iterate: Iterate) -> None:
            maybe_print(iterate)
            maybe_save(iterate)
            bar.update()

        def planned(plan: Plan) -> None:
            if params.dry_run:
                raise DryRun(plan.text)
            if params.memory != '' or not plan.plain:
                tqdm.write(f'neural_style: {plan.text}', file=sys.stderr)
            if plan.tiling is not None:
                keep_tiles()

        paint = stylize
        if params.multiscale != '' and not params.dry_run:  # the last size needs the most
            paint = functools.partial(stylize_multiscale, multiscale=params.multiscale)
        paint(
            load_network(params.proto_file, params.model_file),
            content_image,
            style_images,
            style_blend_weights=style_blend_weights,
            content_weight=params.content_weight,
            style_weight=params.style_weight,
            tv_weight=params.tv_weight,
            num_iterations=params.num_iterations,
            normalize_gradients=params.normalize_gradients,
            init=params.init,
            init_image=init_image,
            optimizer=params.optimizer,
            learning_rate=params.learning_rate,
            lbfgs_num_correction=params.lbfgs_num_correction,
            pooling=params.pooling,
            backend=params.backend if on_gpu else 'nn',
            seed=params.seed,
            content_layers=params.content_layers,
            style_layers=params.style_layers,
            multigpu_strategy=params.multigpu_strategy,
            losses=params.losses,
            missing_layers=params.missing_layers,
            precision=params.precision,
            noise_scale=params.noise_scale,
            lbfgs_max_step=params.lbfgs_max_step,
            fourier_decay=params.fourier_decay,
            adam_beta1=params.adam_beta1,
            adam_beta2=params.adam_beta2,
            adam_epsilon=params.adam_epsilon,
            luminance_only=params.luminance_only,
            recolor_content=params.recolor_content,
            paper_mask=mask,
            paper_range=params.paper_range,
            memory=params.memory,
            devices=devices,
            callback=report,
            planned=planned,
        )


def build_filename(output_image: str, iteration: int) -> str:
    """Name of an intermediate picture: out.png → ./out_100.png (neural_style.lua)."""
    directory, name = os.path.split(output_image)
    basename, _, extension = name.rpartition('.')
    return f'{directory or "."}/{basename}_{iteration}.{extension}'


def shipped(folder: str) -> list[str]:
    """Where a folder of the project may be: in the checkout, or where pip puts data."""
    bases = [os.path.dirname(os.path.abspath(__file__))]
    bases += [os.path.join(base, *INSTALLED) for base in (sys.prefix, site.getuserbase())]
    return [os.path.join(base, folder) for base in bases]


def embedded_network() -> tuple[str, str]:
    """The small network that comes with the program."""
    paths = [os.path.join(folder, EMBEDDED) for folder in shipped('models')]
    found = next((path for path in paths if os.path.exists(path + '.caffemodel')), paths[0])
    return found + '.prototxt', found + '.caffemodel'


def preset_files() -> dict[str, str]:
    """The presets that come with the program: name → path."""
    folder = next((path for path in shipped('presets') if os.path.isdir(path)), None)
    names = [] if folder is None else sorted(os.listdir(folder))
    return {
        name.removesuffix('.txt'): os.path.join(str(folder), name)
        for name in names
        if name.endswith('.txt')
    }


def read_preset(name: str) -> list[str]:
    """The flags of a preset, by its name or by the path of a file that ends in .txt.

    A flag a line, with its value, if any, behind it; a # begins a comment.
    """
    known = preset_files()
    path = known.get(name, name if name.endswith('.txt') else None)
    if path is None:
        raise ValueError(
            f'-preset {name}: no such preset; there are {", ".join(known)}; or name a .txt file'
        )
    words: list[str] = []
    try:
        with open(path, encoding='utf-8') as file:
            for number, line in enumerate(file, start=1):
                try:
                    flags = shlex.split(line, comments=True)
                except ValueError as error:
                    raise ValueError(f'-preset {path}: line {number}: {error}') from None
                if flags and (not flags[0].startswith('-') or len(flags) > 2):
                    raise ValueError(
                        f'-preset {path}: line {number}: {line.strip()!r} is not one flag, with its'
                        ' value if it takes one'
                    )
                if flags and flags[0].lstrip('-') == 'preset':
                    raise ValueError(f'-preset {path}: line {number}: a preset cannot name another')
                words += flags
    except UnicodeDecodeError:
        raise ValueError(f'-preset {path}: not a text file') from None
    except OSError as error:
        raise ValueError(f'-preset {path}: {error.strerror}') from error
    return words


def list_presets() -> None:
    """Print every preset: its name, and the comment that its file begins with."""
    for name, path in preset_files().items():
        with open(path, encoding='utf-8') as file:
            comment = itertools.takewhile(lambda line: line.startswith('#'), file)
            print(name)
            for line in comment:
                print(f'    {line[1:].strip()}')


def load_image(flag: str, path: str) -> torch.Tensor:
    """image.load, with the flag in its errors."""
    try:
        return image.load(path)
    except FileNotFoundError:
        remedy = 'name a JPEG, PNG or PPM file'
        if path.startswith('examples/inputs/'):
            remedy += "; sh examples/fetch_inputs.sh fetches the original's examples"
        raise FileNotFoundError(f'{flag} {path}: no such file; {remedy}') from None
    except (OSError, ValueError) as error:
        raise ValueError(f'{flag}: {error}') from error


def load_network(proto_file: str, model_file: str) -> torch.nn.Sequential:
    """loadcaffe.load, with the flag and the remedy in its errors."""
    remedy = 'sh models/download_models.sh fetches VGG-19'
    try:
        return loadcaffe.load(proto_file, model_file)
    except FileNotFoundError as error:
        raise FileNotFoundError(f'-model_file {model_file}: no such file ({remedy})') from error
    except loadcaffe.CaffeFormatError as error:
        raise ValueError(f'-model_file: {error} ({remedy})') from error


def keep_memory() -> None:
    """Ask glibc to keep the memory of large tensors for the next ones.

    By default it hands every tensor above 32 MB back to the system and gets it again page by
    page, which takes an eighth of the time of an evaluation at 512 pixels on two cores.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # no glibc
        return
    mallopt(M_MMAP_MAX, 0)
    mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
    mallopt(M_TOP_PAD, 2**28)


def keep_tiles() -> None:
    """Ask glibc to keep the memory of tiles only: what is larger goes back, and leaves no gaps."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # no glibc
        return
    mallopt(M_MMAP_MAX, 2**16)
    mallopt(M_MMAP_THRESHOLD, LARGE)
    mallopt(M_TOP_PAD, 2**26)


def check_output(output_image: str) -> None:
    """Refuse at the start what could not be saved at the end."""
    if not image.is_supported(output_image):
        raise ValueError(f'-output_image {output_image}: name a .png, .jpg, .jpeg or .ppm file')
    directory = os.path.dirname(output_image) or '.'
    if os.path.isdir(output_image):
        raise ValueError(f'-output_image {output_image}: this is a directory; name a file')
    try:
        with tempfile.TemporaryFile(dir=directory):
            pass
    except OSError as error:
        raise ValueError(
            f'-output_image {output_image}: cannot write in {directory}: {error.strerror};'
            ' make the directory, or name another'
        ) from error


def check_sizes(image_size: float, style_scale: float) -> None:
    """Refuse sizes that are no sizes; those below one pixel mean one, as in the original."""
    for flag, value in (('-image_size', image_size), ('-style_scale', style_scale)):
        if not math.isfinite(value):
            raise ValueError(f'{flag} {value}: give a finite number')
    if not math.isfinite(style_scale * image_size):
        raise ValueError(f'-style_scale {style_scale}: too large for -image_size {image_size}')


def check_further(params: SimpleNamespace) -> None:
    """Refuse what stylize does not see."""
    quality = params.jpeg_quality
    if not (isinstance(quality, int) and 1 <= quality <= 100):
        raise ValueError(f'-jpeg_quality {quality}: give a whole number from 1 to 100')
    if params.style_size_by not in ('side', 'width'):
        raise ValueError(f'-style_size_by {params.style_size_by}: choose side or width')
    if params.style_tint not in (0, 1):
        raise ValueError(f'-style_tint {params.style_tint}: give 0 or 1')


def scale_to_width(picture: torch.Tensor, width: int) -> torch.Tensor:
    """image.scale_to with the height that keeps the picture's shape, truncated."""
    height = int(max(width * picture.shape[1] / picture.shape[2], 1))
    return image.scale_to(picture, width, height)


def numbers(flag: str, text: str) -> list[float]:
    """The numbers of a flag such as 3,7."""
    values = []
    for item in split(text):
        value = tonumber(item)
        if value is None:
            raise ValueError(f'{flag} {text}: {item!r} is not a number')
        values.append(value)
    return values


def out_of_memory(error: Exception) -> bool:
    """Whether Python, the CPU allocator of PyTorch or a GPU ran out of memory."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or (
        "can't allocate memory" in str(error)
    )


def say(text: str) -> None:
    """Print as th does, which ends every print with a tab, around a progress bar."""
    tqdm.write(text + '\t', file=sys.stdout)
    sys.stdout.flush()


def progress_bar(num_iterations: float) -> tqdm:
    """A bar on stderr when that is a terminal, nothing otherwise."""
    total = max(int(num_iterations), 1) if math.isfinite(num_iterations) else 0
    return tqdm(total=total, disable=not sys.stderr.isatty(), unit='it', file=sys.stderr)


class DryRun(Exception):
    """The plan, where it is all that is wanted."""


class Terminal(logging.Handler):
    """What the libraries log: the original's lines on stdout, warnings on stderr."""

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if record.levelno >= logging.WARNING:
            tqdm.write(f'neural_style: {text}', file=sys.stderr)
        elif record.name.startswith('loadcaffe') or '\n' in text:
            # loadcaffe prints from C++, and th prints a network, without the tab.
            tqdm.write(text, file=sys.stdout)
            sys.stdout.flush()
        else:
            say(text)


@contextlib.contextmanager
def terminal(handler: logging.Handler | None = None, level: int = logging.INFO):
    """Let the libraries' messages of a level through to a handler for one run."""
    handler = handler or Terminal()
    loggers = [logging.getLogger(name) for name in ('loadcaffe', 'style_transfer', 'torch7')]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(level)
        logger.addHandler(handler)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
            logger.removeHandler(handler)


if __name__ == '__main__':
    sys.exit(main())
