"""Caffe's layers that look at one value at a time, as torch modules.

Each builder takes a Layer and returns a module; see loadcaffe/layers/__init__.py.
"""

import math
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from loadcaffe.formats.netparameter import Layer
from loadcaffe.layers.checks import blobs_of, check, empty_module


class Pointwise(nn.Module):
    """Apply a function to every value. name: Caffe's name of it; arguments: its parameters."""

    def __init__(self, name: str, function: Callable[..., Tensor], **arguments: float):
        super().__init__()
        self.function_name = name
        self.arguments = arguments
        self.function = partial(function, **arguments)

    def forward(self, input: Tensor) -> Tensor:
        return self.function(input)

    def extra_repr(self) -> str:
        arguments = (f'{name}={value:g}' for name, value in self.arguments.items())
        return ', '.join([self.function_name, *arguments])


def prelu(layer: Layer) -> nn.Module:
    """Build max(0, x) + slope · min(0, x), one slope or one per channel. caffe: prelu_layer.cpp."""
    (slope,) = blobs_of(layer, 1)
    check(slope.numel(), layer, 'has no slopes')
    if layer.param.prelu_param.channel_shared:
        check(slope.numel() == 1, layer, f'shares one slope, but holds {slope.numel()}')
    module = empty_module(nn.PReLU, slope.numel())
    module.weight = nn.Parameter(slope.reshape(-1), requires_grad=False)
    return module


def elu(layer: Layer) -> nn.Module:
    return nn.ELU(layer.param.elu_param.alpha)


def relu6(layer: Layer) -> nn.Module:
    return nn.ReLU6()


def relu(layer: Layer) -> nn.Module:
    """Build a ReLU not in place: in a branched network others may need its input."""
    slope = layer.param.relu_param.negative_slope
    return nn.LeakyReLU(slope) if slope else nn.ReLU()


def relu_in_place(layer: Layer) -> nn.Module:
    slope = layer.param.relu_param.negative_slope
    return nn.LeakyReLU(slope, inplace=True) if slope else nn.ReLU(inplace=True)


def tanh(layer: Layer) -> nn.Module:
    return nn.Tanh()


def sigmoid(layer: Layer) -> nn.Module:
    return nn.Sigmoid()


def softmax(layer: Layer) -> nn.Module:
    return nn.Softmax(layer.param.softmax_param.axis)


def absolute(layer: Layer) -> nn.Module:
    return Pointwise('AbsVal', torch.abs)


def bnll(layer: Layer) -> nn.Module:
    """Build log(1 + exp(x)). caffe: bnll_layer.cpp."""
    return Pointwise('BNLL', functional.softplus)


def _power(input: Tensor, power: float, scale: float, shift: float) -> Tensor:
    linear = input * scale + shift
    return linear if power == 1 else linear.pow(power)


def power(layer: Layer) -> nn.Module:
    """Build (shift + scale · x) ^ power. caffe: power_layer.cpp."""
    param = layer.param.power_param
    return Pointwise('Power', _power, power=param.power, scale=param.scale, shift=param.shift)


def _exp(input: Tensor, base: float, scale: float, shift: float) -> Tensor:
    rate = 1.0 if base == -1 else math.log(base)
    return torch.exp((input * scale + shift) * rate)


def exp(layer: Layer) -> nn.Module:
    """Build base ^ (shift + scale · x); base -1 is e. caffe: exp_layer.cpp."""
    param = layer.param.exp_param
    base = _base(layer, param.base)
    return Pointwise('Exp', _exp, base=base, scale=param.scale, shift=param.shift)


def _log(input: Tensor, base: float, scale: float, shift: float) -> Tensor:
    rate = 1.0 if base == -1 else math.log(base)
    return torch.log(input * scale + shift) / rate


def log(layer: Layer) -> nn.Module:
    """Build the logarithm of shift + scale · x to base; base -1 is e. caffe: log_layer.cpp."""
    param = layer.param.log_param
    base = _base(layer, param.base)
    check(base != 1, layer, 'has a logarithm to base 1')
    return Pointwise('Log', _log, base=base, scale=param.scale, shift=param.shift)


def _base(layer: Layer, base: float) -> float:
    possible = base == -1 or 0 < base < math.inf
    check(possible, layer, f'has base {base}; it must be above 0')
    return base


def _threshold(input: Tensor, threshold: float) -> Tensor:
    return (input > threshold).to(input.dtype)


def threshold(layer: Layer) -> nn.Module:
    """Build 1 above the threshold, else 0. caffe: threshold_layer.cpp."""
    return Pointwise('Threshold', _threshold, threshold=layer.param.threshold_param.threshold)


def clip(layer: Layer) -> nn.Module:
    param = layer.param.clip_param
    return Pointwise('Clip', torch.clamp, min=param.min, max=param.max)


def _swish(input: Tensor, beta: float) -> Tensor:
    return input * torch.sigmoid(input * beta)


def swish(layer: Layer) -> nn.Module:
    """Build x · sigmoid(beta · x). caffe: swish_layer.cpp."""
    return Pointwise('Swish', _swish, beta=layer.param.swish_param.beta)


def active_dropout(layer: Layer) -> nn.Module:
    """Build a dropout that drops, as the original's does in every phase."""
    return nn.Dropout(_dropout_ratio(layer))


def dropout(layer: Layer) -> nn.Module:
    """Build the identity, as in Caffe's phase TEST. caffe: dropout_layer.cpp, Forward_cpu."""
    _dropout_ratio(layer)
    return nn.Identity()


def _dropout_ratio(layer: Layer) -> float:
    ratio = layer.param.dropout_param.dropout_ratio
    check(0 <= ratio < 1, layer, f'has dropout_ratio {ratio}; it must be in [0, 1)')
    return ratio
