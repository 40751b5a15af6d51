"""Torch7's nn: how print(net) writes a network, and its Dropout."""

from typing import Any

import torch
from torch import Tensor

from loadcaffe.graph import Graph
from neural_style.torch7.random import Generator


def describe(module: torch.nn.Module, backend: str = 'nn') -> str:
    """Return the lines that print(net) writes for a network, without the last newline.

    module: a tree of torch.nn.Sequential, or a Graph, which is written as nngraph's gModule would
        be if it were readable.  Layers have Torch7's names; any others (the losses) are written
        as 'nn.' and their class names.
    backend: 'nn', or 'cudnn' to name the layers that loadcaffe then takes from cudnn.
    Source: the __tostring__ functions of nn.
    """
    if isinstance(module, Graph):
        return _graph(module, backend)
    if isinstance(module, torch.nn.Sequential):
        return _sequential(module, backend)
    if isinstance(module, GPU):
        return f'nn.GPU({module.device_number}) @ {describe(module.chunk, backend)}'
    description, has_cudnn = _describe_layer(module)
    return f'cudnn.{description}' if has_cudnn and backend == 'cudnn' else f'nn.{description}'


def _sequential(module: torch.nn.Sequential, backend: str) -> str:
    """Describe a container.  Source: nn/Sequential.lua: __tostring__."""
    steps = ' -> '.join(['input', *(f'({i})' for i in range(1, len(module) + 1)), 'output'])
    lines = ['nn.Sequential {', f'[{steps}]']
    lines += [f'({i}): {describe(layer, backend)}' for i, layer in enumerate(module, 1)]
    return '\n'.join(lines).replace('\n', '\n  ') + '\n}'


def _graph(module: Graph, backend: str) -> str:
    """Write a layer a line, with the numbers of its inputs, except for the layer before it."""
    lines = ['nn.gModule {']
    for number, (layer, sources) in enumerate(zip(module, module.sources, strict=True), 1):
        inputs = ['input' if source < 0 else f'({source + 1})' for source, _ in sources]
        follows = [source + 1 for source, _ in sources] == [number - 1] and number > 1
        line = f'({number}): {describe(layer, backend)}'
        lines.append(line if follows else f'{line} <- {", ".join(inputs)}')
    return '\n'.join(lines).replace('\n', '\n  ') + '\n}'


def _describe_layer(module: torch.nn.Module) -> tuple[str, bool]:
    """Return a layer's text without its package, and whether loadcaffe takes it from cudnn."""
    match module:
        case torch.nn.Conv2d():
            return _convolution(module), True
        # loadcaffe's cudnn pooling is in ceil mode; -pooling avg puts in nn's, in floor mode
        case torch.nn.MaxPool2d():
            return _pooling('SpatialMaxPooling', module), module.ceil_mode
        case torch.nn.AvgPool2d():
            return _pooling('SpatialAveragePooling', module), module.ceil_mode
        case torch.nn.ReLU():
            return 'ReLU', True
        case torch.nn.Tanh():
            return 'Tanh', True
        case torch.nn.Sigmoid():
            return 'Sigmoid', True
        case torch.nn.LocalResponseNorm():
            return 'SpatialCrossMapLRN', True
        case torch.nn.Softmax():
            return 'SoftMax', True
        case torch.nn.Flatten():
            return 'View(-1)', False
        case torch.nn.Linear():
            sizes = f'Linear({module.in_features} -> {module.out_features})'
            return sizes + _without_bias(module), False
        case torch.nn.Dropout() | Dropout():
            return f'Dropout({module.p:f})', False
    return type(module).__name__, False


def _convolution(module: torch.nn.Conv2d) -> str:
    """Describe a convolution.  Source: nn/SpatialConvolution.lua: __tostring__."""
    kernel, stride = _width_height(module.kernel_size), _width_height(module.stride)
    padding = _padding(module)
    geometry = f'{module.in_channels} -> {module.out_channels}, {kernel[0]}x{kernel[1]}'
    if stride != (1, 1) or padding:
        geometry += f', {stride[0]},{stride[1]}{padding}'
    return f'SpatialConvolution({geometry})' + _without_bias(module)


def _pooling(name: str, module: Any) -> str:
    """Describe a pooling.  Source: nn/SpatialMaxPooling.lua, SpatialAveragePooling.lua."""
    kernel, stride = _width_height(module.kernel_size), _width_height(module.stride)
    return f'{name}({kernel[0]}x{kernel[1]}, {stride[0]},{stride[1]}{_padding(module)})'


def _padding(module: Any) -> str:
    width, height = _width_height(module.padding)
    return f', {width},{height}' if width or height else ''


def _width_height(size: Any) -> tuple[int, int]:
    """Turn torch.nn's (height, width), or one number for both, into Torch7's order."""
    height, width = (size, size) if isinstance(size, int) else size
    return width, height


def _without_bias(module: Any) -> str:
    return ' without bias' if module.bias is None else ''


class GPU(torch.nn.Module):
    """Torch7's wrapper of the part of a network that is on one device; only for printing.

    device_number: from 1.  Source: nn/GPU.lua.
    """

    def __init__(self, device_number: int, chunk: torch.nn.Module) -> None:
        super().__init__()
        self.device_number = device_number
        self.chunk = chunk


class Dropout(torch.nn.Module):
    """Dropout in training mode, always: neural_style.lua never calls evaluate().

    p: the share dropped, in [0, 1); what stays is divided by 1 - p.  Each forward pass draws one
    number per element of its input, in element order, from the generator; nothing if p is 0.
    Source: nn/Dropout.lua.
    """

    def __init__(self, p: float, generator: Generator) -> None:
        super().__init__()
        if not 0 <= p < 1:
            raise ValueError(f'dropout {p}: must be >= 0 and < 1')
        self.p = p
        self.generator = generator

    def forward(self, input: Tensor) -> Tensor:
        if self.p == 0:
            return input
        noise = self.generator.bernoulli(1 - self.p, *input.shape) / (1 - self.p)
        return input * noise.to(input)


def has_dropout(network: torch.nn.Module) -> bool:
    """Tell whether a network draws random numbers."""
    return any(isinstance(layer, Dropout) for layer in network.modules())
