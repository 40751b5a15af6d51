"""Caffe's layers that rearrange or sum up a blob, as torch modules.

Each builder takes a Layer and returns a module; see loadcaffe/layers/__init__.py.
"""

import math

import torch
from torch import Tensor, nn

from loadcaffe.formats.netparameter import Layer
from loadcaffe.layers.checks import check


class Reshape(nn.Module):
    """Reshape: 0 keeps a size, -1 takes what remains. caffe: reshape_layer.cpp."""

    def __init__(self, shape: list[int], axis: int, count: int):
        super().__init__()
        self.shape, self.axis, self.count = shape, axis, count

    def forward(self, input: Tensor) -> Tensor:
        start = self.axis if self.axis >= 0 else input.dim() + self.axis + 1
        end = input.dim() if self.count == -1 else start + self.count
        sizes = list(input.shape)
        shape = [sizes[start + i] if size == 0 else size for i, size in enumerate(self.shape)]
        return input.reshape([*sizes[:start], *shape, *sizes[end:]])

    def extra_repr(self) -> str:
        return ', '.join(map(str, self.shape))


def reshape(layer: Layer) -> nn.Module:
    param = layer.param.reshape_param
    shape = list(param.shape.dim)
    possible = shape.count(-1) <= 1 and min(shape, default=0) >= -1
    check(possible, layer, f'has the shape {shape}')
    return Reshape(shape, param.axis, param.num_axes)


def flatten(layer: Layer) -> nn.Module:
    param = layer.param.flatten_param
    return nn.Flatten(param.axis, param.end_axis)


class Permute(nn.Module):
    """Reorder axes; those that are not named follow in order. SSD's caffe: permute_layer.cpp."""

    def __init__(self, order: list[int]):
        super().__init__()
        self.order = order

    def forward(self, input: Tensor) -> Tensor:
        others = [axis for axis in range(input.dim()) if axis not in self.order]
        return input.permute(*self.order, *others)

    def extra_repr(self) -> str:
        return ', '.join(map(str, self.order))


def permute(layer: Layer) -> nn.Module:
    order = list(layer.param.permute_param.order)
    check(order and len(set(order)) == len(order), layer, f'has the order {order}')
    return Permute(order)


class Tile(nn.Module):
    def __init__(self, axis: int, tiles: int):
        super().__init__()
        self.axis, self.tiles = axis, tiles

    def forward(self, input: Tensor) -> Tensor:
        return torch.cat([input] * self.tiles, self.axis)


def tile(layer: Layer) -> nn.Module:
    param = layer.param.tile_param
    check(0 < param.tiles < 1 << 16, layer, f'has {param.tiles} tiles')
    return Tile(param.axis, param.tiles)


class Reduction(nn.Module):
    """Reduce all axes from `axis` on to one number. caffe: reduction_layer.cpp."""

    def __init__(self, operation: str, axis: int, coefficient: float):
        super().__init__()
        self.operation, self.axis, self.coefficient = operation, axis, coefficient

    def forward(self, input: Tensor) -> Tensor:
        axis = self.axis % input.dim()
        flat = input.reshape(*input.shape[:axis], math.prod(input.shape[axis:]))
        if self.operation == 'ASUM':
            flat = flat.abs()
        elif self.operation == 'SUMSQ':
            flat = flat.square()
        output = flat.mean(-1) if self.operation == 'MEAN' else flat.sum(-1)
        return output * self.coefficient


def reduction(layer: Layer) -> nn.Module:
    param = layer.param.reduction_param
    names = {param.SUM: 'SUM', param.ASUM: 'ASUM', param.SUMSQ: 'SUMSQ', param.MEAN: 'MEAN'}
    return Reduction(names[param.operation], param.axis, param.coeff)


class ShuffleChannel(nn.Module):
    """Shuffle channels as ShuffleNet: channel c of group g becomes channel g of group c."""

    def __init__(self, groups: int):
        super().__init__()
        self.groups = groups

    def forward(self, input: Tensor) -> Tensor:
        return nn.functional.channel_shuffle(input, self.groups)


def shuffle_channel(layer: Layer) -> nn.Module:
    groups = layer.param.shuffle_channel_param.group
    check(0 < groups < 1 << 31, layer, f'has {groups} groups')
    return ShuffleChannel(groups)


class ArgMax(nn.Module):
    """Return the indices of the largest values, or these, or both. caffe: argmax_layer.cpp."""

    def __init__(self, count: int, axis: int | None, values: bool):
        super().__init__()
        self.count, self.axis, self.values = count, axis, values

    def forward(self, input: Tensor) -> Tensor:
        if self.axis is not None:
            values, indices = input.topk(self.count, self.axis)
            return values if self.values else indices.to(input)
        values, indices = input.flatten(1).topk(self.count, 1)
        outputs = [indices.to(input), values] if self.values else [indices.to(input)]
        stacked = torch.stack(outputs, 1)  # (N, 1 or 2, count)
        return stacked[..., None] if input.dim() > 3 else stacked


def argmax(layer: Layer) -> nn.Module:
    param = layer.param.argmax_param
    check(0 < param.top_k < 1 << 31, layer, f'has top_k {param.top_k}')
    return ArgMax(param.top_k, param.axis if param.HasField('axis') else None, param.out_max_val)
