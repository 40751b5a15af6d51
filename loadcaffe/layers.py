"""Caffe's layers as torch modules: LAYERS, one function for each type.

Source: loadcaffe.cpp: convertProtoToLuaV1 and V2; where they differ from Caffe by mistake, Caffe.
Each function takes a Layer and returns a module for (N, C, H, W), its weights the layer's blobs,
not copied and frozen. It raises CaffeFormatError, naming the layer.
"""

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from loadcaffe.netparameter import Layer
from loadcaffe.schema import CaffeFormatError


def convolution(layer: Layer) -> nn.Module:
    param = layer.param.convolution_param
    weight, bias = _weight_and_bias(layer, param.bias_term)
    kernel = _pair(layer, param, 'kernel', 'kernel_size', None)
    groups = param.group or 1
    _refuse(layer, not weight.numel(), 'has no weights')
    _refuse(layer, param.axis != 1, f'convolves along axis {param.axis}; only 1 is supported')
    # As in loadcaffe.cpp, channels come from the blob, not from the layer before.
    out_channels = param.num_output or weight.shape[0]
    in_channels = weight.shape[1] if weight.dim() > 1 else 1
    _fit(layer, 'weight', weight, (out_channels, in_channels, *kernel))
    _refuse(layer, out_channels % groups != 0, f'has {out_channels} outputs in {groups} groups')
    module = nn.Conv2d(
        in_channels * groups,
        out_channels,
        kernel,
        stride=_pair(layer, param, 'stride', 'stride', 1),
        padding=_pair(layer, param, 'pad', 'pad', 0),
        dilation=_pair(layer, param, None, 'dilation', 1),
        groups=groups,
        bias=bias is not None,
        device='meta',  # no memory and no random numbers for weights that are replaced
    )
    return _with_weights(layer, module, weight, bias)


def inner_product(layer: Layer) -> nn.Module:
    param = layer.param.inner_product_param
    weight, bias = _weight_and_bias(layer, param.bias_term)
    _refuse(layer, param.axis != 1, f'has axis {param.axis}; only 1 is supported')
    _refuse(layer, param.transpose, 'has transposed weights, which are not supported')
    _refuse(layer, not weight.numel(), 'has no weights')
    # The old four-number shape of a matrix is (1, 1, outputs, inputs).
    inputs = weight.shape[-1] if weight.dim() else 1
    outputs = param.num_output or weight.numel() // inputs
    if weight.numel() != outputs * inputs:
        _fit(layer, 'weight', weight, (outputs, inputs))
    module = nn.Linear(inputs, outputs, bias=bias is not None, device='meta')
    return _with_weights(layer, module, weight.reshape(outputs, inputs), bias)


def pooling(layer: Layer) -> nn.Module:
    """Pooling rounds its output's size up, as in Caffe; an average counts the padding."""
    param = layer.param.pooling_param
    stochastic = param.pool not in (param.MAX, param.AVE)
    _refuse(layer, stochastic, 'pools stochastically; only MAX and AVE are supported')
    if param.global_pooling:
        return nn.AdaptiveMaxPool2d(1) if param.pool == param.MAX else nn.AdaptiveAvgPool2d(1)
    kernel = _pair(layer, param, 'kernel', 'kernel_size', None)
    stride = _pair(layer, param, 'stride', 'stride', 1)
    pad = _pair(layer, param, 'pad', 'pad', 0)
    too_wide = any(2 * p > k for p, k in zip(pad, kernel, strict=True))
    _refuse(layer, too_wide, f'pads {pad} around a kernel of {kernel}; half of it at most')
    kind = nn.MaxPool2d if param.pool == param.MAX else nn.AvgPool2d
    return kind(kernel, stride, pad, ceil_mode=True)


def relu(layer: Layer) -> nn.Module:
    slope = layer.param.relu_param.negative_slope
    return nn.LeakyReLU(slope, inplace=True) if slope else nn.ReLU(inplace=True)


def tanh(layer: Layer) -> nn.Module:
    return nn.Tanh()


def sigmoid(layer: Layer) -> nn.Module:
    return nn.Sigmoid()


def lrn(layer: Layer) -> nn.Module:
    param = layer.param.lrn_param
    within = param.norm_region == param.WITHIN_CHANNEL
    _refuse(layer, within, 'normalises WITHIN_CHANNEL; only ACROSS_CHANNELS is supported')
    _refuse(layer, param.local_size % 2 == 0, f'has local_size {param.local_size}; it must be odd')
    return nn.LocalResponseNorm(param.local_size, param.alpha, param.beta, param.k)


def dropout(layer: Layer) -> nn.Module:
    ratio = layer.param.dropout_param.dropout_ratio
    _refuse(layer, not 0 <= ratio < 1, f'has dropout_ratio {ratio}; it must be in [0, 1)')
    return nn.Dropout(ratio)


def softmax(layer: Layer) -> nn.Module:
    return nn.Softmax(layer.param.softmax_param.axis)


LAYERS: dict[str, Callable[[Layer], nn.Module]] = {
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


def _refuse(layer: Layer, fault: bool, text: str) -> None:
    if fault:
        raise CaffeFormatError(f'layer {layer.name!r} {text}')


def _pair(layer: Layer, param: Any, prefix: str | None, name: str, default: int | None):
    """A layer's (height, width) of a kernel, stride, pad or dilation.

    caffe: base_conv_layer.cpp, LayerSetUp: *_h and *_w together where either is given, else one
    number for both axes or one for each. The original takes a pair for which one is 0 as not given.
    """
    if prefix and (param.HasField(f'{prefix}_h') or param.HasField(f'{prefix}_w')):
        pair = (getattr(param, f'{prefix}_h'), getattr(param, f'{prefix}_w'))
    else:
        given = getattr(param, name)
        sizes = [given] if isinstance(given, int) else list(given) or [default or 0]
        _refuse(layer, len(sizes) > 2, f'has {len(sizes)} numbers as {name}; it is 2-dimensional')
        pair = (sizes[0], sizes[-1])
    _refuse(layer, default != 0 and 0 in pair, f'has a {name} of (height, width) {pair}')
    _refuse(layer, max(pair) >= 1 << 31, f'has a {name} of (height, width) {pair}')
    return pair


def _weight_and_bias(layer: Layer, bias_term: bool) -> tuple[Tensor, Tensor | None]:
    expected, found = 1 + bias_term, len(layer.blobs)
    if found != expected:
        without = '' if bias_term else 'out'
        raise CaffeFormatError(
            f'layer {layer.name!r} with{without} bias should have {expected} blobs, it has {found}'
        )
    return layer.blobs[0], layer.blobs[1] if bias_term else None


def _fit(layer: Layer, what: str, blob: Tensor, expected: tuple) -> None:
    if tuple(blob.shape) != expected:
        text = ' x '.join(map(str, expected))
        found = ' x '.join(map(str, blob.shape))
        raise CaffeFormatError(f'layer {layer.name!r}: its {what} should be {text}, is {found}')


def _with_weights(layer: Layer, module: Any, weight: Tensor, bias: Tensor | None) -> nn.Module:
    module.weight = nn.Parameter(weight, requires_grad=False)
    if bias is not None:
        flat = bias.reshape(-1)  # the old four-number shape is (1, 1, 1, outputs)
        _fit(layer, 'bias', flat, (weight.shape[0],))
        module.bias = nn.Parameter(flat, requires_grad=False)
    return module
