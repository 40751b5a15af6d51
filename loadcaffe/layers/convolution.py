"""Caffe's layers of weights that are multiplied with the image, as torch modules.

Each builder takes a Layer and returns a module; see loadcaffe/layers/__init__.py.
"""

from typing import Any

from torch import Tensor, nn

from loadcaffe.formats.netparameter import Layer
from loadcaffe.layers.checks import (
    check,
    check_shape,
    height_width,
    weight_and_bias,
    with_weights,
)


def convolution(layer: Layer) -> nn.Module:
    param = layer.param.convolution_param
    weight, bias = weight_and_bias(layer, param.bias_term)
    kernel = height_width(layer, param, 'kernel', 'kernel_size', None)
    # caffe: layer_factory.cpp of forks: a type of its own for one group for each channel.
    depthwise = 'epthwise' in layer.type and weight.dim() == 4 and weight.shape[1] == 1
    groups = weight.shape[0] if depthwise and param.group == 1 else param.group or 1
    check(weight.numel(), layer, 'has no weights')
    check(param.axis == 1, layer, f'convolves along axis {param.axis}; only 1 is supported')
    # As in loadcaffe.cpp, channels come from the blob, not from the layer before.
    out_channels = param.num_output or weight.shape[0]
    in_channels = weight.shape[1] if weight.dim() > 1 else 1
    check_shape(layer, 'weight', weight, (out_channels, in_channels, *kernel))
    check(out_channels % groups == 0, layer, f'has {out_channels} outputs in {groups} groups')
    module = nn.Conv2d(
        in_channels * groups,
        out_channels,
        kernel,
        groups=groups,
        bias=bias is not None,
        **convolution_geometry(layer, param),
    )
    return with_weights(layer, module, weight, bias)


def deconvolution(layer: Layer) -> nn.Module:
    """caffe: deconv_layer.cpp: the weights are inputs x outputs of a group x height x width."""
    param = layer.param.convolution_param
    weight, bias = weight_and_bias(layer, param.bias_term)
    kernel = height_width(layer, param, 'kernel', 'kernel_size', None)
    groups = param.group or 1
    check(weight.numel() and weight.dim() == 4, layer, 'has no weights of 4 axes')
    check(param.axis == 1, layer, f'deconvolves along axis {param.axis}; only 1 is supported')
    inputs, outputs = weight.shape[0], param.num_output or weight.shape[1] * groups
    divides = inputs % groups == 0 and outputs % groups == 0
    check(divides, layer, f'has {groups} groups that do not fit')
    check_shape(layer, 'weight', weight, (inputs, outputs // groups, *kernel))
    module = nn.ConvTranspose2d(
        inputs,
        outputs,
        kernel,
        groups=groups,
        bias=bias is not None,
        **convolution_geometry(layer, param),
    )
    return with_weights(layer, module, weight, bias)


def convolution_geometry(layer: Layer, param: Any) -> dict[str, Any]:
    """Return the stride, padding and dilation of a convolution for its torch module."""
    return {
        'stride': height_width(layer, param, 'stride', 'stride', 1),
        'padding': height_width(layer, param, 'pad', 'pad', 0),
        'dilation': height_width(layer, param, None, 'dilation', 1),
        'device': 'meta',  # no memory and no random numbers for weights that are replaced
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
    module = module_class(inputs, outputs, bias=bias is not None, device='meta')
    return with_weights(layer, module, weight.reshape(outputs, inputs), bias)


class InnerProduct(nn.Linear):
    """A linear layer that takes (N, C, H, W) as well. caffe: inner_product_layer.cpp."""

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input.flatten(1))


def flattening_inner_product(layer: Layer) -> nn.Module:
    return inner_product(layer, InnerProduct)
