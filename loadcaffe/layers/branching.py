"""Caffe's layers that join and split blobs, as torch modules.

Each builder takes a Layer and returns a module; see layers.py.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from loadcaffe.formats.netparameter import Layer
from loadcaffe.layers.checks import refuse


class Concat(nn.Module):
    def __init__(self, axis: int):
        super().__init__()
        self.axis = axis

    def forward(self, *inputs: Tensor) -> Tensor:
        return torch.cat(inputs, self.axis)

    def extra_repr(self) -> str:
        return f'axis={self.axis}'


def concat(layer: Layer) -> nn.Module:
    """caffe: concat_layer.cpp; concat_dim is the old name of axis."""
    param = layer.param.concat_param
    old = param.HasField('concat_dim')
    refuse(layer, old and param.HasField('axis'), 'has both axis and concat_dim')
    return Concat(param.concat_dim if old else param.axis)


class Slice(nn.Module):
    """points: where the parts after the first begin; without, n equal parts."""

    def __init__(self, axis: int, points: list[int], parts: int):
        super().__init__()
        self.axis, self.points, self.parts = axis, points, parts

    def forward(self, input: Tensor) -> tuple[Tensor, ...]:
        size = input.shape[self.axis]
        if not self.points:
            if size % self.parts:
                raise ValueError(f'{size} channels cannot be cut into {self.parts} equal parts')
            return input.split(size // self.parts, self.axis)
        bounds = [0, *self.points, size]
        sizes = [b - a for a, b in zip(bounds, bounds[1:], strict=False)]
        if min(sizes) <= 0:
            raise ValueError(f'slice points {self.points} do not lie in order below {size}')
        return input.split(sizes, self.axis)


def slice_(layer: Layer) -> nn.Module:
    """caffe: slice_layer.cpp; slice_dim is the old name of axis."""
    param, parts = layer.param.slice_param, len(layer.param.top)
    old = param.HasField('slice_dim')
    refuse(layer, old and param.HasField('axis'), 'has both axis and slice_dim')
    points = list(param.slice_point)
    fits = not points or len(points) == parts - 1
    refuse(layer, not fits, f'has {len(points)} slice points for {parts} tops')
    return Slice(param.slice_dim if old else param.axis, points, parts)


class Eltwise(nn.Module):
    """operation: PROD, SUM (with a coefficient for each input) or MAX. caffe: eltwise_layer.cpp."""

    def __init__(self, operation: str, coefficients: list[float]):
        super().__init__()
        self.operation, self.coefficients = operation, coefficients

    def forward(self, *inputs: Tensor) -> Tensor:
        shapes = {tuple(one.shape) for one in inputs}
        if len(shapes) > 1:
            raise ValueError(f'inputs of shapes {sorted(shapes)} cannot be combined')
        if self.coefficients:
            inputs = tuple(k * one for k, one in zip(self.coefficients, inputs, strict=True))
        output = inputs[0]
        for one in inputs[1:]:
            if self.operation == 'SUM':
                output = output + one
            else:
                output = output * one if self.operation == 'PROD' else torch.maximum(output, one)
        return output

    def extra_repr(self) -> str:
        return ', '.join([self.operation, *(f'{k:g}' for k in self.coefficients)])


def eltwise(layer: Layer) -> nn.Module:
    param = layer.param.eltwise_param
    coefficients, inputs = list(param.coeff), len(layer.param.bottom)
    operation = {param.PROD: 'PROD', param.SUM: 'SUM', param.MAX: 'MAX'}[param.operation]
    fits = not coefficients or (operation == 'SUM' and len(coefficients) == inputs)
    text = f'has {len(coefficients)} coefficients for {operation} of {inputs} bottoms'
    refuse(layer, not fits, text)
    return Eltwise(operation, [] if set(coefficients) == {1.0} else coefficients)


class Crop(nn.Module):
    """The first input cut to the second's size, from `axis` on. caffe: crop_layer.cpp."""

    def __init__(self, axis: int, offsets: list[int]):
        super().__init__()
        self.axis, self.offsets = axis, offsets

    def forward(self, input: Tensor, like: Tensor) -> Tensor:
        axes = range(self.axis % input.dim(), input.dim())
        offsets = self.offsets * len(axes) if len(self.offsets) == 1 else self.offsets
        if len(offsets) != len(axes):
            raise ValueError(f'{len(offsets)} offsets for {len(axes)} axes')
        for axis, offset in zip(axes, offsets, strict=True):
            if offset + like.shape[axis] > input.shape[axis]:
                raise ValueError(
                    f'{like.shape[axis]} from {offset} on is beyond {input.shape[axis]}'
                )
            input = input.narrow(axis, offset, like.shape[axis])
        return input


def crop(layer: Layer) -> nn.Module:
    param = layer.param.crop_param
    return Crop(param.axis, list(param.offset) or [0])


class CropCenter(nn.Module):
    """So much less on both sides of each axis. lltcggie/waifu2x-caffe: crop_center_layer.cpp."""

    def __init__(self, sizes: list[int]):
        super().__init__()
        self.sizes = sizes

    def forward(self, input: Tensor) -> Tensor:
        for axis, size in enumerate(self.sizes):
            input = input.narrow(axis, size, input.shape[axis] - 2 * size)
        return input


def crop_center(layer: Layer) -> nn.Module:
    sizes = list(layer.param.crop_center_param.crop_size)
    refuse(layer, not sizes or min(sizes) < 0, f'has crop_size {sizes}')
    return CropCenter(sizes)


class Axpy(nn.Module):
    """a · x + y, a one number for each channel. hujie-frank/SENet: axpy_layer.cpp."""

    def forward(self, factor: Tensor, input: Tensor, addend: Tensor) -> Tensor:
        return factor.reshape(*factor.shape[:2], 1, 1) * input + addend


def axpy(layer: Layer) -> nn.Module:
    return Axpy()


JOINING: dict[str, Callable[[Layer], nn.Module]] = {
    'Axpy': axpy,
    'Concat': concat,
    'Crop': crop,
    'CropCenter': crop_center,
    'Eltwise': eltwise,
    'Slice': slice_,
}
