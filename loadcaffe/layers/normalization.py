"""Caffe's layers that normalise, scale and shift, as torch modules.

Each builder takes a Layer and returns a module; see layers.py.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from loadcaffe.formats.netparameter import Layer
from loadcaffe.layers.checks import blobs, refuse, vector


class BatchNorm(nn.Module):
    """(x - mean) / √(variance + eps) for each channel; without them, the batch's own.

    caffe: batch_norm_layer.cpp. What the layer holds are sums, divided by its third blob.
    """

    mean: Tensor | None
    variance: Tensor | None

    def __init__(self, mean: Tensor | None, variance: Tensor | None, eps: float):
        super().__init__()
        self.register_buffer('mean', mean)
        self.register_buffer('variance', variance)
        self.eps = eps

    def forward(self, input: Tensor) -> Tensor:
        own = self.mean is None
        return functional.batch_norm(
            input, self.mean, self.variance, training=own, momentum=0, eps=self.eps
        )

    def extra_repr(self) -> str:
        return '' if self.mean is None else f'{len(self.mean)}'


def batch_norm(layer: Layer) -> nn.Module:
    param = layer.param.batch_norm_param
    mean, variance, factor = blobs(layer, 3)
    mean, variance = vector(layer, 'mean', mean), vector(layer, 'variance', variance)
    refuse(layer, len(mean) != len(variance), 'has a mean and a variance of different lengths')
    refuse(layer, factor.numel() != 1, f'has {factor.numel()} scale factors; it must be 1')
    if param.HasField('use_global_stats') and not param.use_global_stats:
        return BatchNorm(None, None, param.eps)
    scale = 0.0 if factor.item() == 0 else 1 / factor.item()
    return BatchNorm(mean * scale, variance * scale, param.eps)


class Scale(nn.Module):
    """x · weight + bias, their axes laid along those of x from `axis` on. caffe: scale_layer.cpp.

    Without weight, a second input takes its place.
    """

    weight: nn.Parameter | None
    bias: nn.Parameter | None

    def __init__(self, axis: int, weight: Tensor | None, bias: Tensor | None):
        super().__init__()
        self.axis = axis
        for name, values in (('weight', weight), ('bias', bias)):
            frozen = None if values is None else nn.Parameter(values, requires_grad=False)
            self.register_parameter(name, frozen)

    def along(self, input: Tensor, values: Tensor) -> Tensor:
        axis = self.axis % input.dim() if values.dim() else 0
        return values.reshape(*values.shape, *[1] * (input.dim() - axis - values.dim()))

    def forward(self, input: Tensor, factor: Tensor | None = None) -> Tensor:
        factor = self.weight if factor is None else factor
        output = input if factor is None else input * self.along(input, factor)
        return output if self.bias is None else output + self.along(input, self.bias)

    def extra_repr(self) -> str:
        return 'x'.join(map(str, self.weight.shape)) if self.weight is not None else ''


def scale(layer: Layer) -> nn.Module:
    param = layer.param.scale_param
    if len(layer.param.bottom) > 1:
        found = blobs(layer, int(param.bias_term))
        return Scale(param.axis, None, _channels(param, found[0]) if found else None)
    found = blobs(layer, 1 + param.bias_term)
    bias = _channels(param, found[1]) if param.bias_term else None
    return Scale(param.axis, _channels(param, found[0]), bias)


def bias(layer: Layer) -> nn.Module:
    """x + bias. caffe: bias_layer.cpp."""
    param = layer.param.bias_param
    if len(layer.param.bottom) > 1:
        return Bias(param.axis, None, None)
    (values,) = blobs(layer, 1)
    return Bias(param.axis, None, _channels(param, values))


class Bias(Scale):
    """x + bias, or x and the second input."""

    def forward(self, input: Tensor, factor: Tensor | None = None) -> Tensor:
        return super().forward(input) if factor is None else input + self.along(input, factor)


def _channels(param, values: Tensor) -> Tensor:
    """The old four-number shape of a vector, (1, 1, 1, C), has ones too many in front."""
    extra = values.dim() - param.num_axes if param.num_axes >= 0 else 0
    leading = extra > 0 and all(size == 1 for size in values.shape[:extra])
    return values.reshape(values.shape[extra:]) if leading else values


def bn(layer: Layer) -> nn.Module:
    """Of forks: SegNet's (scale and shift, merged for inference) and PSPNet's (and mean, variance).

    Sources: bn_layer.cpp of alexgkendall/caffe-segnet and of hszhao/PSPNet.
    """
    found = [vector(layer, 'blob', blob) for blob in layer.blobs]
    refuse(layer, len({len(blob) for blob in found}) > 1, 'has blobs of different lengths')
    param = layer.param.bn_param
    if len(found) == 2:
        learning = param.HasField('bn_mode') and param.bn_mode != param.INFERENCE
        refuse(layer, learning, 'has bn_mode LEARN: its statistics are not in the file')
        return Scale(1, found[0], found[1])
    refuse(layer, len(found) != 4, f'should have 2 or 4 blobs, it has {len(found)}')
    slope, shift, mean, variance = found
    factor = slope / torch.sqrt(variance + param.eps)
    return Scale(1, factor, shift - mean * factor)


class LRNWithinChannel(nn.Module):
    """x / (1 + alpha · mean of x² in a window) ^ beta. caffe: lrn_layer.cpp, WithinChannel..."""

    def __init__(self, size: int, alpha: float, beta: float):
        super().__init__()
        self.size, self.alpha, self.beta = size, alpha, beta

    def forward(self, input: Tensor) -> Tensor:
        mean = functional.avg_pool2d(input * input, self.size, 1, self.size // 2)
        return input * (mean * self.alpha + 1).pow(-self.beta)

    def extra_repr(self) -> str:
        return f'{self.size}, alpha={self.alpha:g}, beta={self.beta:g}'


class MVN(nn.Module):
    """Mean 0 and variance 1 for each channel, or all together. caffe: mvn_layer.cpp."""

    def __init__(self, across_channels: bool, normalize_variance: bool, eps: float):
        super().__init__()
        self.first = 1 if across_channels else 2
        self.normalize_variance, self.eps = normalize_variance, eps

    def forward(self, input: Tensor) -> Tensor:
        axes = tuple(range(self.first, input.dim()))
        centred = input - input.mean(axes, keepdim=True)
        if not self.normalize_variance:
            return centred
        return centred / (centred.square().mean(axes, keepdim=True).sqrt() + self.eps)


def mvn(layer: Layer) -> nn.Module:
    param = layer.param.mvn_param
    return MVN(param.across_channels, param.normalize_variance, param.eps)


class Normalize(nn.Module):
    """x / |x|, over channels or everything, times a scale. SSD's caffe: normalize_layer.cpp."""

    def __init__(self, across_spatial: bool, eps: float, weight: Tensor):
        super().__init__()
        self.across_spatial, self.eps = across_spatial, eps
        self.weight = nn.Parameter(weight, requires_grad=False)

    def forward(self, input: Tensor) -> Tensor:
        axes = tuple(range(1, input.dim())) if self.across_spatial else (1,)
        norm = (input.square().sum(axes, keepdim=True) + self.eps).sqrt()
        return input / norm * self.weight.reshape(-1, *[1] * (input.dim() - 2))


def normalize(layer: Layer) -> nn.Module:
    (weight,) = blobs(layer, 1)
    param = layer.param.norm_param
    return Normalize(param.across_spatial, param.eps, vector(layer, 'scale', weight))


NORMALIZATIONS: dict[str, Callable[[Layer], nn.Module]] = {
    'BN': bn,
    'BatchNorm': batch_norm,
    'Bias': bias,
    'MVN': mvn,
    'Normalize': normalize,
    'Scale': scale,
}
