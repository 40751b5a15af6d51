"""Caffe's layers that move over the image, beyond those of the original, as torch modules.

Each builder takes a Layer and returns a module; see layers.py, which has convolution and the
pooling that torch.nn can do.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from loadcaffe.formats.netparameter import Layer
from loadcaffe.layers.checks import fit, pair, refuse, steps, weight_and_bias, with_weights


def deconvolution(layer: Layer) -> nn.Module:
    """caffe: deconv_layer.cpp: the weights are inputs x outputs of a group x height x width."""
    param = layer.param.convolution_param
    weight, bias = weight_and_bias(layer, param.bias_term)
    kernel = pair(layer, param, 'kernel', 'kernel_size', None)
    groups = param.group or 1
    refuse(layer, not weight.numel() or weight.dim() != 4, 'has no weights of 4 axes')
    refuse(layer, param.axis != 1, f'deconvolves along axis {param.axis}; only 1 is supported')
    inputs, outputs = weight.shape[0], param.num_output or weight.shape[1] * groups
    refuse(layer, bool(inputs % groups or outputs % groups), f'has {groups} groups that do not fit')
    fit(layer, 'weight', weight, (inputs, outputs // groups, *kernel))
    module = nn.ConvTranspose2d(
        inputs,
        outputs,
        kernel,
        groups=groups,
        bias=bias is not None,
        **steps(layer, param),
    )
    return with_weights(layer, module, weight, bias)


class Pooling(nn.Module):
    """Pooling with any padding; Caffe cuts windows at the edge. caffe: pooling_layer.cpp.

    The output is (size + 2 pad - kernel) / stride + 1 wide, rounded up, or down if `floor`, and one
    less where padding would let the last window begin beyond the image. An average is divided by
    the part of the window that lies on the image and its padding.
    """

    def __init__(self, average: bool, kernel, stride, pad, floor: bool):
        super().__init__()
        self.average, self.floor = average, floor
        self.kernel, self.stride, self.pad = kernel, stride, pad

    def forward(self, input: Tensor) -> Tensor:
        windows = [self.windows(axis, input.shape[axis + 2]) for axis in (0, 1)]
        (top, bottom), (left, right) = [(pad, more) for pad, more, _ in windows]
        filling = 0.0 if self.average else float('-inf')
        padded = functional.pad(input, (left, right, top, bottom), value=filling)
        if not self.average:
            return functional.max_pool2d(padded, self.kernel, self.stride)
        sums = functional.avg_pool2d(padded, self.kernel, self.stride, divisor_override=1)
        rows, columns = (sizes.to(input) for *_, sizes in windows)
        return sums / (rows[:, None] * columns)

    def averaging(self) -> 'Pooling':
        """The same with averages."""
        return Pooling(True, self.kernel, self.stride, self.pad, self.floor)

    def windows(self, axis: int, size: int) -> tuple[int, int, Tensor]:
        """Padding before, padding after, and the length of every window, of one axis."""
        kernel, stride, pad = self.kernel[axis], self.stride[axis], self.pad[axis]
        steps = size + 2 * pad - kernel
        count = (steps if self.floor else steps + stride - 1) // stride + 1
        if any(self.pad) and (count - 1) * stride >= size + pad:
            count -= 1
        if count < 1:
            raise ValueError(f'{size} pixels are too few for a window of {kernel}')
        starts = torch.arange(count) * stride
        lengths = (starts + kernel).clamp(max=size + 2 * pad) - starts
        return pad, (count - 1) * stride + kernel - size - pad, lengths

    def extra_repr(self) -> str:
        return f'kernel={self.kernel}, stride={self.stride}, pad={self.pad}, floor={self.floor}'


class MaxPoolingWithPlaces(nn.Module):
    """SegNet's: the second output is where each maximum was, for Unpooling."""

    def __init__(self, kernel, stride, pad):
        super().__init__()
        self.kernel, self.stride, self.pad = kernel, stride, pad

    def forward(self, input: Tensor) -> tuple[Tensor, ...]:
        return functional.max_pool2d(
            input, self.kernel, self.stride, self.pad, ceil_mode=True, return_indices=True
        )


class Unpooling(nn.Module):
    """Every value back where it was a maximum. alexgkendall/caffe-segnet: upsample_layer.cpp."""

    def __init__(self, scale: int, size: tuple[int, int] | None):
        super().__init__()
        self.scale, self.size = scale, size

    def forward(self, input: Tensor, places: Tensor) -> Tensor:
        size = self.size or tuple(side * self.scale for side in input.shape[2:])
        return functional.max_unpool2d(input, places, (self.scale, self.scale), output_size=size)


class Upsample(nn.Module):
    """Every pixel `scale` times in each direction. Of forks for YOLO: upsample_layer.cpp."""

    def __init__(self, scale: int):
        super().__init__()
        self.scale = scale

    def forward(self, input: Tensor) -> Tensor:
        return input.repeat_interleave(self.scale, 2).repeat_interleave(self.scale, 3)

    def extra_repr(self) -> str:
        return f'{self.scale}'


def upsample(layer: Layer) -> nn.Module:
    param = layer.param.upsample_param
    refuse(layer, not 0 < param.scale < 1 << 16, f'has scale {param.scale}')
    if len(layer.param.bottom) < 2:
        return Upsample(param.scale)
    refuse(layer, param.pad_out_h or param.pad_out_w, 'has pad_out; that is not supported')
    given = param.HasField('upsample_h') and param.HasField('upsample_w')
    return Unpooling(param.scale, (param.upsample_h, param.upsample_w) if given else None)


class Interp(nn.Module):
    """Bilinear, corner to corner. Of DeepLab's and PSPNet's caffe: interp_layer.cpp.

    size: (height, width), or None for shrinking and zooming. Negative pads cut the image.
    """

    def __init__(self, size: tuple[int, int] | None, shrink: int, zoom: int, pads: tuple[int, int]):
        super().__init__()
        self.size, self.shrink, self.zoom, self.pads = size, shrink, zoom, pads

    def forward(self, input: Tensor, like: Tensor | None = None) -> Tensor:
        input = functional.pad(input, (*self.pads, *self.pads))
        size = self.size if like is None else tuple(like.shape[2:])
        if size is None:
            shrunk = [(side - 1) // self.shrink + 1 for side in input.shape[2:]]
            size = tuple(side + (side - 1) * (self.zoom - 1) for side in shrunk)
        return functional.interpolate(input, size, mode='bilinear', align_corners=True)


def interp(layer: Layer) -> nn.Module:
    param = layer.param.interp_param
    sizes = (param.height, param.width)
    refuse(layer, min(sizes) < 0 or (0 in sizes) != (sizes == (0, 0)), f'has size {sizes}')
    factors = (param.shrink_factor, param.zoom_factor)
    refuse(layer, min(factors) < 1, f'has shrink_factor, zoom_factor {factors}')
    refuse(layer, max(param.pad_beg, param.pad_end) > 0, 'has a pad above 0')
    pads = (param.pad_beg, param.pad_end)
    return Interp(None if sizes == (0, 0) else sizes, *factors, pads)


SPATIAL: dict[str, Callable[[Layer], nn.Module]] = {
    'Deconvolution': deconvolution,
    'Interp': interp,
    'Upsample': upsample,
}
