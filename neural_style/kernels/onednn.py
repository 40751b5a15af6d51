"""Fused convolutions of oneDNN, on a CPU.

The operators are PyTorch's own private ones, which torch.compile generates calls of.  They have no
public name and may change with any version: all of them are here, but for those of torch7/blas.py.
"""

from typing import Any

import torch
from torch import Tensor

STRIDE = DILATION = [1, 1]
GROUPS = 1


def has_fused_convolution(tensor: Tensor) -> bool:
    """Tell whether the device and PyTorch's version fuse convolutions of a tensor's dtype."""
    operators: Any = torch.ops.mkldnn
    if tensor.device.type != 'cpu' or not hasattr(operators, '_convolution_pointwise'):
        return False
    if tensor.dtype == torch.bfloat16:  # AVX-512, or AVX2 with what came after it
        return operators._is_mkldnn_bf16_supported()
    if tensor.dtype == torch.float16:
        return operators._is_mkldnn_fp16_supported()
    return tensor.dtype == torch.float32


def has_bfloat16_products(tensor: Tensor) -> bool:
    """Tell whether the device multiplies a tensor's bfloat16 by units of its own."""
    return tensor.dtype == torch.bfloat16 and has_fused_convolution(tensor)


def convolve(
    features: Tensor, weight: Tensor, bias: Tensor | None, padding: tuple[int, int], relu: bool
) -> Tensor:
    """Convolve features (1, C, H, W) with weight (K, C, h, w), stride 1.

    relu: apply a ReLU while the sums are at hand.
    """
    fuses_relu = relu and _may_fuse_relu(features)
    activation = 'relu' if fuses_relu else 'none'
    output = torch.ops.mkldnn._convolution_pointwise(
        features, weight, bias, list(padding), STRIDE, DILATION, GROUPS, activation, [], ''
    )
    return output.relu_() if relu and not fuses_relu else output


def add_convolution_(
    output: Tensor, features: Tensor, weight: Tensor, padding: tuple[int, int], relu: bool
) -> Tensor:
    """Add a convolution to output, in place, and then apply a ReLU if asked to.

    features: (1, C, H, W), channels last.  weight: (K, C, h, w).  Of PyTorch's convolutions this
    alone writes to a given tensor.
    """
    fuses_relu = relu and _may_fuse_relu(features)
    activation = 'relu' if fuses_relu else None
    torch.ops.mkldnn._convolution_pointwise_.binary(
        output, features, weight, None, list(padding), STRIDE, DILATION, GROUPS,
        'add', None, activation, [], None,
    )  # fmt: skip
    return output.relu_() if relu and not fuses_relu else output


def _may_fuse_relu(features: Tensor) -> bool:
    """Tell whether a ReLU may be oneDNN's, which makes 0 of NaN.

    In float16 NaN says that features overflowed: the run has to see it.
    """
    return features.dtype != torch.float16
