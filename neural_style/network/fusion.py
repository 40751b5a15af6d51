"""Operator fusion: which consecutive layers run as one."""

from collections.abc import Sequence

from torch import nn

from neural_style.kernels.convolution import can_be_frozen
from neural_style.losses.base import FeatureLoss


def fused_length(layers: Sequence[nn.Module], index: int) -> int:
    """Count the layers from an index on that run as one.

    A convolution is fused with the ReLU after it.  A max pooling or a loss after that applies the
    ReLU's backward pass.
    """
    convolution, relu, consumer = [*layers[index : index + 3], None, None][:3]
    if not (can_be_frozen(convolution) and isinstance(relu, nn.ReLU)):
        return 1
    return 3 if isinstance(consumer, nn.MaxPool2d | FeatureLoss) else 2
