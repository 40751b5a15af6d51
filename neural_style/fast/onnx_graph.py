"""ONNX graphs: nodes and constants, put together by arithmetic."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from torch import Tensor

OPSET, IR_VERSION = 17, 8  # of 2022


class Value:
    """A value of a graph; arithmetic with it adds nodes.  Numbers are taken as float32."""

    def __init__(self, graph: Graph, name: str):
        self.graph, self.name = graph, name

    def _with(self, operator: str, other: Value | float) -> Value:
        if not isinstance(other, Value):
            other = self.graph.constant(np.array(other, np.float32))
        return self.graph.node(operator, [self, other])

    def __add__(self, other: Value | float) -> Value:
        return self._with('Add', other)

    add = __add__

    def __sub__(self, other: Value | float) -> Value:
        return self._with('Sub', other)

    def __mul__(self, other: Value | float) -> Value:
        return self._with('Mul', other)

    def __truediv__(self, other: Value | float) -> Value:
        return self._with('Div', other)

    def __matmul__(self, other: Value) -> Value:
        return self._with('MatMul', other)

    def tanh(self) -> Value:
        return self.graph.node('Tanh', [self])

    def relu(self) -> Value:
        return self.graph.node('Relu', [self])

    def sqrt(self) -> Value:
        return self.graph.node('Sqrt', [self])

    def transposed(self, *order: int) -> Value:
        return self.graph.node('Transpose', [self], perm=list(order))

    def reshaped(self, *shape: int) -> Value:
        return self.graph.node('Reshape', [self, self.graph.constant(np.array(shape, np.int64))])

    def sum(self, *axes: int) -> Value:
        """Return the sum over some axes, whose length becomes 1."""
        return self.graph.node('ReduceSum', [self, self.graph.constant(np.array(axes))])

    def split(self, *lengths: int) -> list[Value]:
        """Cut the first axis into parts of some lengths."""
        inputs = [self, self.graph.constant(np.array(lengths))]
        return self.graph.nodes_of('Split', inputs, len(lengths), axis=0)

    def cast(self, dtype: Any) -> Value:
        from onnx import helper

        return self.graph.node('Cast', [self], to=helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))

    def length(self, axis: int) -> Value:
        """Return the length of an axis, an integer."""
        shape = self.graph.node('Shape', [self])
        return self.graph.node('Gather', [shape, self.graph.number(axis)])


class Graph:
    """Nodes and constants of an ONNX graph.  Its branches share its constants."""

    def __init__(self, parent: Graph | None = None) -> None:
        self.operations: list[Any] = []
        self.constants: dict[tuple[Any, ...], Any] = parent.constants if parent else {}
        self.count: itertools.count[int] = parent.count if parent else itertools.count()

    def value(self, name: str = '') -> Value:
        """Return the value of a name, by default a new one."""
        return Value(self, name or f'value_{next(self.count)}')

    def constant(self, array: np.ndarray | Tensor) -> Value:
        """Return a constant; equal ones are stored once."""
        from onnx import numpy_helper

        array = np.asarray(array.detach() if isinstance(array, Tensor) else array, order='C')
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self.constants:
            name = f'constant_{len(self.constants)}'
            self.constants[key] = numpy_helper.from_array(array, name)
        return self.value(self.constants[key].name)

    def number(self, number: int) -> Value:
        return self.constant(np.array(number))

    def double(self, number: float) -> Value:
        return self.constant(np.array(number, np.float64))

    def node(
        self, operator: str, inputs: Sequence[Value | None], output: str = '', **attributes: Any
    ) -> Value:
        """Add an operation with one result; an input of None is left out."""
        return self.nodes_of(operator, inputs, 1, output, **attributes)[0]

    def nodes_of(
        self,
        operator: str,
        inputs: Sequence[Value | None],
        results: int,
        output: str = '',
        **attributes: Any,
    ) -> list[Value]:
        """Add an operation with a number of results."""
        from onnx import helper

        outputs = [self.value(output) for _ in range(results)]
        names = ['' if value is None else value.name for value in inputs]
        node = helper.make_node(operator, names, [x.name for x in outputs], **attributes)
        self.operations.append(node)
        return outputs

    def convolution(
        self,
        x: Value,
        weight: Tensor | Value,
        bias: Tensor | Value | None = None,
        stride: int = 1,
        sides: Sequence[int] = (3, 3),
    ) -> Value:
        """Convolve, with zeros around that keep the size.  sides: of a kernel that is a value."""
        if isinstance(weight, Tensor):
            sides, weight = list(weight.shape[2:]), self.constant(weight)
        if isinstance(bias, Tensor):
            bias = self.constant(bias)
        return self.node(
            'Conv',
            [x, weight, bias][: 2 if bias is None else 3],
            kernel_shape=sides,
            strides=[stride, stride],
            pads=[side // 2 for side in sides] * 2,
        )

    def choice(
        self,
        condition: Value,
        shape: list[int],
        then: Callable[[Graph], Value],
        otherwise: Callable[[Graph], Value],
    ) -> Value:
        """Return a value of a shape that one of two functions computes, in graphs of their own."""
        graphs = []
        for function in (then, otherwise):
            graph = Graph(self)
            result = graph.node('Identity', [function(graph)])
            graphs.append(graph.finished([], [typed(result, shape)]))
        return self.node('If', [condition], then_branch=graphs[0], else_branch=graphs[1])

    def loop(
        self,
        step: Callable[[Graph, list[Value]], tuple[Value, list[Value]]],
        state: list[Value],
        shape: list[int],
        most: int,
    ) -> list[Value]:
        """Repeat a step while it says so; returns the last state: float64 values of a shape.

        step: takes a graph and the state; returns whether to go on, a boolean, and a new state.
        """
        graph = Graph(self)
        count, condition, *before = (graph.value() for _ in range(len(state) + 2))
        goes_on, after = step(graph, before)
        body = graph.finished(
            [typed(count, [], np.int64), typed(condition, [], np.bool_)]
            + [typed(value, shape, np.float64) for value in before],
            [typed(goes_on, [], np.bool_)] + [typed(value, shape, np.float64) for value in after],
        )
        return self.nodes_of('Loop', [self.number(most), None, *state], len(state), body=body)

    def finished(
        self,
        inputs: list[Any],
        outputs: list[Any],
        name: str = 'branch',
        constants: Sequence[Any] = (),
    ) -> Any:
        """Return the graph as onnx has it."""
        from onnx import helper

        return helper.make_graph(self.operations, name, inputs, outputs, constants)

    def model(self, name: str, inputs: list[Any], outputs: list[Any]) -> Any:
        """Return the model as onnx has it.  inputs, outputs: as typed describes them."""
        from onnx import helper

        graph = self.finished(inputs, outputs, name, [*self.constants.values()])
        opset = [helper.make_opsetid('', OPSET)]
        return helper.make_model(
            graph, opset_imports=opset, ir_version=IR_VERSION, producer_name='neural_style'
        )


def typed(value: Value, shape: Sequence[int | str], dtype: Any = np.float32) -> Any:
    """Describe a value that goes into a graph, or comes out of it."""
    from onnx import helper

    kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    return helper.make_tensor_value_info(value.name, kind, shape)
