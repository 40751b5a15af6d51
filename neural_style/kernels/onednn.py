"""Fused convolutions of oneDNN, on a CPU.

The operators are PyTorch's own private ones, which torch.compile generates calls of.  They have no
public name and may change with any version: all of them are here, but for those of torch7/blas.py.
"""

from collections.abc import Mapping
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


def has_bfloat16_vectors() -> bool:
    """Tell whether the CPU's vector instructions multiply bfloat16, by AVX512-BF16."""
    return bool(capabilities().get('avx512_bf16'))


def has_matrix_units() -> bool:
    """Tell whether the CPU has units that multiply matrices of bfloat16, Intel's AMX."""
    return bool(capabilities().get('amx_bf16'))


def has_bfloat16_instructions() -> bool | None:
    """Tell whether this CPU has instructions of its own for convolutions in bfloat16.

    None if that is not known: on another CPU than x86, or by PyTorch's version.
    """
    if 'avx512_bf16' not in capabilities():
        return None
    return has_bfloat16_vectors() or has_matrix_units()


def capabilities() -> Mapping[str, Any]:
    """Return what the CPU has by name; nothing if PyTorch's version does not tell."""
    tell = getattr(torch.cpu, 'get_capabilities', None)
    return {} if tell is None else tell()


def packs_weights(features: Tensor) -> bool:
    """Tell whether weights for features of that dtype are packed once, not in every call.

    A fused convolution reorders those of 16 bits to blocks, for the CPU's matrix units.
    """
    return features.dtype.itemsize == 2 and has_fused_convolution(features)


def pack_weight(weight: Tensor, size: torch.Size, padding: tuple[int, int]) -> Tensor:
    """Reorder weight (K, C, h, w) to the blocks that convolving features (1, C, H, W) reads.

    size: of the features.  Features of another size may want other blocks, and are convolved as
    well: then weights are reordered once more, in every call.
    Returns an opaque tensor of the same shape.
    """
    return torch.ops.mkldnn._reorder_convolution_weight(
        weight, list(padding), STRIDE, DILATION, GROUPS, list(size)
    )


def convolve(
    features: Tensor, weight: Tensor, bias: Tensor | None, padding: tuple[int, int], relu: bool
) -> Tensor:
    """Convolve features (1, C, H, W) with weight (K, C, h, w), stride 1.

    relu: apply a ReLU while the sums are at hand.
    """
    activation = 'relu' if relu else 'none'
    return torch.ops.mkldnn._convolution_pointwise(
        features, weight, bias, list(padding), STRIDE, DILATION, GROUPS, activation, [], ''
    )


def add_convolution_(
    output: Tensor, features: Tensor, weight: Tensor, padding: tuple[int, int], relu: bool
) -> Tensor:
    """Add a convolution to output, in place, and then apply a ReLU if asked to.

    features: (1, C, H, W), channels last.  weight: (K, C, h, w).  Of PyTorch's convolutions this
    alone writes to a given tensor.
    """
    activation = 'relu' if relu else None
    return torch.ops.mkldnn._convolution_pointwise_.binary(
        output, features, weight, None, list(padding), STRIDE, DILATION, GROUPS,
        'add', None, activation, [], None,
    )  # fmt: skip
