"""The settings of a run: names and defaults of the command's flags, and what they may be."""

import difflib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import torch

from neural_style.errors import SettingError
from neural_style.losses.statistics.choice import StatisticChoice, parse_statistics
from neural_style.network.building import LOSSES
from neural_style.network.padding import PADDINGS
from neural_style.transfer.color_transfer import METHODS
from neural_style.transfer.setting_forms import (
    Layers,
    holds,
    parse_layers,
    parse_memory_limit,
    parse_paper_range,
    parse_region_weights,
)
from neural_style.transfer.style_layers import ImageLayers, parse_image_layers

FLOAT32_MAX = torch.finfo(torch.float32).max

CHOICES = {
    'init': ('random', 'image'),
    'optimizer': ('lbfgs', 'adam'),
    'losses': LOSSES,
    'missing_layers': ('warn', 'error'),
    'padding': PADDINGS,
    'pooling': ('max', 'avg'),
    'backend': ('nn', 'cudnn', 'clnn'),
    'color': ('', 'content', 'style', 'luminance', 'match'),
    'color_transfer': METHODS,
}
# Keywords of stylize that are images; a paper_mask may be a word.
PICTURES = ('paper_mask', 'content_regions', 'style_regions')
Range = tuple[str, Callable[[float], bool]]
FINITE: Range = ('a finite number', math.isfinite)
RANGES: Mapping[str, Range] = {
    'content_weight': FINITE,
    'style_weight': FINITE,
    'tv_weight': FINITE,
    'num_iterations': FINITE,
    'lbfgs_num_correction': FINITE,
    'noise_scale': FINITE,
    'seed': FINITE,
    'learning_rate': (f'a number up to {FLOAT32_MAX:g}', lambda x: abs(x) <= FLOAT32_MAX),
    'lbfgs_max_step': (f'a number from 0 to {FLOAT32_MAX:g}', lambda x: 0 <= x <= FLOAT32_MAX),
    'fourier_decay': ('a number from 0 to 1', lambda x: 0 <= x <= 1),
    'adam_beta1': ('a number from 0 to below 1', lambda x: 0 <= x < 1),
    'adam_beta2': ('a number from 0 to below 1', lambda x: 0 <= x < 1),
    'adam_epsilon': ('a number above 0', lambda x: 0 < x < math.inf),
    'normalize_gradients': ('True or False', lambda x: x in (True, False)),
    'luminance_only': ('0 or 1', lambda x: x in (0, 1)),
    'recolor_content': ('a number from 0 to 1', lambda x: 0 <= x <= 1),
}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of a run.

    The names and defaults are those of the command's flags.  Values may have the form that the
    flags have, or a typed one where it says so.  Raises SettingError for values that make no
    sense; what only the other optimiser, or several devices, would use is not looked at.
    """

    # Losses
    content_weight: float = 5e0  # any finite number, like the other weights
    style_weight: float = 1e2
    tv_weight: float = 1e-3  # there is no TV at 0 and below
    content_layers: Layers = 'relu4_2'  # each with or without a weight: see Layers
    style_layers: Layers = 'relu1_1,relu2_1,relu3_1,relu4_1,relu5_1'
    style_image_layers: ImageLayers = ''  # for each style image 'relu1_1+relu2_1', or 'all'
    losses: str = 'neural_style'  # or 'paper': the formulas printed in Gatys et al. 2015
    style_statistic: StatisticChoice = 'gram'  # what styles are compared by; may be a weighted sum
    normalize_gradients: bool = False  # divide each loss's gradient by its L1 norm

    # Optimisation
    num_iterations: float = 1000  # evaluations of the network
    init: str = 'random'  # noise; or 'image': init_image, by default the content image
    noise_scale: float = 0.001  # standard deviation of the noise, in grey levels (0 to 255)
    seed: float = -1  # of the noise; below 0 every run has noise of its own
    optimizer: str = 'lbfgs'  # or 'adam'
    learning_rate: float = 1e1  # of Adam: about the length of a step, in grey levels
    adam_beta1: float = 0.9  # from 0 to below 1
    adam_beta2: float = 0.999  # from 0 to below 1
    adam_epsilon: float = 1e-8  # above 0
    lbfgs_num_correction: float = 0  # pairs that L-BFGS remembers; 0 stands for 100
    lbfgs_max_step: float = 0  # root mean square of a step, in grey levels; 0 for no limit
    fourier_decay: float = 0  # from 0 to 1: optimise Fourier coefficients, times frequency^-this

    # Colours and paper
    color: str = ''  # or 'content', 'style', 'luminance', 'match': whose colours the image has
    color_transfer: str = 'linear'  # or another of METHODS, for color 'match'
    luminance_only: float = 0  # 0 or 1: paint in grey
    recolor_content: float = 0  # from 0 to 1: how far the content takes on the style's colours
    paper_mask: str = ''  # or 'auto': leave bare paper where the content is bright
    paper_range: str | Sequence[float] = '0.7,0.9'  # luminances: none is paper, all is paper
    region_weights: str | Sequence[float] = ''  # of the regions of the content; '': 1 for each

    # Network
    pooling: str = 'max'  # or 'avg', in the place of max pooling
    padding: str = 'zero'  # or 'reflect', 'replicate': what lies beyond the image
    missing_layers: str = 'warn'  # and stop there, as neural_style.lua; or 'error'
    precision: str = 'fp32'  # or 'bf16', 'fp16', 'auto': of the convolutions
    backend: str = 'nn'  # or 'cudnn': how the log names the layers
    multigpu_strategy: str | Sequence[int] = ''  # layers, from 1, after which to cut: '3,12'
    memory: str | int = ''  # the most to use: '4G', or bytes; '' for what is free

    def __post_init__(self) -> None:
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                values = ' or '.join(filter(None, choices))
                raise SettingError(name, f'choose {values}', getattr(self, name))
        _check_numbers(self)
        _check_color(self)
        parse_layers('content_layers', self.content_layers)
        parse_layers('style_layers', self.style_layers)
        parse_image_layers(self.style_image_layers)
        parse_statistics(self.style_statistic, self.losses)
        parse_paper_range(self.paper_range)
        parse_region_weights(self.region_weights)
        if self.paper_mask not in ('', 'auto'):
            raise SettingError('paper_mask', 'give auto, or a picture', self.paper_mask)
        parse_memory_limit(self.memory)

    @property
    def paints_grey(self) -> bool:
        """Tell whether the luminance alone is painted."""
        return bool(self.luminance_only) or self.color == 'luminance'

    @property
    def keeps_content_colors(self) -> bool:
        """Tell whether the image gets the colours of the content in the end."""
        return self.color in ('content', 'luminance')


def make_settings(
    settings: Settings | None, keywords: Mapping[str, Any]
) -> tuple[Settings, dict[str, Any]]:
    """Return the settings, or the defaults, with those of the keywords in their place.

    Keywords of PICTURES that are images are returned beside them.  Raises TypeError for a keyword
    that is no setting, naming the nearest.
    """
    names = [*(field.name for field in fields(Settings)), *PICTURES]
    for name in keywords:
        if name not in names:
            nearest = difflib.get_close_matches(name, names, n=1)
            hint = f'; did you mean `{nearest[0]}`?' if nearest else ''
            raise TypeError(f'there is no setting `{name}`{hint}')
    if settings is None:
        settings = Settings()
    elif not isinstance(settings, Settings):
        raise TypeError(f'`settings`: {type(settings).__name__} is no Settings; give keywords')
    mask = keywords.get('paper_mask')
    is_setting = mask is None or isinstance(mask, str)
    pictures = {name: keywords[name] for name in PICTURES if keywords.get(name) is not None}
    others = {name: value for name, value in keywords.items() if name not in PICTURES}
    if is_setting and 'paper_mask' in keywords:
        others['paper_mask'] = mask
        pictures.pop('paper_mask', None)
    return replace(settings, **others), pictures


def _check_numbers(settings: Settings) -> None:
    """Raise SettingError for a number out of its range."""
    unused = 'learning_rate' if settings.optimizer == 'lbfgs' else 'lbfgs_num_correction'
    for name, (description, is_valid) in RANGES.items():
        number = getattr(settings, name)
        if name != unused and not holds(is_valid, number):
            raise SettingError(name, f'give {description}', number)


def _check_color(settings: Settings) -> None:
    """Raise SettingError for settings of colours that contradict each other."""
    color = settings.color
    if color in ('content', 'luminance', 'match') and settings.recolor_content:
        raise SettingError(
            'color', 'the content keeps its colours then; give `recolor_content` 0', color
        )
    if color == 'match' and settings.luminance_only:
        raise SettingError(
            'color', 'grey images have no colours to match; give `color` luminance', color
        )
