"""Caffe's layers of weights that are multiplied with the image, as torch modules.

Each builder takes a Layer and returns a module; see loadcaffe/layers/__init__.py.
"""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from loadcaffe.formats.netparameter import Layer
from loadcaffe.layers.checks import (
    check,
    check_shape,
    empty_module,
    height_width,
    weight_and_bias,
    with_weights,
)


def convolution(layer: Layer) -> nn.Module:
    param = layer.param.convolution_param
    weight, bias = weight_and_bias(layer, param.bias_term)
    kernel = height_width(layer, param, 'kernel', 'kernel_size', None)
    check(weight.numel(), layer, 'has no weights')
    check(param.axis == 1, layer, f'convolves along axis {param.axis}; only 1 is supported')
    groups = _groups(layer, weight)
    # As in loadcaffe.cpp, channels come from the blob, not from the layer before.
    of_channels = layer.type == 'ConvolutionDepthwise'  # their number is not its num_output
    out_channels = weight.shape[0] if of_channels else param.num_output or weight.shape[0]
    in_channels = weight.shape[1] if weight.dim() > 1 else 1
    check_shape(layer, 'weight', weight, (out_channels, in_channels, *kernel))
    check(out_channels % groups == 0, layer, f'has {out_channels} outputs in {groups} groups')
    module = empty_module(
        nn.Conv2d,
        in_channels * groups,
        out_channels,
        kernel,
        groups=groups,
        bias=bias is not None,
        **convolution_geometry(layer, param),
    )
    return with_weights(layer, module, weight, bias)


def _groups(layer: Layer, weight: Tensor) -> int:
    """Return the number of groups; types of forks have one for each channel.

    caffe: conv_dw_layer.cpp of forks, which ignores `group`; depthwise_conv_layer.cpp of others.
    """
    group = layer.param.convolution_param.group or 1
    depthwise = 'epthwise' in layer.type and weight.dim() == 4 and weight.shape[1] == 1
    if layer.type == 'ConvolutionDepthwise':
        check(depthwise, layer, f'has weights of {tuple(weight.shape)}; one channel is expected')
    elif group > 1:
        return group
    return weight.shape[0] if depthwise else group


def deconvolution(layer: Layer) -> nn.Module:
    """caffe: deconv_layer.cpp: the weights are inputs x outputs of a group x height x width."""
    param = layer.param.convolution_param
    if not layer.blobs and is_bilinear(layer):
        return _bilinear_deconvolution(layer)
    weight, bias = weight_and_bias(layer, param.bias_term)
    kernel = height_width(layer, param, 'kernel', 'kernel_size', None)
    groups = param.group or 1
    check(weight.numel() and weight.dim() == 4, layer, 'has no weights of 4 axes')
    check(param.axis == 1, layer, f'deconvolves along axis {param.axis}; only 1 is supported')
    inputs, outputs = weight.shape[0], param.num_output or weight.shape[1] * groups
    divides = inputs % groups == 0 and outputs % groups == 0
    check(divides, layer, f'has {groups} groups that do not fit')
    check_shape(layer, 'weight', weight, (inputs, outputs // groups, *kernel))
    module = empty_module(
        nn.ConvTranspose2d,
        inputs,
        outputs,
        kernel,
        groups=groups,
        bias=bias is not None,
        **convolution_geometry(layer, param),
    )
    return with_weights(layer, module, weight, bias)


def is_bilinear(layer: Layer) -> bool:
    """Whether Caffe fills a deconvolution that has no weights in the file with an interpolation."""
    param = layer.param.convolution_param
    filled = layer.type == 'Deconvolution' and param.weight_filler.type == 'bilinear'
    return filled and (not param.bias_term or param.bias_filler.type == 'constant')


def _bilinear_deconvolution(layer: Layer) -> nn.Module:
    param = layer.param.convolution_param
    kernel = height_width(layer, param, 'kernel', 'kernel_size', None)
    check(kernel[0] == kernel[1], layer, f'fills a kernel of {kernel}; bilinear ones are square')
    check(kernel[0] <= 1 << 10, layer, f'fills a kernel of {kernel}')
    outputs, groups = param.num_output, param.group or 1
    check(outputs and outputs % groups == 0, layer, f'has {outputs} outputs in {groups} groups')
    bias = param.bias_filler.value if param.bias_term else 0.0
    geometry = convolution_geometry(layer, param)
    return BilinearDeconvolution(kernel[0], outputs, groups, bias, geometry)


class BilinearDeconvolution(nn.Module):
    """A deconvolution with the weights of caffe: filler.hpp, BilinearFiller, for any channels."""

    line: Tensor  # of the square kernel, which is separable

    def __init__(self, size: int, outputs: int, groups: int, bias: float, geometry: dict[str, Any]):
        super().__init__()
        self.outputs, self.groups = outputs, groups
        self.offset, self.geometry = bias, geometry
        half = math.ceil(size / 2)
        centre = (size - 1) / (2 * half)
        self.register_buffer('line', 1 - (torch.arange(size) / half - centre).abs())

    def forward(self, input: Tensor) -> Tensor:
        kernel = self.line[:, None] * self.line
        weight = kernel.expand(input.shape[1], self.outputs // self.groups, -1, -1)
        output = functional.conv_transpose2d(input, weight, groups=self.groups, **self.geometry)
        return output + self.offset if self.offset else output

    def extra_repr(self) -> str:
        arguments = (f'{name}={value}' for name, value in self.geometry.items())
        return ', '.join([f'{self.outputs}', f'groups={self.groups}', *arguments])


def blob_count(layer: Layer) -> int:
    return 1 + layer.param.convolution_param.bias_term


def convolution_geometry(layer: Layer, param: Any) -> dict[str, Any]:
    """Return the stride, padding and dilation of a convolution for its torch module."""
    return {
        'stride': height_width(layer, param, 'stride', 'stride', 1),
        'padding': height_width(layer, param, 'pad', 'pad', 0),
        'dilation': height_width(layer, param, None, 'dilation', 1),
    }


def inner_product(layer: Layer, module_class: type[nn.Linear] = nn.Linear) -> nn.Module:
    """Build a layer that takes (N, C * H * W). caffe: inner_product_layer.cpp."""
    param = layer.param.inner_product_param
    weight, bias = weight_and_bias(layer, param.bias_term)
    check(param.axis == 1, layer, f'has axis {param.axis}; only 1 is supported')
    check(weight.numel(), layer, 'has no weights')
    if param.transpose:
        weight = weight.reshape(weight.shape[-2:] if weight.dim() > 1 else (-1, 1)).t()
    # The old four-number shape of a matrix is (1, 1, outputs, inputs).
    inputs = weight.shape[-1] if weight.dim() else 1
    outputs = param.num_output or weight.numel() // inputs
    if weight.numel() != outputs * inputs:
        check_shape(layer, 'weight', weight, (outputs, inputs))
    module = empty_module(module_class, inputs, outputs, bias=bias is not None)
    return with_weights(layer, module, weight.reshape(outputs, inputs), bias)


class InnerProduct(nn.Linear):
    """A linear layer that takes (N, C, H, W) as well. caffe: inner_product_layer.cpp."""

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input.flatten(1))


def flattening_inner_product(layer: Layer) -> nn.Module:
    return inner_product(layer, InnerProduct)
