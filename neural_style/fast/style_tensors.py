"""The style that a network paints at once in, as tensors for a file."""

from collections.abc import Mapping
from typing import TypeGuard

import torch
from torch import Tensor

from neural_style.fast.encoder import LAYERS, Style
from neural_style.fast.statistics import Statistics

# Coordinates of features have a mean square of about 1.
LIMIT = 1e9


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
        if not (_is_intact(mean, (1, size)) and _is_covariance(covariance, size)):
            raise ValueError(f'the statistics of {layer} are missing or damaged')
        style[layer] = Statistics(mean.to(device), covariance.to(device))
    return style


def _is_intact(tensor: Tensor | None, shape: tuple[int, ...]) -> TypeGuard[Tensor]:
    """Tell whether a tensor is float32, of that shape, and so small that its squares are finite."""
    if tensor is None or tensor.shape != shape or tensor.dtype != torch.float32:
        return False
    return bool((tensor.abs() < LIMIT).all())


def _is_covariance(tensor: Tensor | None, size: int) -> TypeGuard[Tensor]:
    if not _is_intact(tensor, (1, size, size)):
        return False
    return bool((tensor[0].diagonal() >= 0).all())
