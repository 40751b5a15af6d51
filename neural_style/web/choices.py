"""What people choose on the page, as flags of the command."""

import functools
import importlib.resources
import math
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from neural_style.command.flag_table import Flag
from neural_style.command.flags import command_line
from neural_style.command.input_files import INPUTS
from neural_style.command.presets import preset_files, read_preset
from neural_style.kernels.precision import PRECISIONS
from neural_style.transfer.settings import CHOICES
from neural_style.web.job import PICTURE

PICTURES = importlib.resources.files('neural_style.web') / 'pictures'
# Flags that the page itself gives, that name files of the machine, or that are its owner's.
HIDDEN_FLAGS = {
    *(*INPUTS, 'flow_pattern', 'flowWeight_pattern', 'frame_rate'),
    *('image_size', 'num_iterations', 'original_colors', 'style_blend_weights', 'fast'),
    *('preset', 'rerun', 'output_image'),
    *('print_iter', 'save_iter', 'checkpoint', 'checkpoint_iter', 'resume', 'save_style'),
    *('preview', 'dry_run', 'parallel', 'gpu', 'multigpu_strategy', 'backend', 'cudnn_autotune'),
    *('memory', 'jpeg_quality', 'exif_orientation', 'icc_profile', 'keep_alpha', 'init'),
}
SHOWN_INPUTS = {'paper_mask': ('auto',)}  # their values that name no file
TEXT = re.compile(r'[\w.,:+ -]{0,200}')
MIDDLE = 5  # of the style strengths 1 to 9: that of the preset
PRESET = 'quick'
FAST = 'at_once'  # stands among the presets, for -fast
PRESET_SIZES = 512  # sliders start with no more than this
CAPTIONS = {
    'quick': 'Quick',
    'fast': 'Fast',
    'best': 'Best',
    FAST: 'At once',
    'wasserstein': 'Bold',
    'strokes': 'Strokes only',
    'ink': 'Ink',
    'gongbi': 'Gongbi',
    'qinglu': 'Blue-green',
    'gatys2015': 'The paper',
    '': 'Original',
}


@dataclass(frozen=True)
class Slider:
    """A number of the simple view: how it is called, what it may be, and where it starts."""

    label: str
    info: str
    lowest: int
    highest: int
    start: int
    step: int


STRENGTH = Slider('Style strength', '5 is the preset’s', 1, 9, MIDDLE, 1)
SIZE = Slider(
    'Size', 'Longer side in pixels; twice the size takes four times as long', 64, 2048, 384, 32
)
STEPS = Slider('Detail', 'Steps of painting; more take longer', 5, 1000, 75, 5)
WEIGHT = Slider('Weight', '0 leaves a style out', 0, 10, 5, 1)
KEEPS_COLORS = 'Keep the colours of the photograph'


@dataclass(frozen=True)
class Choices:
    """The choices of one picture.

    strength: 1 to 9; the style weight of the preset is multiplied by 2 for each step above 5.
    advanced: values of other flags, as they are typed; empty ones count for nothing.
    """

    preset: str = PRESET
    strength: float = MIDDLE
    size: float = 512
    steps: float = 75
    keeps_colors: bool = False
    advanced: Mapping[str, Any] = field(default_factory=dict)


def flags(choices: Choices, max_size: int, max_steps: int, output: str = PICTURE) -> list[str]:
    """Return the flags of a picture, without those of its files.  Raises ValueError.

    output: the name of the result, which is that of a picture or of a video.
    """
    if choices.preset not in CAPTIONS:
        raise ValueError('there is no such preset')
    advanced = [word for name, value in choices.advanced.items() for word in typed(name, value)]
    if choices.preset == FAST:
        words = fast_words(choices, advanced)
    else:
        words = preset_words(choices, advanced, max_steps)
        words += ['-print_iter', '0', *(['-save_iter', '0'] if output == PICTURE else [])]
    words += ['-image_size', str(whole('size', choices.size, 32, max_size))]
    if choices.keeps_colors:
        words += ['-original_colors', '1']
    if '-seed' not in advanced:
        words += ['-seed', str(secrets.randbelow(10**6))]
    upright = ['-exif_orientation', '1', '-icc_profile', '1'] if output == PICTURE else []
    return [*words, *advanced, *upright, '-output_image', output]


def fast_words(choices: Choices, advanced: Sequence[str]) -> list[str]:
    """Return the flags of painting at once.  The middle strength is all of the style."""
    strength = min(choices.strength / MIDDLE, 1)
    is_typed = '-fast_strength' in advanced or strength == 1
    return ['-fast', *([] if is_typed else ['-fast_strength', f'{strength:g}'])]


def preset_words(choices: Choices, advanced: Sequence[str], max_steps: int) -> list[str]:
    """Return the flags of preset, strength and steps.  Raises ValueError."""
    words = ['-preset', choices.preset] if choices.preset else []
    if choices.strength != MIDDLE and '-style_weight' not in advanced:
        weight = preset_value(choices.preset, 'style_weight') * 2 ** (choices.strength - MIDDLE)
        words += ['-style_weight', f'{weight:g}']
    return [*words, '-num_iterations', str(whole('steps', choices.steps, 1, max_steps))]


def whole(label: str, number: Any, lowest: int, highest: int) -> int:
    """Return a number of the page as a whole number in its range.  Raises ValueError."""
    is_number = isinstance(number, int | float) and math.isfinite(number)
    if not is_number or not lowest <= number <= highest:
        raise ValueError(f'{label}: give a number from {lowest} to {highest}')
    return int(number)


def preset_value(preset: str, name: str) -> float:
    """Return the number that a flag has with a preset."""
    cmd = command_line()
    explicit = cmd.parse_explicit(read_preset(preset)) if preset else {}
    return float((cmd.defaults() | explicit)[name])


def preset_size(preset: str) -> int:
    """Return the size with which the page begins for a preset."""
    if preset == FAST:
        return PRESET_SIZES
    return min(int(preset_value(preset, 'image_size')), PRESET_SIZES)


def typed(name: str, value: Any) -> list[str]:
    """Return a flag of the advanced view with its value; [] if it is empty.  Raises ValueError."""
    flag = shown_flags().get(name)
    if flag is None:
        raise ValueError('there is no such setting')
    if value in (None, '', False):
        return []
    if isinstance(flag.default, bool):
        return [f'-{name}']
    text = str(value).strip()
    if not TEXT.fullmatch(text) or name in SHOWN_INPUTS and text not in SHOWN_INPUTS[name]:
        raise ValueError(f'-{name}: give a value such as {flag.default!s}')
    return [f'-{name}', text]


@functools.cache
def shown_flags() -> dict[str, Flag]:
    """Return the flags of the advanced view by their names."""
    table = command_line().flags
    return {flag.name: flag for flag in table if is_shown(flag.name)}


def is_shown(name: str) -> bool:
    return name not in HIDDEN_FLAGS or name in SHOWN_INPUTS


CHOICES_OF: Mapping[str, Sequence[str]] = {
    **{name: values for name, values in CHOICES.items() if is_shown(name)},
    'precision': (*PRECISIONS, 'auto'),
    'style_size_by': ('side', 'width'),
}


def values_of(flag: Flag) -> list[str]:
    """Return the values that a flag can be chosen from; [] where it is typed."""
    if flag.name in SHOWN_INPUTS:
        return list(SHOWN_INPUTS[flag.name])
    return [value for value in CHOICES_OF.get(flag.name, ()) if value != '']


def presets() -> list[str]:
    """Return the presets, in the order of the page."""
    return [name for name in CAPTIONS if name == '' or name in preset_files()]


def shown_presets() -> list[str]:
    """Return what the page shows among the presets, painting at once included."""
    return [name for name in CAPTIONS if name == FAST or name in presets()]
