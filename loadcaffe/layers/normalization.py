"""Caffe's layers that normalise, scale and shift, as torch modules.

Each builder takes a Layer and returns a module; see loadcaffe/layers/__init__.py.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from loadcaffe.formats.netparameter import Layer
from loadcaffe.layers.checks import as_vector, blobs_of, check

SEGNET_EPS = 1e-9  # of BN, beside the variance of the batch


class BatchNorm(nn.Module):
    """Normalise each channel: (x - mean) / √(variance + eps); None: with the batch's statistics.

    scale, shift: the result is multiplied with one, and the other added, where they are not None.
    caffe: batch_norm_layer.cpp.
    """

    mean: Tensor | None
    variance: Tensor | None
    scale: Tensor | None
    shift: Tensor | None

    def __init__(
        self,
        mean: Tensor | None,
        variance: Tensor | None,
        eps: float,
        scale: Tensor | None = None,
        shift: Tensor | None = None,
    ):
        super().__init__()
        self.register_buffer('mean', mean)
        self.register_buffer('variance', variance)
        self.register_buffer('scale', scale)
        self.register_buffer('shift', shift)
        self.eps = eps

    def forward(self, input: Tensor) -> Tensor:
        vectors = (self.mean, self.variance, self.scale, self.shift)
        training = self.mean is None
        return functional.batch_norm(input, *vectors, training=training, momentum=0, eps=self.eps)

    def extra_repr(self) -> str:
        vectors = (vector for vector in (self.mean, self.scale) if vector is not None)
        return str(next(map(len, vectors), ''))


def batch_norm(layer: Layer) -> nn.Module:
    """Build a batch normalisation; its blobs hold sums, which its third blob divides."""
    param = layer.param.batch_norm_param
    mean, variance, factor = blobs_of(layer, 3)
    mean, variance = as_vector(layer, 'mean', mean), as_vector(layer, 'variance', variance)
    check(len(mean) == len(variance), layer, 'has a mean and a variance of different lengths')
    check(factor.numel() == 1, layer, f'has {factor.numel()} scale factors; it must be 1')
    if param.HasField('use_global_stats') and not param.use_global_stats:
        return BatchNorm(None, None, param.eps)
    scale = 0.0 if factor.item() == 0 else 1 / factor.item()
    return BatchNorm(mean * scale, variance * scale, param.eps)


class Scale(nn.Module):
    """Compute x · weight + bias, their axes aligned with those of x from `axis` on.

    Without a weight, a second input takes its place. caffe: scale_layer.cpp.
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
        # Some files still hold a factor that the second input has replaced.
        blobs = layer.blobs[1:] if len(layer.blobs) == 1 + param.bias_term else layer.blobs
        check(len(blobs) == param.bias_term, layer, f'should have {int(param.bias_term)} blobs')
        return Scale(param.axis, None, _channels(param, blobs[0]) if blobs else None)
    blobs = blobs_of(layer, 1 + param.bias_term)
    bias = _channels(param, blobs[1]) if param.bias_term else None
    return Scale(param.axis, _channels(param, blobs[0]), bias)


def bias(layer: Layer) -> nn.Module:
    """Build x + bias. caffe: bias_layer.cpp."""
    param = layer.param.bias_param
    if len(layer.param.bottom) > 1:
        return Bias(param.axis, None, None)
    (values,) = blobs_of(layer, 1)
    return Bias(param.axis, None, _channels(param, values))


class Bias(Scale):
    """Add a bias, or a second input in its place."""

    def forward(self, input: Tensor, factor: Tensor | None = None) -> Tensor:
        return super().forward(input) if factor is None else input + self.along(input, factor)


def _channels(param, values: Tensor) -> Tensor:
    """Drop the leading ones of the old four-number shape of a vector, (1, 1, 1, C)."""
    extra = values.dim() - param.num_axes if param.num_axes >= 0 else 0
    leading = extra > 0 and all(size == 1 for size in values.shape[:extra])
    return values.reshape(values.shape[extra:]) if leading else values


def bn(layer: Layer) -> nn.Module:
    """Build the BN of forks: SegNet's (scale and shift) or PSPNet's (and mean and variance).

    Sources: bn_layer.cpp of alexgkendall/caffe-segnet and of hszhao/PSPNet.
    """
    blobs = [as_vector(layer, 'blob', blob) for blob in layer.blobs]
    check(len({len(blob) for blob in blobs}) <= 1, layer, 'has blobs of different lengths')
    param = layer.param.bn_param
    if len(blobs) == 2:
        if param.bn_mode == param.INFERENCE:
            return Scale(1, *blobs)
        return BatchNorm(None, None, SEGNET_EPS, *blobs)  # LEARN, the default
    check(len(blobs) == 4, layer, f'should have 2 or 4 blobs, it has {len(blobs)}')
    slope, shift, mean, variance = blobs
    factor = slope / torch.sqrt(variance + param.eps)
    return Scale(1, factor, shift - mean * factor)


def lrn(layer: Layer) -> nn.Module:
    """Build a local response normalisation, over channels or within each."""
    param = layer.param.lrn_param
    size = param.local_size
    check(size % 2 == 1 and size < 1 << 31, layer, f'has local_size {size}; it must be odd')
    if param.norm_region == param.WITHIN_CHANNEL:
        return LRNWithinChannel(size, param.alpha, param.beta)
    return nn.LocalResponseNorm(size, param.alpha, param.beta, param.k)


class LRNWithinChannel(nn.Module):
    """Compute x / (1 + alpha · mean of x² in a window) ^ beta.

    caffe: lrn_layer.cpp, WithinChannelForward.
    """

    def __init__(self, size: int, alpha: float, beta: float):
        super().__init__()
        self.size, self.alpha, self.beta = size, alpha, beta

    def forward(self, input: Tensor) -> Tensor:
        mean = functional.avg_pool2d(input * input, self.size, 1, self.size // 2)
        return input * (mean * self.alpha + 1).pow(-self.beta)

    def extra_repr(self) -> str:
        return f'{self.size}, alpha={self.alpha:g}, beta={self.beta:g}'


class MVN(nn.Module):
    """Make mean 0 and variance 1, by channel or over all. caffe: mvn_layer.cpp."""

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
    """Compute x / |x| · weight, |x| over channels or all. SSD's caffe: normalize_layer.cpp."""

    def __init__(self, across_spatial: bool, eps: float, weight: Tensor):
        super().__init__()
        self.across_spatial, self.eps = across_spatial, eps
        self.weight = nn.Parameter(weight, requires_grad=False)

    def forward(self, input: Tensor) -> Tensor:
        axes = tuple(range(1, input.dim())) if self.across_spatial else (1,)
        norm = (input.square().sum(axes, keepdim=True) + self.eps).sqrt()
        return input / norm * self.weight.reshape(-1, *[1] * (input.dim() - 2))


def normalize(layer: Layer) -> nn.Module:
    (weight,) = blobs_of(layer, 1)
    param = layer.param.norm_param
    return Normalize(param.across_spatial, param.eps, as_vector(layer, 'scale', weight))
