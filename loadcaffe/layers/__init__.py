"""Caffe's layers as torch modules: LAYERS, one function for each type.

ORIGINAL are the layers of the original; source: loadcaffe.cpp: convertProtoToLuaV1 and V2; where
they differ from Caffe by mistake, Caffe. LAYERS are those and all others, as Caffe runs them in its
phase TEST. Each function takes a Layer and returns a module for (N, C, H, W), its weights the
layer's blobs, not copied and frozen. It raises CaffeFormatError, naming the layer.
"""

from collections.abc import Callable
from functools import partial

from torch import Tensor, nn

from loadcaffe.formats.netparameter import Layer
from loadcaffe.layers.activations import ACTIVATIONS
from loadcaffe.layers.branching import JOINING
from loadcaffe.layers.checks import fit, pair, refuse, steps, weight_and_bias, with_weights
from loadcaffe.layers.normalization import NORMALIZATIONS, LRNWithinChannel
from loadcaffe.layers.reshaping import RESHAPING
from loadcaffe.layers.spatial import SPATIAL, MaxPoolingWithPlaces, Pooling


def convolution(layer: Layer) -> nn.Module:
    param = layer.param.convolution_param
    weight, bias = weight_and_bias(layer, param.bias_term)
    kernel = pair(layer, param, 'kernel', 'kernel_size', None)
    # caffe: layer_factory.cpp of forks: a type of its own for one group for each channel.
    depthwise = 'epthwise' in layer.type and weight.dim() == 4 and weight.shape[1] == 1
    groups = weight.shape[0] if depthwise and param.group == 1 else param.group or 1
    refuse(layer, not weight.numel(), 'has no weights')
    refuse(layer, param.axis != 1, f'convolves along axis {param.axis}; only 1 is supported')
    # As in loadcaffe.cpp, channels come from the blob, not from the layer before.
    out_channels = param.num_output or weight.shape[0]
    in_channels = weight.shape[1] if weight.dim() > 1 else 1
    fit(layer, 'weight', weight, (out_channels, in_channels, *kernel))
    refuse(layer, out_channels % groups != 0, f'has {out_channels} outputs in {groups} groups')
    module = nn.Conv2d(
        in_channels * groups,
        out_channels,
        kernel,
        groups=groups,
        bias=bias is not None,
        **steps(layer, param),
    )
    return with_weights(layer, module, weight, bias)


def inner_product(layer: Layer, kind: type[nn.Linear] = nn.Linear) -> nn.Module:
    """Takes (N, C * H * W). caffe: inner_product_layer.cpp."""
    param = layer.param.inner_product_param
    weight, bias = weight_and_bias(layer, param.bias_term)
    refuse(layer, param.axis != 1, f'has axis {param.axis}; only 1 is supported')
    refuse(layer, not weight.numel(), 'has no weights')
    if param.transpose:
        weight = weight.reshape(weight.shape[-2:] if weight.dim() > 1 else (-1, 1)).t()
    # The old four-number shape of a matrix is (1, 1, outputs, inputs).
    inputs = weight.shape[-1] if weight.dim() else 1
    outputs = param.num_output or weight.numel() // inputs
    if weight.numel() != outputs * inputs:
        fit(layer, 'weight', weight, (outputs, inputs))
    module = kind(inputs, outputs, bias=bias is not None, device='meta')
    return with_weights(layer, module, weight.reshape(outputs, inputs), bias)


class InnerProduct(nn.Linear):
    """Takes (N, C, H, W) as well: flattens what it is given. caffe: inner_product_layer.cpp."""

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input.flatten(1))


def pooling(layer: Layer) -> nn.Module:
    """Pooling rounds its output's size up, as in Caffe; an average counts the padding."""
    param = layer.param.pooling_param
    stochastic = param.pool not in (param.MAX, param.AVE)
    refuse(layer, stochastic, 'pools stochastically; only MAX and AVE are supported')
    if param.global_pooling:
        return nn.AdaptiveMaxPool2d(1) if param.pool == param.MAX else nn.AdaptiveAvgPool2d(1)
    kernel = pair(layer, param, 'kernel', 'kernel_size', None)
    stride = pair(layer, param, 'stride', 'stride', 1)
    pad = pair(layer, param, 'pad', 'pad', 0)
    average = param.pool == param.AVE
    too_wide = any(p >= k for p, k in zip(pad, kernel, strict=True))
    refuse(layer, too_wide, f'pads {pad} around a kernel of {kernel}; less than that at most')
    floor = param.round_mode == param.FLOOR or (param.HasField('ceil_mode') and not param.ceil_mode)
    if len(layer.param.top) > 1:
        refuse(layer, average or floor or len(layer.param.top) > 2, 'has a top that is no mask')
        return MaxPoolingWithPlaces(kernel, stride, pad)
    if floor or any(2 * p > k for p, k in zip(pad, kernel, strict=True)):
        return Pooling(average, kernel, stride, pad, floor)
    return (nn.AvgPool2d if average else nn.MaxPool2d)(kernel, stride, pad, ceil_mode=True)


def relu(layer: Layer) -> nn.Module:
    slope = layer.param.relu_param.negative_slope
    return nn.LeakyReLU(slope, inplace=True) if slope else nn.ReLU(inplace=True)


def tanh(layer: Layer) -> nn.Module:
    return nn.Tanh()


def sigmoid(layer: Layer) -> nn.Module:
    return nn.Sigmoid()


def lrn(layer: Layer) -> nn.Module:
    param = layer.param.lrn_param
    size = param.local_size
    refuse(layer, size % 2 == 0 or size >= 1 << 31, f'has local_size {size}; it must be odd')
    if param.norm_region == param.WITHIN_CHANNEL:
        return LRNWithinChannel(size, param.alpha, param.beta)
    return nn.LocalResponseNorm(param.local_size, param.alpha, param.beta, param.k)


def dropout(layer: Layer) -> nn.Module:
    ratio = layer.param.dropout_param.dropout_ratio
    refuse(layer, not 0 <= ratio < 1, f'has dropout_ratio {ratio}; it must be in [0, 1)')
    return nn.Dropout(ratio)


def softmax(layer: Layer) -> nn.Module:
    return nn.Softmax(layer.param.softmax_param.axis)


ORIGINAL: dict[str, Callable[[Layer], nn.Module]] = {
    'Convolution': convolution,
    'Dropout': dropout,
    'InnerProduct': inner_product,
    'LRN': lrn,
    'Pooling': pooling,
    'ReLU': relu,
    'Sigmoid': sigmoid,
    'Softmax': softmax,
    'SoftmaxWithLoss': softmax,
    'TanH': tanh,
    'Tanh': tanh,  # loadcaffe.cpp: convertProtoToLuaV2 spells it so, Caffe does not
}

LAYERS: dict[str, Callable[[Layer], nn.Module]] = {
    **{kind: build for kind, build in ORIGINAL.items() if kind != 'Tanh'},
    **ACTIVATIONS,
    **JOINING,
    **NORMALIZATIONS,
    **RESHAPING,
    **SPATIAL,
    'ConvolutionDepthwise': convolution,
    'DepthwiseConvolution': convolution,
    'InnerProduct': partial(inner_product, kind=InnerProduct),
}
# How many inputs a layer takes, where it is not one: (fewest, most).
INPUTS = {
    'Axpy': (3, 3),
    'Bias': (1, 2),
    'Concat': (1, 10_000),
    'Crop': (2, 2),
    'Eltwise': (2, 10_000),
    'Interp': (1, 2),
    'Scale': (1, 2),
    'Upsample': (1, 2),
}
# Layers that hold weights, if all their inputs come from other layers.
WEIGHTED = {
    'BN',
    'BatchNorm',
    'Bias',
    'Convolution',
    'ConvolutionDepthwise',
    'Deconvolution',
    'DepthwiseConvolution',
    'InnerProduct',
    'Normalize',
    'PReLU',
    'Scale',
}
