"""Caffe's pooling, and its inverse, as torch modules.

Each builder takes a Layer and returns a module; see loadcaffe/layers/__init__.py.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from loadcaffe.formats.netparameter import Layer
from loadcaffe.layers.checks import check, height_width
from loadcaffe.layers.windows import window, window_count

Pair = tuple[int, int]  # height, width


def output_size(layer: nn.Module, axis: int, size: int) -> int:
    """Return the height (axis 0) or width (axis 1) of the output of a convolution or pooling."""
    if isinstance(layer, Pooling):
        return layer.output_size(axis, size)
    return window_count(window(layer, axis), size, bool(getattr(layer, 'ceil_mode', False)))


def pooling(layer: Layer) -> nn.Module:
    """Build a pooling, which rounds its output's size up; an average counts the padding."""
    param = layer.param.pooling_param
    stochastic = param.pool not in (param.MAX, param.AVE)
    check(not stochastic, layer, 'pools stochastically; only MAX and AVE are supported')
    if param.global_pooling:
        return nn.AdaptiveMaxPool2d(1) if param.pool == param.MAX else nn.AdaptiveAvgPool2d(1)
    kernel = height_width(layer, param, 'kernel', 'kernel_size', None)
    stride = height_width(layer, param, 'stride', 'stride', 1)
    pad = height_width(layer, param, 'pad', 'pad', 0)
    average = param.pool == param.AVE
    narrower = all(p < k for p, k in zip(pad, kernel, strict=True))
    check(narrower, layer, f'pads {pad} around a kernel of {kernel}; less than that at most')
    floor = param.round_mode == param.FLOOR or (param.HasField('ceil_mode') and not param.ceil_mode)
    tops = len(layer.param.top)
    if tops > 1:
        check(tops == 2 and not average and not floor, layer, 'has a top that is no mask')
        return MaxPoolingWithIndices(kernel, stride, pad)
    if floor or any(2 * p > k for p, k in zip(pad, kernel, strict=True)):
        return Pooling(average, kernel, stride, pad, floor)
    return (nn.AvgPool2d if average else nn.MaxPool2d)(kernel, stride, pad, ceil_mode=True)


class Pooling(nn.Module):
    """Pooling with any padding; Caffe cuts windows at the edge. caffe: pooling_layer.cpp.

    The output is (size + 2 padding - kernel) / stride + 1 wide, rounded up, or down if `floor`, and
    one less where padding would let the last window begin beyond the image. An average is divided
    by the part of the window that lies on the image and its padding.
    """

    def __init__(self, average: bool, kernel_size: Pair, stride: Pair, padding: Pair, floor: bool):
        super().__init__()
        self.average, self.floor = average, floor
        self.kernel_size, self.stride, self.padding = kernel_size, stride, padding

    def forward(self, input: Tensor) -> Tensor:
        counts = [self.output_size(axis, input.shape[axis + 2]) for axis in (0, 1)]
        top, left = self.padding
        bottom, right = (
            (count - 1) * stride + kernel - size - padding
            for count, stride, kernel, size, padding in zip(
                counts, self.stride, self.kernel_size, input.shape[2:], self.padding, strict=True
            )
        )
        filling = 0.0 if self.average else float('-inf')
        padded = functional.pad(input, (left, right, top, bottom), value=filling)
        if not self.average:
            return functional.max_pool2d(padded, self.kernel_size, self.stride)
        sums = functional.avg_pool2d(padded, self.kernel_size, self.stride, divisor_override=1)
        rows, columns = (
            self._lengths(axis, counts[axis], input.shape[axis + 2]).to(input) for axis in (0, 1)
        )
        return sums / (rows[:, None] * columns)

    def averaging(self) -> 'Pooling':
        """Return an average pooling of the same geometry."""
        return Pooling(True, self.kernel_size, self.stride, self.padding, self.floor)

    def output_size(self, axis: int, size: int) -> int:
        """Return the height (axis 0) or width (axis 1) of the output."""
        count = window_count(window(self, axis), size, not self.floor, clips=any(self.padding))
        if count < 1:
            raise ValueError(f'{size} pixels are too few for a window of {self.kernel_size[axis]}')
        return count

    def _lengths(self, axis: int, count: int, size: int) -> Tensor:
        """Return how much of each window lies on the image and its padding, of one axis."""
        kernel, stride, padding = self.kernel_size[axis], self.stride[axis], self.padding[axis]
        starts = torch.arange(count) * stride
        return (starts + kernel).clamp(max=size + 2 * padding) - starts

    def extra_repr(self) -> str:
        return (
            f'kernel={self.kernel_size}, stride={self.stride}, pad={self.padding},'
            f' floor={self.floor}'
        )


class MaxPoolingWithIndices(nn.Module):
    """SegNet's pooling: the second output is the index of each maximum, for Unpooling."""

    def __init__(self, kernel_size: Pair, stride: Pair, padding: Pair):
        super().__init__()
        self.kernel_size, self.stride, self.padding = kernel_size, stride, padding

    def forward(self, input: Tensor) -> tuple[Tensor, ...]:
        return functional.max_pool2d(
            input, self.kernel_size, self.stride, self.padding, ceil_mode=True, return_indices=True
        )


class Unpooling(nn.Module):
    """Put every value where it was a maximum. alexgkendall/caffe-segnet: upsample_layer.cpp."""

    def __init__(self, scale: int, size: Pair | None):
        super().__init__()
        self.scale, self.size = scale, size

    def forward(self, input: Tensor, indices: Tensor) -> Tensor:
        size = self.size or tuple(side * self.scale for side in input.shape[2:])
        return functional.max_unpool2d(input, indices, (self.scale, self.scale), output_size=size)
