"""Values that the original takes for another without a word, and what to give instead."""

import math
from collections.abc import Iterator

from neural_style.command.arguments import Arguments
from neural_style.command.checks import style_scales
from neural_style.network.devices import CPU
from neural_style.torch7.cmdline import tonumber


def replaced_values(arguments: Arguments) -> Iterator[str]:
    """Yield a line for each value of the command line that the original takes for another."""
    for name, value, meaning in replacements(arguments):
        if name in arguments.typed:
            given = getattr(arguments, name)
            yield f'-{name} {given}: taken for {value}, as in the original; {meaning}'


def replacements(arguments: Arguments) -> Iterator[tuple[str, str, str]]:
    """Yield flag, the value that it is taken for, and what to give instead."""
    if arguments.pooling not in ('max', 'avg'):
        yield 'pooling', 'max', 'choose max, or avg for average pooling'
    if arguments.original_colors not in (0, 1):
        yield 'original_colors', '0', 'choose 0 or 1'
    if is_other_cpu(arguments.gpu):
        yield 'gpu', '-1, the CPU', 'GPUs are counted from 0'
    if arguments.tv_weight < 0:
        yield 'tv_weight', '0', 'give a weight above 0, or 0 for none'
    if arguments.lbfgs_num_correction < 0 and arguments.optimizer == 'lbfgs':
        yield 'lbfgs_num_correction', '100', 'give a number of steps, or 0 for 100'
    if arguments.image_size < 1:
        yield 'image_size', '1', 'give the longer side in pixels'
    if any(scale <= 0 for scale in style_scales(arguments)):
        yield 'style_scale', 'one pixel', 'give a factor above 0'
    seed = int(arguments.seed) % 2**32 if 0 <= arguments.seed < math.inf else arguments.seed
    if seed != arguments.seed and not math.isnan(seed):
        yield 'seed', str(seed), 'give a whole number below 4294967296'
    for name in ('print_iter', 'save_iter'):
        if getattr(arguments, name) < 0:
            yield name, '0, which means never', 'give a number above 0, or 0'


def is_other_cpu(gpu: str) -> bool:
    """Tell whether a single number below 0 other than -1 stands for the CPU."""
    number = tonumber(gpu)
    return number is not None and not number + 1 > 0 and number != CPU
