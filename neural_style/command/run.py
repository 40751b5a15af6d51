"""The command: flags → images → stylize → image.  Order and names of neural_style.lua."""

import functools
import inspect
import itertools
import logging
import math
import os
import sys
from types import SimpleNamespace
from typing import Any

import torch

import loadcaffe
from neural_style.command import checkpoint as checkpoints
from neural_style.command import image_files as picture
from neural_style.command import recipe as recipes
from neural_style.command.checks import (
    check_checkpoint,
    check_extension_flags,
    check_output,
    check_sizes,
    overwritten_inputs,
)
from neural_style.command.emergency import Interrupted, Interruption, out_of_memory
from neural_style.command.images import read_pictures
from neural_style.command.input_files import INPUTS, InputChecksums
from neural_style.command.presets import MODELS, embedded_network, preset_files, read_preset
from neural_style.command.report import DryRun, Report
from neural_style.command.terminal import open_streams, progress_bar, put, say, terminal, warn
from neural_style.distributed import (
    SINGLE_PROCESS,
    RankLostError,
    World,
    destroy_world,
    init_world,
    launch,
)
from neural_style.memory.heap import configure_malloc
from neural_style.network.devices import check_distinct, choose_devices, gpu_of_rank, parse_gpus
from neural_style.torch7.cmdline import CmdLine, CommandLineError, HelpRequested, split, tonumber
from neural_style.torch7.random import Generator
from neural_style.transfer.divergence import DivergenceError
from neural_style.transfer.multiscale import iterations, scales, stylize_multiscale
from neural_style.transfer.stylize import stylize

# What the command hands to stylize under the names of its flags.
KEYWORDS = frozenset(inspect.signature(stylize).parameters) - {'content_image'}


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
    cmd.option('-checkpoint', '', 'file for the state of the run')
    cmd.option('-checkpoint_iter', 100)
    cmd.option('-resume', '', 'go on from a checkpoint')
    cmd.option('-parallel', 'layers', 'layers|tiles: what several GPUs share')
    cmd.option('-exif_orientation', 0)
    cmd.option('-icc_profile', 0)
    cmd.option('-keep_alpha', 0)
    cmd.option('-rerun', '', 'a picture whose run is repeated')
    cmd.option('-memory', '', 'most memory to use, such as 4G')
    cmd.option('-dry_run', False)
    return cmd


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    argv = sys.argv[1:] if argv is None else argv
    open_streams()
    cmd = command_line()
    try:
        params = read_flags(cmd, argv)
        if params.preset == 'list':
            list_presets()
            return 0
        if params.parallel == 'tiles' and 'WORLD_SIZE' not in os.environ:
            words = [sys.executable, '-m', 'neural_style', *argv]
            return launch(words, max(len(split(params.gpu)), 1))
        world = init_world()
    except HelpRequested:
        put(cmd.help_text(os.path.basename(sys.argv[0])), sys.stdout, end='')
        # stdout is the original's; a person at a terminal sees both
        put('Further options, which the original has not:', sys.stderr)
        put(cmd.help_text(None, further=True), sys.stderr, end='')
        return 0
    except CommandLineError as error:
        say('')
        put(str(error), sys.stderr)
        say('')
        put(cmd.help_text(None), sys.stdout, end='')
        return 1
    except (ValueError, OSError) as error:
        warn(str(error))
        return 1
    name = 'neural_style'
    if world.rank:  # the first process speaks for all
        name += f': process {world.rank + 1} of {world.size}'
        sys.stdout = open(os.devnull, 'w')  # noqa: SIM115
    configure_malloc()
    try:
        status = paint(params, cmd.given, world)
        destroy_world(world)
        return status
    except DryRun as plan:
        if world.rank == 0:
            put(str(plan), sys.stdout)
        destroy_world(world)
        return 0
    except Interrupted as interrupted:
        if world.rank == 0:
            warn(str(interrupted))
        return interrupted.status
    except RankLostError as error:
        text = str(error)
        if params.checkpoint != '':
            text += (
                f'; go on from the last state, if there is one, with -resume {params.checkpoint}'
            )
        warn(text, name)
        return 1
    except (ValueError, OSError) as error:
        warn(str(error), name)
        return 1
    except (MemoryError, RuntimeError, SystemError) as error:
        if not out_of_memory(error):
            raise
        warn(
            'out of memory: give a smaller -image_size, or -optimizer adam, which keeps less', name
        )
        return 1
    except KeyboardInterrupt:
        warn('interrupted', name)
        return 130


def read_flags(cmd: CmdLine, argv: list[str]) -> SimpleNamespace:
    """The flags of a command, of its preset, and of the picture whose run it repeats.

    generator_seed: the seed that run drew, or None.
    """
    params = cmd.parse(argv)
    if params.preset not in ('', 'list'):
        argv = read_preset(params.preset) + argv
        params = cmd.parse(argv)
    generator_seed = None
    if params.rerun != '' and params.resume != '':
        raise ValueError('-rerun: begins anew, and -resume goes on; give one of them')
    if params.rerun != '':
        words, generator_seed = repeated(params, cmd.given)
        params = cmd.parse(words + argv)
    params.generator_seed = generator_seed
    return params


def paint(params: SimpleNamespace, given: set[str], world: World) -> int:
    """Paint the picture, or the pictures; returns the exit status.  given: flags."""
    if params.resume == '' and 'model_file' not in given and not os.path.exists(params.model_file):
        if world.rank == 0:
            warn(
                f'there is no {params.model_file} (sh models/download_models.sh fetches VGG-19):'
                ' using the small embedded network'
            )
        params.proto_file, params.model_file = embedded_network()
    jobs = batch_jobs(params)
    if jobs is not None:
        return run_all(jobs, world)
    level = logging.ERROR if world.rank else log_level(params)
    with terminal(level=level), Interruption() as interruption:
        resumed = None
        if params.resume != '':
            params, resumed = checkpoints.read(params, given, world)
        run(params, interruption, resumed, world)
    return 0


def batch_jobs(params: SimpleNamespace) -> list[SimpleNamespace] | None:
    """The runs that -content_image stands for: a folder, or a .txt file with a path in each line.

    The output of out.png and a/harbour.jpg is out_harbour.png.  None for a picture.
    """
    path = params.content_image
    if os.path.isdir(path):
        try:
            names = sorted(name for name in os.listdir(path) if picture.has_image_extension(name))
        except OSError as error:
            raise ValueError(f'-content_image {path}: {error.strerror}') from error
        paths = [os.path.join(path, name) for name in names]
    elif path.lower().endswith('.txt'):
        try:
            with open(path, encoding='utf-8-sig') as file:  # as Windows writes it
                paths = [line.strip() for line in file if line.strip()]
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(f'-content_image {path}: not a list of pictures: {error}') from error
    else:
        return None
    if not paths:
        raise ValueError(f'-content_image {path}: there is no picture in it')
    if params.resume != '':
        raise ValueError('-resume: goes on with one picture; name it in -content_image')
    jobs: dict[str, SimpleNamespace] = {}
    for content in paths:
        stem = os.path.splitext(os.path.basename(content))[0]
        own = {'content_image': content}
        for flag in ('output_image', 'checkpoint'):
            root, extension = os.path.splitext(getattr(params, flag))
            own[flag] = root and f'{root}_{stem}{extension}'
        if own['output_image'] in jobs:
            raise ValueError(
                f'-content_image {path}: {content} and {jobs[own["output_image"]].content_image}'
                f' would both become {own["output_image"]}; rename one'
            )
        jobs[own['output_image']] = SimpleNamespace(**vars(params) | own)
    return list(jobs.values())


def log_level(params: SimpleNamespace) -> int:
    """The level of what the libraries log that is shown: of a dry run, the plan alone."""
    return logging.WARNING if params.dry_run else logging.INFO


def run_all(jobs: list[SimpleNamespace], world: World) -> int:
    """Run jobs one after the other; several processes share them.  Returns the exit status."""
    status = 0
    with terminal(level=log_level(jobs[0])), Interruption() as interruption:
        own = jobs[world.rank :: world.size]
        for number, job in enumerate(own, start=1):
            if not job.dry_run:
                say(f'{job.content_image} -> {job.output_image}')
            interruption.gentle = False
            gpu = job.gpu
            if world.size > 1:
                gpu = ','.join(map(str, gpu_of_rank(parse_gpus(gpu), world.local_rank)))
            try:
                run(SimpleNamespace(**vars(job) | {'gpu': gpu}), interruption)
            except DryRun as plan:
                put(f'{job.content_image}: {plan}', sys.stdout)
            except Interrupted as interrupted:
                if number < len(own):
                    rest = f'; {len(own) - number} more pictures are left, from'
                    interrupted.args = (f'{interrupted}{rest} {own[number].content_image} on',)
                raise
            except (ValueError, OSError) as error:
                status = 1
                warn(f'{error} ({job.output_image} is not painted)')
    return status


def run(
    params: SimpleNamespace,
    interruption: Interruption,
    resumed: dict[str, Any] | None = None,
    world: World = SINGLE_PROCESS,
) -> None:
    """What main(params) of neural_style.lua does.

    params: the flags, and generator_seed: what the random numbers begin with if -seed does not say
    so, or None for what the operating system gives.  resumed: a checkpoint to go on from.
    """
    check_output('-output_image', params.output_image)
    if params.checkpoint != '':
        check_output('-checkpoint', params.checkpoint)
        check_checkpoint(params, world)
    for flag, path in overwritten_inputs(params):
        warn(f'-output_image {params.output_image}: the run writes over its -{flag} {path}')
    check_sizes(params.image_size, params.style_scale)
    check_extension_flags(params)
    sums = state = None
    if resumed is not None:
        sums = InputChecksums(params)
        checkpoints.check_inputs(params, sums.by_flag(), resumed['sums'])
        state = resumed['state']
    gpus = parse_gpus(params.gpu)
    if world.size > 1:
        check_distinct(gpus)
        gpus = gpu_of_rank(gpus, world.local_rank)
    devices = choose_devices(gpus, params.backend, params.cudnn_autotune)
    if devices[0].type == 'cuda':
        torch.cuda.set_device(devices[0])

    # The original loads the network first; here a missing picture is found before that.
    pictures = read_pictures(params)
    height, width = pictures.content.shape[1:]

    generator = Generator()
    if params.generator_seed is None:
        params.generator_seed = generator.seed() % 2**32
    # From the seed, so that masks of dropout for the targets hang on it as well.
    generator.manual_seed(params.seed if 0 <= params.seed < math.inf else params.generator_seed)
    defaults = vars(command_line().parse([]))
    sums = sums or InputChecksums(params)
    recipe = recipes.record(params, defaults, sums)
    if recipe is None:
        warn('the settings are too long for a recipe in the picture')

    # Handle style blending weights for multiple style inputs
    style_blend_weights = None
    if params.style_blend_weights != 'nil':
        style_blend_weights = numbers('-style_blend_weights', params.style_blend_weights)

    number = params.num_iterations
    if math.isfinite(number) and not (number >= 1 and float(number).is_integer()):
        warn(
            f'-num_iterations {number}: no evaluation has this number,'
            f' so that {params.output_image} is not written, as in the original'
        )
    # Pictures that are not needed after the targets: stylize gives up their memory.
    content: Any = [pictures.content].pop
    styles: Any = [pictures.styles].pop
    colors = None
    if params.original_colors == 1:
        content = colors = pictures.content
    elif params.style_tint == 1:
        styles, colors = pictures.styles, pictures.styles[0]
    init_image, alpha, mask = pictures.init, pictures.alpha, pictures.mask
    del pictures

    sizes = scales(params.multiscale, max(height, width))
    counts = iterations(sizes, params.num_iterations)
    with progress_bar(sum(counts), world.rank > 0) as bar:
        if state is not None:
            bar.update(int(sum(counts[: state['scale']]) + state['iteration']))
        report = Report(
            params,
            len(sizes),
            (height, width),
            colors,
            alpha,
            recipe,
            sums,
            interruption,
            world,
            bar,
        )
        paint = stylize
        if params.multiscale != '' and not params.dry_run:  # the last size needs the most
            paint = functools.partial(stylize_multiscale, multiscale=params.multiscale)
        load = functools.partial(load_network, params.proto_file, params.model_file)
        settings = {name: value for name, value in vars(params).items() if name in KEYWORDS}
        settings |= {
            'style_blend_weights': style_blend_weights,
            'init_image': init_image,
            'paper_mask': mask,
            'backend': params.backend if devices[0].type != 'cpu' else 'nn',
            'devices': devices,
            'generator': generator,
            'callback': report.evaluated,
            'before': report.before,
            'planned': report.planned,
            'state': state,
            'world': world,
        }
        lack = False
        try:
            paint(load, content, styles, **settings)
        except DivergenceError as error:
            raise ValueError(report.diverged(error)) from error
        except (MemoryError, RuntimeError, SystemError) as error:
            if not out_of_memory(error):
                raise
            lack = True
        if lack:  # and what the error held is free
            raise ValueError(report.lacking(devices[0]))
    if interruption.signal:
        raise Interrupted(f'interrupted, but {params.output_image} is ready', interruption.signal)


def repeated(params: SimpleNamespace, given: set[str]) -> tuple[list[str], int | None]:
    """The words that repeat the run of -rerun, and the seed that it drew.

    Flags in given win: those that name inputs say where these are, the others change the run.
    """
    path = params.rerun
    try:
        recipe = recipes.read(path, command_line())
        made = (recipe.program, recipe.torch)
        here = (f'{recipes.PROGRAM} {recipes.version() or ""}'.strip(), torch.__version__)
        if made != here:
            warn(
                f'-rerun {path}: made by {" with torch ".join(made)}, not'
                f' {" with torch ".join(here)}: the last bits may differ'
            )
        places = {
            flag: [] if (value := getattr(params, flag)) in ('', 'auto') else [value]
            for flag in given.intersection(INPUTS)
        }
        if 'style_image' in places:
            places['style_image'] = picture.split_paths(params.style_image)
        pictures = ['', os.path.dirname(path)]
        networks = [*pictures, 'models', MODELS]
        words = recipe.flags + recipes.find(
            recipe,
            places,
            {flag: networks if flag.endswith('_file') else pictures for flag in INPUTS},
        )
    except (OSError, ValueError) as error:
        raise ValueError(f'-rerun: {error}') from error
    output = recipes.output_name(path)
    if 'output_image' in given:
        output = params.output_image
    if recipes.overwrites(output, path):
        raise ValueError(f'-rerun: -output_image {output} would write over {path}; name another')
    return [*words, '-output_image', output], None if 'seed' in given else recipe.seed


def list_presets() -> None:
    """Print every preset: its name, and the comment that its file begins with."""
    for name, path in preset_files().items():
        with open(path, encoding='utf-8') as file:
            comment = itertools.takewhile(lambda line: line.startswith('#'), file)
            put(name, sys.stdout)
            for line in comment:
                put(f'    {line[1:].strip()}', sys.stdout)


def load_network(proto_file: str, model_file: str) -> torch.nn.Sequential:
    """loadcaffe.load, with the flag and the remedy in its errors."""
    remedy = 'sh models/download_models.sh fetches VGG-19'
    try:
        return loadcaffe.load(proto_file, model_file)
    except FileNotFoundError as error:
        raise FileNotFoundError(f'-model_file {model_file}: no such file ({remedy})') from error
    except loadcaffe.CaffeFormatError as error:
        raise ValueError(f'-model_file: {error} ({remedy})') from error
    except OSError as error:
        raise ValueError(f'-model_file {model_file}: {error.strerror} ({remedy})') from error


def numbers(flag: str, text: str) -> list[float]:
    """The numbers of a flag such as 3,7."""
    values = []
    for item in split(text):
        value = tonumber(item)
        if value is None or not math.isfinite(value):
            raise ValueError(f'{flag} {text}: {item!r} is not a finite number')
        values.append(value)
    return values
