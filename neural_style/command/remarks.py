"""Remarks on flags that are typed in vain: they change nothing beside the others."""

import math
from collections.abc import Iterator

from neural_style.command.arguments import Arguments
from neural_style.command.networks import embedded_network
from neural_style.command.replacements import replaced_values
from neural_style.command.saved_styles import has_saved_style
from neural_style.command.terminal import warn
from neural_style.command.trained_styles import has_trained_style
from neural_style.command.video_remarks import Rule, video_rules
from neural_style.distributed import World
from neural_style.network.devices import CPU, parse_gpus
from neural_style.torch7.cmdline import split
from neural_style.transfer.multiscale import iterations
from neural_style.transfer.setting_forms import parse_layers, parse_scales
from neural_style.transfer.style_layers import ALL


def make_remarks(arguments: Arguments, world: World) -> None:
    """Name on stderr the flags of the command line that do not do what they say."""
    if world.rank == 0:
        for text in (*replaced_values(arguments), *flags_without_effect(arguments, world)):
            warn(text)


def flags_without_effect(arguments: Arguments, world: World) -> Iterator[str]:
    """Yield a line for each flag of the command line that changes nothing beside the others."""
    for name, is_vain, reason in rules(world):
        if name in arguments.typed and is_vain(arguments):
            # the embedded network has put its own in that one's place
            value = '' if name == 'proto_file' else f' {getattr(arguments, name)}'
            yield f'-{name}{value}: has no effect {reason}'


def rules(world: World) -> list[Rule]:
    """Return flag, condition and reason, the remedy included, of what has no effect."""
    return [
        *optimizer_rules(),
        *fast_rules(),
        *image_rules(),
        *loss_rules(),
        *interval_rules(),
        *device_rules(world),
        *video_rules(),
    ]


def optimizer_rules() -> list[Rule]:
    adam = [
        (name, lambda a: a.optimizer == 'lbfgs', 'with -optimizer lbfgs; add -optimizer adam')
        for name in ('learning_rate', 'adam_beta1', 'adam_beta2', 'adam_epsilon')
    ]
    lbfgs = [
        (name, lambda a: a.optimizer == 'adam', 'with -optimizer adam; omit it, or the optimizer')
        for name in ('lbfgs_num_correction', 'lbfgs_max_step')
    ]
    limit = 'with -precision bf16 and fp16, which need a limit and take 10; give a limit above 0'
    return [
        *adam,
        *lbfgs,
        (
            'lbfgs_max_step',
            lambda a: (
                a.lbfgs_max_step == 0 and a.precision in ('bf16', 'fp16') and a.optimizer == 'lbfgs'
            ),
            limit,
        ),
    ]


def fast_rules() -> list[Rule]:
    """Return the rules of painting at once."""
    no_fast = 'without -fast and -init fast; add one of them'
    no_image = 'on a trained style; give -style_scale where the style is trained'
    return [
        ('fast_strength', lambda a: not (a.fast or a.starts_at_once), no_fast),
        *((name, has_trained_style, no_image) for name in ('style_scale', 'style_size_by')),
    ]


def image_rules() -> list[Rule]:
    """Return the rules of the images that go in and out."""
    jpeg = ('.jpg', '.jpeg')
    return [
        *(
            (
                'init_image',
                lambda a, value=value: a.init_image != '' and a.init == value,
                f'with -init {value}; add -init image',
            )
            for value in ('random', 'fast')
        ),
        *(
            (
                'noise_scale',
                lambda a, value=value: a.init == value,
                f'with -init {value}; add -init random',
            )
            for value in ('image', 'fast')
        ),
        (
            'style_tint',
            lambda a: a.style_tint == 1 and a.original_colors == 1,
            'with -original_colors 1, which takes the colours of the content; give one of them',
        ),
        (
            'recolor_content',
            lambda a: a.recolor_content != 0 and not uses_content(a),
            'without a content loss and with -init random; name layers in -content_layers',
        ),
        (
            'color',
            lambda a: a.color == 'match' and not split(a.style_layers),
            'without a layer that compares styles; name layers in -style_layers',
        ),
        (
            'color_transfer',
            lambda a: a.color != 'match',
            'on a style that is not recoloured; add -color match',
        ),
        (
            'region_weights',
            lambda a: a.content_regions == '',
            'without regions; name them in -content_regions',
        ),
        ('paper_range', lambda a: a.paper_mask == '', 'without a mask; add -paper_mask auto'),
        (
            'jpeg_quality',
            lambda a: not a.output_image.lower().endswith(jpeg),
            'on a file that is no JPEG; name a .jpg in -output_image',
        ),
        (
            'proto_file',
            lambda a: 'model_file' not in a.typed and a.model_file == embedded_network()[1],
            'with the embedded network; name the -model_file that belongs to it',
        ),
    ]


def loss_rules() -> list[Rule]:
    """Return the rules of losses, and of the style images that they follow."""
    no_style = 'without a layer that compares styles; name layers in -style_layers'
    no_content = 'without a layer that compares contents; name layers in -content_layers'
    no_weight = 'on a loss of weight 0; give a'
    return [
        (
            'style_blend_weights',
            lambda a: len(split(a.style_blend_weights)) == 1 and a.style_blend_weights != 'nil',
            'on a single style image; name several in -style_image, separated by commas',
        ),
        (
            'style_image_layers',
            lambda a: set(split(a.style_image_layers)) <= {ALL},
            'where all images serve all layers; omit it, or name layers',
        ),
        *(
            (name, lambda a: not split(a.style_layers), no_style)
            for name in (
                *('style_weight', 'style_blend_weights', 'style_statistic'),
                *('content_regions', 'style_regions', 'region_weights'),
            )
        ),
        *(
            (name, lambda a: not uses_styles(a), no_style)
            for name in ('style_image', 'style_scale', 'style_size_by')
        ),
        *(
            (name, has_saved_style, 'on a saved style; give it where the style is saved')
            for name in ('style_scale', 'style_size_by')
        ),
        ('content_weight', lambda a: not split(a.content_layers), no_content),
        *(
            (
                name,
                lambda a: a.style_weight == 0 and bool(split(a.style_layers)),
                f'{no_weight} -style_weight',
            )
            for name in (
                *('style_layers', 'style_statistic', 'style_image_layers'),
                *('content_regions', 'style_regions', 'region_weights'),
            )
        ),
        (
            'content_layers',
            lambda a: a.content_weight == 0 and a.content_layers != '',
            f'{no_weight} -content_weight',
        ),
        (
            'normalize_gradients',
            lambda a: not split(a.style_layers) and not split(a.content_layers),
            'on TV alone; name layers in -content_layers or -style_layers',
        ),
        (
            'missing_layers',
            lambda a: a.missing_layers == 'warn' and needs_layers(a),
            'with -losses paper or weights of layers, which imply error; omit it',
        ),
    ]


def interval_rules() -> list[Rule]:
    """Return the rules of what happens at the start, and every so many iterations."""
    never = 'within the -num_iterations; give a smaller number'
    begun = 'with -resume, which continues a run that has begun; omit it, or -resume'
    return [
        *(
            (name, lambda a: a.resume != '', begun)
            for name in ('seed', 'init', 'init_image', 'noise_scale', 'precision')
        ),
        (
            'multiscale',
            lambda a: [scale.size for scale in parse_scales(a.multiscale)] == [1],
            'with a single scale; give 2 or more',
        ),
        ('print_iter', lambda a: a.print_iter > most_iterations(a), never),
        ('save_iter', lambda a: a.save_iter > a.num_iterations, never),
        (
            'checkpoint_iter',
            lambda a: a.checkpoint == '',
            'without a file for the state; name it in -checkpoint',
        ),
        (
            'checkpoint_iter',
            lambda a: a.checkpoint != '' and a.checkpoint_iter >= most_iterations(a),
            f'{never}, or 0: the state is written before the last',
        ),
        (
            'checkpoint',
            lambda a: a.checkpoint != '' and a.num_iterations == 1 and a.multiscale == '',
            'on a run of a single iteration; give more -num_iterations',
        ),
    ]


def device_rules(world: World) -> list[Rule]:
    """Return the rules of devices, and of the processes that share a run."""
    return [
        (
            'backend',
            lambda a: a.backend != 'nn' and on_cpu(a),
            'on the CPU; name a GPU in -gpu',
        ),
        (
            'cudnn_autotune',
            lambda a: a.backend != 'cudnn' or on_cpu(a),
            'without cuDNN; add -backend cudnn, and name a GPU in -gpu',
        ),
        (
            'multigpu_strategy',
            lambda a: (
                a.multigpu_strategy != '' and (len(split(a.gpu)) < 2 or a.parallel != 'layers')
            ),
            'where no network is split; name several GPUs in -gpu, with -parallel layers',
        ),
        (
            'parallel',
            lambda a: a.parallel != 'layers' and world.size == 1,
            'on one device; name several in -gpu, such as 0,1',
        ),
    ]


def on_cpu(arguments: Arguments) -> bool:
    """Tell whether the CPU is asked for."""
    return parse_gpus(arguments.gpu) == [CPU]


def uses_styles(arguments: Arguments) -> bool:
    """Tell whether anything is taken from the style images."""
    colours = arguments.style_tint == 1 or arguments.recolor_content or arguments.paper_mask
    return bool(split(arguments.style_layers) or colours)


def uses_content(arguments: Arguments) -> bool:
    """Tell whether the content image, recoloured or not, has an influence on the picture."""
    is_compared = arguments.content_weight != 0 and split(arguments.content_layers)
    is_image = arguments.init == 'image' and arguments.init_image == ''
    is_start = is_image or arguments.starts_at_once
    return bool(is_compared or is_start or arguments.paper_mask == 'auto')


def needs_layers(arguments: Arguments) -> bool:
    """Tell whether layers that the network lacks are refused in any case."""
    layers = ('content_layers', 'style_layers')
    has_weights = any(parse_layers(name, getattr(arguments, name)).weights for name in layers)
    return arguments.losses == 'paper' or has_weights or arguments.style_image_layers != ''


def most_iterations(arguments: Arguments) -> float:
    """Return the iterations of the scale that has the most of them."""
    number, size = arguments.num_iterations, arguments.image_size
    if arguments.multiscale == '' or not math.isfinite(size):
        return number
    return max(iterations(arguments.multiscale, int(size), number))
