"""The forms that settings may have: texts as flags have them, numbers, sequences, mappings."""

import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

from neural_style.errors import SettingError
from neural_style.memory.limits import parse_memory
from neural_style.torch7.cmdline import split

# 'relu4_2:0.5,relu5_1', or names, or weights by name.
Layers = str | Sequence[str] | Mapping[str, float]
# '3', '128,256' or '1/2:1/3', or its parts.
Scales = str | int | Sequence[int | str]


class LayerChoice(NamedTuple):
    """Layers that losses follow, in the order given, and the weights of those that have one."""

    names: list[str]
    weights: dict[str, float]


class CoarseScale(NamedTuple):
    """A size at which a picture is painted before the last one.

    size: pixels of the longer side, or below 1 the part of the last size.
    evaluations: how many times those of the last size; None leaves them to the size.
    """

    size: Fraction
    evaluations: Fraction | None = None

    def pixels(self, last: int) -> int:
        """Return the size in whole pixels, below a last one."""
        return int(self.size if self.size >= 1 else self.size * last)


NUMBER = '0*[1-9][0-9]{0,8}'  # above 0
SCALE = re.compile(rf'({NUMBER}|1/{NUMBER})(?:\s*:\s*({NUMBER}(?:/{NUMBER})?))?')


def parse_layers(name: str, layers: Layers) -> LayerChoice:
    """Read the setting content_layers or style_layers, whose name goes into errors."""
    if isinstance(layers, Mapping):
        choice = LayerChoice(list(layers), dict(layers))
    elif isinstance(layers, str):
        pairs = [_split_weight(item) for item in split(layers)]
        weights = {layer: weight for layer, weight in pairs if weight is not None}
        choice = LayerChoice([layer for layer, _ in pairs], weights)
    else:
        choice = LayerChoice(list(layers) if isinstance(layers, Sequence) else [layers], {})
    if not all(isinstance(layer, str) for layer in choice.names):
        raise SettingError(name, 'give names of layers, or weights by name', layers)
    for layer, weight in choice.weights.items():
        if not holds(math.isfinite, weight):
            raise SettingError(name, 'give a finite weight', f'{layer}:{weight}')
    return choice


def _split_weight(item: str) -> tuple[str, float | None]:
    """Split relu4_2:0.5 into layer and weight; a name without a number behind a colon stays."""
    layer, colon, weight = item.rpartition(':')
    try:
        return (layer, float(weight)) if colon else (item, None)
    except ValueError:
        return item, None


def parse_paper_range(paper_range: str | Sequence[float]) -> tuple[float, float]:
    """Return the two luminances of the setting paper_range, the lower first."""
    try:
        low, high = map(float, _items(paper_range))
    except ValueError:
        low = high = math.nan
    if not 0 <= low < high <= 1:
        raise SettingError(
            'paper_range', 'give two luminances from 0 to 1, the lower first: 0.7,0.9', paper_range
        )
    return low, high


def parse_region_weights(region_weights: str | Sequence[float]) -> list[float]:
    """Return the numbers of the setting region_weights; none for 1 in every region."""
    try:
        weights = [float(weight) for weight in _items(region_weights)]
        if not all(map(math.isfinite, weights)):
            raise ValueError
    except (TypeError, ValueError):
        raise SettingError(
            'region_weights', 'give a finite number for each region, such as 1,0', region_weights
        ) from None
    return weights


def parse_multigpu_strategy(multigpu_strategy: str | Sequence[int]) -> list[int]:
    """Return the layer numbers of the setting multigpu_strategy."""
    try:
        return _integers(multigpu_strategy)
    except (TypeError, ValueError):
        raise SettingError(
            'multigpu_strategy', 'give layer numbers, such as 3,12', multigpu_strategy
        ) from None


def parse_memory_limit(memory: str | int) -> int | None:
    """Return the bytes of the setting memory; None for what is free."""
    if isinstance(memory, str):
        if memory.isdecimal() and int(memory) < 1 << 20:
            raise SettingError('memory', f'so many bytes are too few; is {memory}G meant?', memory)
        return parse_memory(memory) if memory else None
    if memory <= 0:
        raise SettingError('memory', 'give bytes, such as 4G or 500M', memory)
    return memory


def parse_scales(multiscale: Scales) -> list[CoarseScale]:
    """Return the parts of the setting multiscale of stylize_multiscale: 3, 128,256 or 1/2:1/3."""
    scales = []
    for item in _items(multiscale):
        parts = SCALE.fullmatch(str(item).strip())
        if parts is None or parts[1] == '1/1':
            raise SettingError(
                'multiscale',
                'give a number of scales, sizes in pixels, or halves, thirds and so on of the last:'
                ' 3, 128,256 or 1/2:1/3',
                multiscale,
            )
        evaluations = None if parts[2] is None else Fraction(parts[2])
        scales.append(CoarseScale(Fraction(parts[1]), evaluations))
    return scales


def _integers(value: str | int | Sequence[int]) -> list[int]:
    return [int(x) if isinstance(x, str) else operator.index(x) for x in _items(value)]


def _items(value: Any) -> Sequence[Any]:
    """Return the parts of a setting that is a list: 'a,b', a sequence, or a number alone."""
    if isinstance(value, str):
        return split(value)
    return value if isinstance(value, Sequence) else [value]


def holds(is_valid: Callable[[float], bool], value: Any) -> bool:
    """Tell whether a value passes a check that is made for numbers."""
    try:
        return bool(is_valid(value))
    except (TypeError, ValueError):  # of text, None, or several numbers
        return False
