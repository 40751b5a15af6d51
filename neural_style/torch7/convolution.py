"""Convolution that rounds as nn.SpatialConvolution does, forward and backward, for small images.

Max pooling and ReLU are decided by the last bit wherever two values are nearly equal, and they
often are: after a start from noise of 0.001, neighbouring features differ by a few units in the
last place.  A faster kernel, which sums in another order, decides some of them otherwise, and
then the gradient differs: by up to 6e-3 from recordings of the original.
"""

import math
from itertools import product
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from torch.nn import functional

from neural_style.torch7.blas import add_product

# Images of up to this many pixels (128 x 128) are small: there an evaluation of VGG-19 takes 1.7
# times the time of the fastest kernels.
EXACT = 1 << 14
# So are style images of up to this many, which are seen once, if the content image is one.
EXACT_STYLE = 4 * EXACT


def convolve(layer: nn.Conv2d, features: Tensor) -> Tensor:
    """Run a convolution layer without groups, rounded as Torch7 does on a CPU.

    features: (1, C, H, W).  Returns (1, C', H', W').  Source: THNN/generic/SpatialConvolutionMM.c:
    a matrix product over windows unfolded by channels, rows and columns of the kernel, in that
    order; the backward pass is a product that gives the windows, which are then added up.
    """
    return _Convolution.apply(features, layer)


def unfolded_bytes(layer: nn.Conv2d, channels: int, size: tuple[int, int]) -> int:
    """Count the bytes of the windows that `convolve` unfolds, of features of H x W pixels."""
    return 4 * channels * math.prod(layer.kernel_size) * math.prod(size)


# By layer: the version of the weight, and the weight as a transposed matrix.
_transposed: WeakKeyDictionary[nn.Conv2d, tuple[int, Tensor]] = WeakKeyDictionary()


def _transposed_kernels(layer: nn.Conv2d) -> Tensor:
    """Return the weight as (C · h · w, C'), made once."""
    version, kernels = _transposed.get(layer, (-1, layer.weight))
    if version != layer.weight._version:
        kernels = layer.weight.detach().flatten(1).t().contiguous()
        _transposed[layer] = layer.weight._version, kernels
    return kernels


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, features, layer):
        ctx.size, ctx.layer = features.shape, layer
        (pad_h, pad_w), (step_h, step_w), (gap_h, gap_w) = _geometry(layer)
        outer, channels, k_h, k_w = layer.weight.shape
        padded = functional.pad(features[0], (pad_w, pad_w, pad_h, pad_h)).contiguous()
        height = (padded.shape[1] - gap_h * (k_h - 1) - 1) // step_h + 1
        width = (padded.shape[2] - gap_w * (k_w - 1) - 1) // step_w + 1
        plane, row, column = padded.stride()
        kernels = layer.weight.reshape(outer, -1)
        windows = padded.as_strided(
            (channels, k_h, k_w, height, width),
            (plane, gap_h * row, gap_w * column, step_h * row, step_w * column),
        ).reshape(kernels.shape[1], height * width)
        output = padded.new_zeros(1, outer, height, width)
        pixels = output.view(outer, -1)
        if layer.bias is not None:  # before the products
            pixels += layer.bias[:, None]
        add_product(pixels, kernels, windows.t())
        return output

    @staticmethod
    def backward(ctx: Any, gradient):  # type: ignore[override]
        (pad_h, pad_w), (step_h, step_w), (gap_h, gap_w) = _geometry(ctx.layer)
        outer, channels, k_h, k_w = ctx.layer.weight.shape
        _, _, height, width = gradient.shape
        pixels = gradient.reshape(outer, -1)
        kernels = _transposed_kernels(ctx.layer)
        windows = add_product(None, kernels, pixels.t(), transposed=True)
        windows = windows.view(channels, k_h, k_w, height, width)
        _, _, high, wide = ctx.size
        padded = pixels.new_zeros(1, channels, high + 2 * pad_h, wide + 2 * pad_w)
        for row, column in product(range(k_h), range(k_w)):
            first, left = row * gap_h, column * gap_w
            padded[
                0,
                :,
                first : first + (height - 1) * step_h + 1 : step_h,
                left : left + (width - 1) * step_w + 1 : step_w,
            ] += windows[:, row, column]
        return padded[:, :, pad_h : pad_h + high, pad_w : pad_w + wide].contiguous(), None


def _geometry(layer: nn.Conv2d) -> tuple[tuple[int, int], ...]:
    """Return padding, stride and dilation of a layer, each for rows and columns."""
    assert not isinstance(layer.padding, str)
    pairs: Any = (layer.padding, layer.stride, layer.dilation)
    return pairs
