"""Read the attributes and inputs of an ONNX node that becomes one of Caffe's layers."""

from typing import Any

from torch import Tensor

from loadcaffe.formats import schema
from loadcaffe.formats.netparameter import Layer
from loadcaffe.formats.onnx_graph import Node, OnnxGraph
from loadcaffe.formats.schema import as_str

Pair = tuple[int, int]  # height, width


class Unsupported(Exception):
    """An operation has a property that Caffe's layer does not have."""


class Operation:
    """A node that becomes a layer. Its attributes are taken one by one, until none is left."""

    def __init__(self, node: Node, graph: OnnxGraph):
        self.node, self.tensors, self.opset = node, graph.tensors, graph.opset
        self.attributes = dict(node.attributes)
        self.arguments = [name for name in node.inputs if name and name not in graph.tensors]

    def integer(self, name: str, default: int) -> int:
        return self.attributes.pop(name).i if name in self.attributes else default

    def number(self, name: str, default: float) -> float:
        return self.attributes.pop(name).f if name in self.attributes else default

    def text(self, name: str, default: str) -> str:
        return as_str(self.attributes.pop(name).s) if name in self.attributes else default

    def integers(self, name: str, default: list[int]) -> list[int]:
        return list(self.attributes.pop(name).ints[:9]) if name in self.attributes else default

    def pair(self, name: str, default: int | None) -> Pair:
        """Return an attribute of two integers."""
        if name not in self.attributes and default is None:
            raise Unsupported(f'no {name}')
        values = self.integers(name, [default or 0] * 2)
        if len(values) != 2:
            raise Unsupported(f'{name} {values}')
        return values[0], values[1]

    def has_input(self, number: int) -> bool:
        return len(self.node.inputs) > number and bool(self.node.inputs[number])

    def is_constant(self, number: int) -> bool:
        return self.has_input(number) and self.node.inputs[number] in self.tensors

    def blob(self, number: int) -> Tensor:
        """Return an input that must be a constant tensor of floats."""
        if not self.is_constant(number):
            raise Unsupported(f'input {number} not a constant')
        return self.tensors.floats(self.node.inputs[number])

    def scalar(self, number: int, default: float) -> float:
        if not self.has_input(number):
            return default
        values = self.blob(number)
        if values.numel() != 1:
            raise Unsupported(f'input {number} of {values.numel()} numbers')
        return float(values)

    def layer(self, layer_type: str, blobs: Any = (), **param: Any) -> Layer:
        """Return a layer from the node's inputs that are not constant to its first output."""
        tops = self.node.outputs[:1]
        return make_layer(self.node.name, layer_type, self.arguments, tops, blobs, **param)


def make_layer(
    name: str, layer_type: str, bottoms: list[str], tops: list[str], blobs: Any = (), **param: Any
) -> Layer:
    message = schema.LayerParameter(name=name, type=layer_type, bottom=bottoms, top=tops, **param)
    return Layer(name, layer_type, layer_type, message, list(blobs))
