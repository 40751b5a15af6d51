"""Convolution that rounds as nn.SpatialConvolution does, for images small enough to afford it.

Max pooling and ReLU are decided by the last bit wherever two values are as good as equal, and
often they are: after a start from noise of 0.001, neighbouring features differ by a few units in
the last place.  A faster kernel, summing in another order, decides some of them otherwise, and
then the gradient is another one: up to 6e-3 away from recordings of the original.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.grad import conv2d_input

from torch7.blas import add_product

# Images of up to this many pixels (128 x 128) are small enough: there an evaluation of VGG-19
# takes 1.7 times the time of the fastest kernels.
EXACT = 1 << 14


def convolve(layer: nn.Conv2d, features: Tensor) -> Tensor:
    """The output of a convolution layer without groups, as Torch7 rounds it on a CPU.

    features: (1, C, H, W).  Returns (1, C', H', W').  The way back is PyTorch's own: no decision
    hangs on its rounding.  Source: THNN/generic/SpatialConvolutionMM.c, a matrix product over
    windows unfolded by channels, rows and columns of the kernel, in that order.
    """
    return _Convolution.apply(
        features, layer.weight, layer.bias, layer.stride, layer.padding, layer.dilation
    )


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, features, weight, bias, stride, padding, dilation):
        ctx.save_for_backward(features, weight)
        ctx.geometry = (stride, padding, dilation)
        (pad_h, pad_w), (step_h, step_w), (gap_h, gap_w) = padding, stride, dilation
        outer, channels, k_h, k_w = weight.shape
        padded = functional.pad(features[0], (pad_w, pad_w, pad_h, pad_h)).contiguous()
        height = (padded.shape[1] - gap_h * (k_h - 1) - 1) // step_h + 1
        width = (padded.shape[2] - gap_w * (k_w - 1) - 1) // step_w + 1
        plane, row, column = padded.stride()
        kernels = weight.reshape(outer, -1)
        windows = padded.as_strided(
            (channels, k_h, k_w, height, width),
            (plane, gap_h * row, gap_w * column, step_h * row, step_w * column),
        ).reshape(kernels.shape[1], height * width)
        above = padded.new_zeros(1, outer, height, width)
        pixels = above.view(outer, -1)
        if bias is not None:  # before the products
            pixels += bias[:, None]
        add_product(pixels, kernels, windows.t())
        return above

    @staticmethod
    def backward(ctx: Any, gradient):  # type: ignore[override]
        features, weight = ctx.saved_tensors
        stride, padding, dilation = ctx.geometry
        own = conv2d_input(features.shape, weight, gradient, stride, padding, dilation)
        return own, None, None, None, None, None
