"""The style that a network paints at once in, as tensors for a file."""

from collections.abc import Mapping
from typing import TypeGuard

import torch
from torch import Tensor

from neural_style.fast.encoder import LAYERS, Style
from neural_style.fast.statistics import Statistics


def style_tensors(style: Style) -> dict[str, Tensor]:
    """Return the mean (1, D) and the covariance (1, D, D) of each layer, as LAYER:mean, say."""
    tensors = {}
    for layer, statistics in style.items():
        tensors[f'{layer}:mean'] = statistics.mean
        tensors[f'{layer}:covariance'] = statistics.covariance
    return tensors


def style_of_tensors(tensors: Mapping[str, Tensor], device: torch.device) -> Style:
    """Undo style_tensors, on a device.  Raises ValueError for other tensors."""
    style = {}
    for layer, size in LAYERS.items():
        mean, covariance = (tensors.get(f'{layer}:{name}') for name in ('mean', 'covariance'))
        if not (_has_shape(mean, (1, size)) and _has_shape(covariance, (1, size, size))):
            raise ValueError(f'the statistics of {layer} are missing or damaged')
        style[layer] = Statistics(mean.to(device), covariance.to(device))
    return style


def _has_shape(tensor: Tensor | None, shape: tuple[int, ...]) -> TypeGuard[Tensor]:
    return tensor is not None and tensor.shape == shape and bool(tensor.isfinite().all())
