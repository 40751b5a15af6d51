"""ReLU's backward pass, from its output or from a bitmask."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from neural_style.kernels.bitmask import PackedMask


def relu_backward_(gradient: Tensor, output: Tensor) -> Tensor:
    """Apply the backward pass of the ReLU with that output to a gradient, in place."""
    backward = torch.ops.aten.threshold_backward.grad_input
    if gradient.device.type == 'cpu' and gradient.dtype == output.dtype == torch.bfloat16:
        # As integers of the same bits they have the same signs, and are not converted to float32.
        bits, output = gradient.view(torch.int16), output.view(torch.int16)
        backward(bits, output, 0, grad_input=bits)
        return gradient
    return backward(gradient, output, 0, grad_input=gradient)


class ReLUWithBitmask(torch.autograd.Function):
    """Applies a ReLU, and saves a bit for each element.

    Its backward pass overwrites the incoming gradient.
    """

    @staticmethod
    def forward(ctx: Any, features):
        output = functional.relu(features)
        ctx.mask = PackedMask(output)
        return output

    @staticmethod
    def backward(ctx: Any, gradient):  # type: ignore[override]
        return ctx.mask.apply_(gradient)
