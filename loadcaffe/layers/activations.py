"""Caffe's layers that look at one value at a time, as torch modules.

Each builder takes a Layer and returns a module; see layers.py.
"""

import math
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from loadcaffe.formats.netparameter import Layer
from loadcaffe.layers.checks import blobs, refuse


class Pointwise(nn.Module):
    """A function of every value: kind is Caffe's name of it, numbers are its parameters."""

    def __init__(self, kind: str, function: Callable[..., Tensor], **numbers: float):
        super().__init__()
        self.kind = kind
        self.numbers = numbers
        self.function = partial(function, **numbers)

    def forward(self, input: Tensor) -> Tensor:
        return self.function(input)

    def extra_repr(self) -> str:
        return ', '.join([self.kind, *(f'{name}={n:g}' for name, n in self.numbers.items())])


def prelu(layer: Layer) -> nn.Module:
    """max(0, x) + slope · min(0, x), a slope for each channel or one. caffe: prelu_layer.cpp."""
    (slope,) = blobs(layer, 1)
    refuse(layer, not slope.numel(), 'has no slopes')
    if layer.param.prelu_param.channel_shared:
        refuse(layer, slope.numel() != 1, f'shares one slope, but holds {slope.numel()}')
    module = nn.PReLU(slope.numel(), device='meta')
    module.weight = nn.Parameter(slope.reshape(-1), requires_grad=False)
    return module


def elu(layer: Layer) -> nn.Module:
    return nn.ELU(layer.param.elu_param.alpha)


def relu6(layer: Layer) -> nn.Module:
    return nn.ReLU6()


def relu(layer: Layer) -> nn.Module:
    """Not in place: in a branched network others may need what it is given."""
    slope = layer.param.relu_param.negative_slope
    return nn.LeakyReLU(slope) if slope else nn.ReLU()


def absolute(layer: Layer) -> nn.Module:
    return Pointwise('AbsVal', torch.abs)


def bnll(layer: Layer) -> nn.Module:
    """log(1 + exp(x)). caffe: bnll_layer.cpp."""
    return Pointwise('BNLL', functional.softplus)


def _power(input: Tensor, power: float, scale: float, shift: float) -> Tensor:
    linear = input * scale + shift
    return linear if power == 1 else linear.pow(power)


def power(layer: Layer) -> nn.Module:
    """(shift + scale · x) ^ power. caffe: power_layer.cpp."""
    param = layer.param.power_param
    return Pointwise('Power', _power, power=param.power, scale=param.scale, shift=param.shift)


def _exp(input: Tensor, base: float, scale: float, shift: float) -> Tensor:
    rate = 1.0 if base == -1 else math.log(base)
    return torch.exp((input * scale + shift) * rate)


def exp(layer: Layer) -> nn.Module:
    """base ^ (shift + scale · x); base -1 is e. caffe: exp_layer.cpp."""
    param = layer.param.exp_param
    base = _base(layer, param.base)
    return Pointwise('Exp', _exp, base=base, scale=param.scale, shift=param.shift)


def _log(input: Tensor, base: float, scale: float, shift: float) -> Tensor:
    rate = 1.0 if base == -1 else math.log(base)
    return torch.log(input * scale + shift) / rate


def log(layer: Layer) -> nn.Module:
    """The logarithm of shift + scale · x to base; base -1 is e. caffe: log_layer.cpp."""
    param = layer.param.log_param
    base = _base(layer, param.base)
    refuse(layer, base == 1, 'has a logarithm to base 1')
    return Pointwise('Log', _log, base=base, scale=param.scale, shift=param.shift)


def _base(layer: Layer, base: float) -> float:
    refuse(layer, not (base == -1 or 0 < base < math.inf), f'has base {base}; it must be above 0')
    return base


def _threshold(input: Tensor, threshold: float) -> Tensor:
    return (input > threshold).to(input.dtype)


def threshold(layer: Layer) -> nn.Module:
    """1 above the threshold, else 0. caffe: threshold_layer.cpp."""
    return Pointwise('Threshold', _threshold, threshold=layer.param.threshold_param.threshold)


def clip(layer: Layer) -> nn.Module:
    param = layer.param.clip_param
    return Pointwise('Clip', torch.clamp, min=param.min, max=param.max)


def _swish(input: Tensor, beta: float) -> Tensor:
    return input * torch.sigmoid(input * beta)


def swish(layer: Layer) -> nn.Module:
    """x · sigmoid(beta · x). caffe: swish_layer.cpp."""
    return Pointwise('Swish', _swish, beta=layer.param.swish_param.beta)


def dropout(layer: Layer) -> nn.Module:
    """In Caffe's phase TEST, the identity. caffe: dropout_layer.cpp, Forward_cpu."""
    ratio = layer.param.dropout_param.dropout_ratio
    refuse(layer, not 0 <= ratio < 1, f'has dropout_ratio {ratio}; it must be in [0, 1)')
    return nn.Identity()


ACTIVATIONS: dict[str, Callable[[Layer], nn.Module]] = {
    'AbsVal': absolute,
    'BNLL': bnll,
    'Clip': clip,
    'Dropout': dropout,
    'ELU': elu,
    'Exp': exp,
    'Log': log,
    'PReLU': prelu,
    'Power': power,
    'ReLU': relu,
    'ReLU6': relu6,
    'Swish': swish,
    'Threshold': threshold,
}
