"""A network cut into chunks, each on a device of its own (neural_style.lua: setup_multi_gpu)."""

from collections.abc import Sequence
from itertools import pairwise

from torch import nn

from neural_style.errors import SettingError


def cut(
    layers: Sequence[nn.Module], device_count: int, strategy: Sequence[int], first: int
) -> list[nn.Sequential]:
    """Cut layers into one chunk for each device.

    strategy: numbers of the layers after which to cut; by default, for two devices, after the
    third.  first: the number of the first layer: losses of the image are numbered before it.
    """
    if device_count == 1:
        return [nn.Sequential(*layers)]
    if not strategy and device_count != 2:
        raise SettingError(
            'multigpu_strategy',
            f'for {device_count} GPUs, give the {device_count - 1} layers after which the network'
            ' is cut, such as 3,12',
        )
    end = first + len(layers) - 1
    bounds = [0, *(strategy or [first + 2]), end]
    if len(bounds) != device_count + 1 or any(a >= b for a, b in pairwise(bounds)):
        raise SettingError(
            'multigpu_strategy',
            f'{device_count} GPUs need {device_count - 1} increasing layer numbers below {end}',
            ','.join(map(str, bounds[1:-1])),
        )
    indices = [max(number - first + 1, 0) for number in bounds]
    return [nn.Sequential(*layers[start:stop]) for start, stop in pairwise(indices)]
