"""Trained styles as ONNX models, which other programs run: browsers, phones, onnxruntime.

The model takes an image of any size, (1, 3, H, W), RGB, in [0, 1], and returns as much; that of
several styles takes their weights as well, (S,), with a sum of 1.
"""

from pathlib import Path
from typing import Any, cast

import numpy as np
from torch import Tensor

from neural_style.fast.bands import UNIT
from neural_style.fast.trained import MARGIN, TrainedStyle
from neural_style.fast.transformation import EPSILON, Layer
from neural_style.files.atomic import write_whole

OPSET, IR_VERSION = 17, 8  # of 2022


def save_onnx(trained: TrainedStyle, path: str | Path) -> None:
    """Write a trained style as an ONNX model, whole or not at all.

    Raises OSError, and ModuleNotFoundError without the onnx package.
    """
    write_whole(path, onnx_model(trained).SerializeToString())


def onnx_model(trained: TrainedStyle) -> Any:
    """Return the model as onnx has it."""
    graph = _Graph()
    network, styles = trained.network.cpu().float(), trained.network.shape.styles
    image = graph.value('image')

    def call(layer: Layer, x: _Value) -> _Value:
        if layer.enlarges:
            scales = graph.constant(np.array([1, 1, 2, 2], np.float32))
            x = graph.node(
                'Resize',
                [x, None, scales],
                mode='nearest',
                nearest_mode='floor',
                coordinate_transformation_mode='asymmetric',
            )
        convolution = layer.convolution
        x = graph.convolution(x, convolution.weight, None, convolution.stride[0])
        scale, shift = (graph.mixture(table, styles) for table in (layer.scale, layer.shift))
        x = graph.node('InstanceNormalization', [x, scale, shift], epsilon=EPSILON)
        return graph.node('Relu', [x]) if layer.rectifies else x

    def paint(x: _Value) -> _Value:
        return graph.convolution(x, network.paint.weight, network.paint.bias, 1)

    # the values of a graph do what the network does with tensors
    run = cast(Any, network.run)
    painted = run(_reflected(graph, image), call, paint)
    sizes = graph.node('Slice', [graph.node('Shape', [image]), *graph.integers([2], [4])])
    margin = graph.constant(np.array([MARGIN, MARGIN]))
    ends = graph.node('Add', [sizes, margin])
    (axes,) = graph.integers([2, 3])
    cropped = graph.node('Slice', [painted, margin, ends, axes])
    limits = [graph.constant(np.array(limit, np.float32)) for limit in (0, 1)]
    graph.node('Clip', [cropped, *limits], output='painted')
    return graph.model(styles)


def _reflected(graph: '_Graph', image: '_Value') -> '_Value':
    """Continue an image as bands.reflected does, by a margin and to whole units."""
    number = graph.number
    shape = graph.node('Shape', [image])
    for axis in (2, 3):
        size = graph.node('Gather', [shape, number(axis)])
        units = graph.node('Div', [size + number(2 * MARGIN + UNIT - 1), number(UNIT)])
        total = units * number(UNIT)
        period = graph.node('Max', [size * number(2) - number(2), number(1)])
        places = graph.node('Range', [number(0), total, number(1)]) - number(MARGIN)
        forward = graph.node('Mod', [places, period])
        index = graph.node('Min', [forward, period - forward])
        image = graph.node('Gather', [image, index], axis=axis)
    return image


class _Value:
    """A value of a graph; arithmetic with it adds nodes."""

    def __init__(self, graph: '_Graph', name: str):
        self.graph, self.name = graph, name

    def _with(self, operator: str, other: '_Value | float') -> '_Value':
        if not isinstance(other, _Value):
            other = self.graph.constant(np.array(other, np.float32))
        return self.graph.node(operator, [self, other])

    def __add__(self, other: '_Value | float') -> '_Value':
        return self._with('Add', other)

    add = __add__

    def __sub__(self, other: '_Value | float') -> '_Value':
        return self._with('Sub', other)

    def __mul__(self, other: '_Value | float') -> '_Value':
        return self._with('Mul', other)

    def tanh(self) -> '_Value':
        return self.graph.node('Tanh', [self])


class _Graph:
    """Nodes and constants of an ONNX graph."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def value(self, name: str) -> _Value:
        return _Value(self, name)

    def constant(self, array: np.ndarray) -> _Value:
        from onnx import numpy_helper

        name = f'constant_{len(self.constants)}'
        self.constants.append(numpy_helper.from_array(array, name))
        return self.value(name)

    def number(self, number: int) -> _Value:
        return self.constant(np.array(number))

    def integers(self, *values: list[int]) -> list[_Value]:
        return [self.constant(np.array(value)) for value in values]

    def node(
        self, operator: str, inputs: list[Any], output: str | None = None, **attributes: Any
    ) -> _Value:
        """Add an operation; an input of None is left out."""
        from onnx import helper

        output = output or f'value_{len(self.nodes)}'
        names = ['' if value is None else value.name for value in inputs]
        self.nodes.append(helper.make_node(operator, names, [output], **attributes))
        return self.value(output)

    def convolution(self, x: _Value, weight: Tensor, bias: Tensor | None, stride: int) -> _Value:
        arrays = [value.detach().numpy() for value in (weight, bias) if value is not None]
        sides = list(weight.shape[2:])
        return self.node(
            'Conv',
            [x, *map(self.constant, arrays)],
            kernel_shape=sides,
            strides=[stride, stride],
            pads=[side // 2 for side in sides] * 2,
        )

    def mixture(self, table: Tensor, styles: int) -> _Value:
        """Return the numbers of the styles (S, C), mixed by their weights: (C,)."""
        if styles == 1:
            return self.constant(table.detach()[0].numpy())
        return self.node('MatMul', [self.value('weights'), self.constant(table.detach().numpy())])

    def model(self, styles: int) -> Any:
        from onnx import TensorProto, helper

        kind, sides = TensorProto.FLOAT, ['height', 'width']
        inputs = [helper.make_tensor_value_info('image', kind, [1, 3, *sides])]
        if styles > 1:
            inputs.append(helper.make_tensor_value_info('weights', kind, [styles]))
        outputs = [helper.make_tensor_value_info('painted', kind, [1, 3, *sides])]
        graph = helper.make_graph(self.nodes, 'style', inputs, outputs, self.constants)
        opset = [helper.make_opsetid('', OPSET)]
        return helper.make_model(
            graph, opset_imports=opset, ir_version=IR_VERSION, producer_name='neural_style'
        )
