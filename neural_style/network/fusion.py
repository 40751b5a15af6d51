"""Which layers run as one."""

from collections.abc import Sequence
from typing import Any

from torch import nn

from neural_style.kernels.convolution import can_be_frozen
from neural_style.losses.losses import Loss


def fused_length(layers: Sequence[Any], number: int) -> int:
    """How many layers from number on run as one.

    A convolution takes the ReLU above it along, and a max pooling or loss above that its way back.
    """
    layer, above, beyond = [*layers[number : number + 3], None, None][:3]
    if not (can_be_frozen(layer) and isinstance(above, nn.ReLU)):
        return 1
    return 3 if isinstance(beyond, nn.MaxPool2d | Loss) else 2
