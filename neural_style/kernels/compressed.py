"""ReLU and pooling that save bitmasks for the backward pass instead of activations."""

from torch import Tensor, nn

from neural_style.kernels.pooling import AvgPool, MaxPoolWithBitmasks, is_2x2_stride_2
from neural_style.kernels.relu import ReLUWithBitmask


def saved_bits(layer: nn.Module) -> int | None:
    """Count the bits that run_compressed saves for an element of a layer's output.

    None for a layer that it does not run.
    """
    if isinstance(layer, nn.ReLU):
        return 1
    if isinstance(layer, nn.MaxPool2d) and is_2x2_stride_2(layer):
        return 2
    return 0 if isinstance(layer, nn.AvgPool2d) else None


def run_compressed(layer: nn.Module, features: Tensor, has_relu_backward: bool = False) -> Tensor:
    """Run a ReLU or pooling layer, saving bitmasks for the backward pass instead of activations.

    Does not modify its input.  The gradient is PyTorch's, to the bit; a ReLU's backward pass
    overwrites the incoming one.
    layer: one that saved_bits knows.
    has_relu_backward: a max pooling also applies the backward pass of the ReLU that gave the
    features, and saves one more bit for it.
    """
    if isinstance(layer, nn.ReLU):
        return ReLUWithBitmask.apply(features)
    if isinstance(layer, nn.MaxPool2d):
        return MaxPoolWithBitmasks.apply(features, layer, has_relu_backward)
    return AvgPool.apply(features, layer)
