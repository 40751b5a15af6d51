"""The flags of a figure; they mean what they mean in neural_style.lua where it has them."""

from neural_style.command.arguments import Arguments
from neural_style.figures.figures import FIGURES, PaperFigure
from neural_style.figures.paper import FEATURES, READINGS
from neural_style.network.padding import PADDINGS
from neural_style.torch7.cmdline import CmdLine
from neural_style.transfer.multiscale import scales

QUICK_SIZE, QUICK_ITERATIONS = 160, 150
PAPER_ITERATIONS, GALLERY_ITERATIONS = 500, 1000
VGG = 'models/VGG_ILSVRC_19_layers.caffemodel'
NORMALISED_VGG = 'models/vgg_normalised.caffemodel'
CHOICES = {
    'reading': READINGS,
    'features': FEATURES,
    'normalize': ('auto', 'always', 'never'),
}


def command_line() -> CmdLine:
    """Return the flags of neural_style-figures."""
    cmd = CmdLine()
    cmd.option('-content_image', '', "image to use instead of the figure's photograph")
    cmd.option('-style_image', '', 'images to use instead of its paintings, separated by commas')
    cmd.option('-output_dir', '', 'folder to write to; figures/NAME by default')
    cmd.option('-image_size', 512, 'longer side in pixels')
    cmd.option('-num_iterations', PAPER_ITERATIONS, f'per picture; galleries {GALLERY_ITERATIONS}')
    cmd.option('-multiscale', '', 'number of scales, or sizes before the last')
    cmd.option('-padding', 'zero', 'zero|reflect|replicate: what lies beyond the image')
    cmd.option('-quick', False, f'{QUICK_SIZE} pixels, {QUICK_ITERATIONS} iterations')
    cmd.option('-seed', 1, 'of the initial noise')
    cmd.option('-proto_file', 'models/VGG_ILSVRC_19_layers_deploy.prototxt')
    cmd.option('-model_file', NORMALISED_VGG, 'VGG-19 for galleries, or if it is missing')
    cmd.option('-gpu', '0', 'GPUs, counted from 0; -1 is the CPU')
    cmd.option('-backend', 'nn', 'nn|cudnn|clnn')
    cmd.option('-reading', 'code', "code|printed: weights of the authors' code, or of the paper")
    cmd.option('-features', 'relu', 'relu|conv: the layers that the paper names conv1_1 and so on')
    cmd.option('-normalize', 'auto', 'auto|always|never: scale mean activations to 1')
    return cmd


def figure_arguments(name: str, arguments: Arguments) -> Arguments:
    """Refuse values that make no sense, and fill in defaults that depend on the figure."""
    is_paper = isinstance(FIGURES[name], PaperFigure)
    for flag, choices in {**CHOICES, 'padding': PADDINGS}.items():
        value = getattr(arguments, flag)
        if value not in choices:
            raise ValueError(f'-{flag} {value}: choose {" or ".join(choices)}')
        if flag in CHOICES and flag in arguments.explicit and not is_paper:
            raise ValueError(
                f'-{flag} {value}: applies to figures 1, 2 and 3 of the paper; {name} is a gallery'
            )
    defaults = {'num_iterations': PAPER_ITERATIONS if is_paper else GALLERY_ITERATIONS}
    if arguments.quick:
        defaults = {'image_size': QUICK_SIZE, 'num_iterations': QUICK_ITERATIONS}
    arguments = arguments.with_values(
        **{flag: value for flag, value in defaults.items() if flag not in arguments.explicit}
    )
    for flag, lowest in (('image_size', 1), ('num_iterations', 1), ('seed', 0)):
        value = getattr(arguments, flag)
        if not isinstance(value, int) or value < lowest:
            raise ValueError(f'-{flag} {value}: give a whole number from {lowest}')
    scales(arguments.multiscale, arguments.image_size)
    return arguments
