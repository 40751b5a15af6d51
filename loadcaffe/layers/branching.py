"""Caffe's layers that join and split blobs, as torch modules.

Each builder takes a Layer and returns a module; see loadcaffe/layers/__init__.py.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from loadcaffe.formats.netparameter import Layer
from loadcaffe.layers.checks import check


def different_shapes(inputs: Sequence[Tensor]) -> str:
    shapes = dict.fromkeys(' x '.join(map(str, input.shape)) for input in inputs)
    return f'inputs of {" and ".join(shapes)} cannot be combined'


class Concat(nn.Module):
    def __init__(self, axis: int):
        super().__init__()
        self.axis = axis

    def forward(self, *inputs: Tensor) -> Tensor:
        axis, axes = self.axis, inputs[0].dim()
        if not -axes <= axis < axes:
            raise ValueError(f'there is no axis {axis} to join inputs of {axes} axes along')
        axis %= axes
        if len({(*input.shape[:axis], *input.shape[axis + 1 :]) for input in inputs}) > 1:
            raise ValueError(different_shapes(inputs))
        return torch.cat(inputs, axis)

    def extra_repr(self) -> str:
        return f'axis={self.axis}'


def concat(layer: Layer) -> nn.Module:
    """caffe: concat_layer.cpp; concat_dim is the old name of axis."""
    param = layer.param.concat_param
    has_old_name = param.HasField('concat_dim')
    both = has_old_name and param.HasField('axis')
    check(not both, layer, 'has both axis and concat_dim')
    return Concat(param.concat_dim if has_old_name else param.axis)


class Slice(nn.Module):
    """Split at `points`, where the parts after the first begin; without, into equal parts."""

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
    has_old_name = param.HasField('slice_dim')
    both = has_old_name and param.HasField('axis')
    check(not both, layer, 'has both axis and slice_dim')
    points = list(param.slice_point)
    fits = not points or len(points) == parts - 1
    check(fits, layer, f'has {len(points)} slice points for {parts} tops')
    return Slice(param.slice_dim if has_old_name else param.axis, points, parts)


class Eltwise(nn.Module):
    """Combine inputs: PROD, SUM (a coefficient for each input) or MAX. caffe: eltwise_layer.cpp."""

    def __init__(self, operation: str, coefficients: list[float]):
        super().__init__()
        self.operation, self.coefficients = operation, coefficients

    def forward(self, *inputs: Tensor) -> Tensor:
        if len({input.shape for input in inputs}) > 1:
            raise ValueError(different_shapes(inputs))
        if self.coefficients:
            inputs = tuple(k * input for k, input in zip(self.coefficients, inputs, strict=True))
        output = inputs[0]
        for input in inputs[1:]:
            if self.operation == 'SUM':
                output = output + input
            elif self.operation == 'PROD':
                output = output * input
            else:
                output = torch.maximum(output, input)
        return output

    def extra_repr(self) -> str:
        return ', '.join([self.operation, *(f'{k:g}' for k in self.coefficients)])


def eltwise(layer: Layer) -> nn.Module:
    param = layer.param.eltwise_param
    coefficients, inputs = list(param.coeff), len(layer.param.bottom)
    operation = {param.PROD: 'PROD', param.SUM: 'SUM', param.MAX: 'MAX'}[param.operation]
    fits = not coefficients or (operation == 'SUM' and len(coefficients) == inputs)
    problem = f'has {len(coefficients)} coefficients for {operation} of {inputs} bottoms'
    check(fits, layer, problem)
    return Eltwise(operation, [] if set(coefficients) == {1.0} else coefficients)


class Axpy(nn.Module):
    """Compute a · x + y, a one number for each channel. hujie-frank/SENet: axpy_layer.cpp."""

    def forward(self, factor: Tensor, input: Tensor, addend: Tensor) -> Tensor:
        if input.shape != addend.shape or factor.shape[:2] != input.shape[:2]:
            raise ValueError(different_shapes((factor, input, addend)))
        return factor.reshape(*factor.shape[:2], 1, 1) * input + addend


def axpy(layer: Layer) -> nn.Module:
    return Axpy()
