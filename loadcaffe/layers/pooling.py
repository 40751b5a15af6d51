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
        check(tops == 2 and not average, layer, 'has a top that is no mask')
        return MaxPoolingWithIndices(False, kernel, stride, pad, floor)
    # torch.nn has no padding of more than half a window, and no window beyond the image.
    wide = any(2 * p > k for p, k in zip(pad, kernel, strict=True))
    sparse = any(k < s for k, s in zip(kernel, stride, strict=True)) and pad == (0, 0)
    if floor or wide or sparse:
        return Pooling(average, kernel, stride, pad, floor)
    return (nn.AvgPool2d if average else nn.MaxPool2d)(kernel, stride, pad, ceil_mode=True)


class Pooling(nn.Module):
    """Pooling with any padding; Caffe cuts windows at the edge. caffe: pooling_layer.cpp.

    The output is (size + 2 padding - kernel) / stride + 1 wide, rounded up, or down if `floor`, and
    one less where padding would let the last window begin beyond the image. Without padding it may,
    if the stride is longer than the window: its maximum is the lowest number, its average the
    quotient of 0 and its size, as in Caffe. An average is divided by the part of the window that is
    on the image and its padding.
    """

    def __init__(self, average: bool, kernel_size: Pair, stride: Pair, padding: Pair, floor: bool):
        super().__init__()
        self.average, self.floor = average, floor
        self.kernel_size, self.stride, self.padding = kernel_size, stride, padding

    def forward(self, input: Tensor) -> Tensor:
        padded = self._padded(input)
        if not self.average:
            return functional.max_pool2d(padded, self.kernel_size, self.stride)
        sums = functional.avg_pool2d(padded, self.kernel_size, self.stride, divisor_override=1)
        rows, columns = (self._lengths(axis, input.shape[axis + 2]).to(input) for axis in (0, 1))
        return sums / (rows[:, None] * columns)

    def _padded(self, input: Tensor) -> Tensor:
        """Pad the image, or cut it, to just what the windows take."""
        top, left = self.padding
        bottom, right = (
            (self.output_size(axis, size) - 1) * self.stride[axis]
            + self.kernel_size[axis]
            - size
            - self.padding[axis]
            for axis, size in enumerate(input.shape[2:])
        )
        # caffe: MaxPoolForward begins each maximum with -FLT_MAX.
        filling = 0.0 if self.average else torch.finfo(input.dtype).min
        return functional.pad(input, (left, right, top, bottom), value=filling)

    def averaging(self) -> 'Pooling':
        """Return an average pooling of the same geometry."""
        return Pooling(True, self.kernel_size, self.stride, self.padding, self.floor)

    def output_size(self, axis: int, size: int) -> int:
        """Return the height (axis 0) or width (axis 1) of the output."""
        count = window_count(window(self, axis), size, not self.floor, clips=any(self.padding))
        if count < 1:
            raise ValueError(f'{size} pixels are too few for a window of {self.kernel_size[axis]}')
        return count

    def _lengths(self, axis: int, size: int) -> Tensor:
        """Return how much of each window is on the image and its padding, along one axis."""
        kernel, stride, padding = self.kernel_size[axis], self.stride[axis], self.padding[axis]
        starts = torch.arange(self.output_size(axis, size)) * stride
        return (starts + kernel).clamp(max=size + 2 * padding) - starts

    def extra_repr(self) -> str:
        return (
            f'kernel={self.kernel_size}, stride={self.stride}, pad={self.padding},'
            f' floor={self.floor}'
        )


class MaxPoolingWithIndices(Pooling):
    """SegNet's pooling: the second output is the index of each maximum in its plane, for Unpooling.

    alexgkendall/caffe-segnet: pooling_layer.cpp.
    """

    def forward(self, input: Tensor) -> tuple[Tensor, ...]:  # type: ignore[override]
        padded = self._padded(input)
        output, indices = functional.max_pool2d(
            padded, self.kernel_size, self.stride, return_indices=True
        )
        (top, left), width = self.padding, input.shape[3]
        rows = indices.div(padded.shape[3], rounding_mode='floor') - top
        return output, rows * width + indices % padded.shape[3] - left


class Unpooling(nn.Module):
    """Put every value where it was a maximum. alexgkendall/caffe-segnet: upsample_layer.cpp.

    size: of the output; None for `scale` times the input's, less `cut`.
    """

    def __init__(self, scale: Pair, cut: Pair, size: Pair | None):
        super().__init__()
        self.scale, self.cut, self.size = scale, cut, size

    def forward(self, input: Tensor, indices: Tensor) -> Tensor:
        if input.shape != indices.shape:
            raise ValueError(f'{list(indices.shape)} indices for values of {list(input.shape)}')
        height, width = self.size or (
            side * scale - cut
            for side, scale, cut in zip(input.shape[2:], self.scale, self.cut, strict=True)
        )
        if not indices.is_meta and int(indices.max()) >= height * width:
            raise ValueError(
                f'a maximum was found beyond {height} x {width} values: the size of the pooled'
                ' features is not that of the unpooled ones'
            )
        # Where windows overlap, one of their maxima stays; in Caffe it is the last.
        output = input.new_zeros(*input.shape[:2], height * width)
        return output.scatter(2, indices.flatten(2), input.flatten(2)).unflatten(2, (height, width))

    def extra_repr(self) -> str:
        return f'scale={self.scale}' if self.size is None else f'size={self.size}'
