"""Read the nodes of an ONNX model, and where its tensors are.

As in a caffemodel, descriptions are parsed and numbers are stepped over. Source:
github.com/onnx/onnx, onnx.proto, IR.md.
"""

from io import BufferedReader
from pathlib import Path
from typing import Any, NamedTuple

from loadcaffe.formats.netparameter import MAX_LAYERS
from loadcaffe.formats.onnx_tensors import Tensors
from loadcaffe.formats.schema import CaffeFormatError, as_str
from loadcaffe.formats.wire import LENGTH, Field, WireFile, parse, parse_except

# Numbers of the fields that are read, and of those in them that are not parsed at once.
GRAPH, OPSET = 7, 8
NODE, INITIALIZER, INPUT, SPARSE_INITIALIZER = 1, 5, 11, 15
ATTRIBUTE = 5
NODE_APART = {ATTRIBUTE, 6, 9}  # doc_string, metadata_props
TENSOR = 5
ATTRIBUTE_APART = {TENSOR, 6, 10, 11, 13, 14, 15, 22, 23}  # graphs, types, several, doc_string
DOMAINS = ('', 'ai.onnx')
AXES = 8  # of an input
SMALL = 1 << 10  # bytes of an attribute that is parsed without a look at its fields


class Node(NamedTuple):
    """An operation. attributes: messages by name."""

    name: str
    operator: str
    domain: str
    inputs: list[str]
    outputs: list[str]
    attributes: dict[str, Any]


class OnnxGraph:
    """The network of an open ONNX file. inputs: their shapes by name, 0 for a size of any value."""

    def __init__(self, file: BufferedReader, path: str | Path):
        self.messages = _messages(path)
        self.wire = WireFile(file, path, 'an ONNX network')
        self.tensors = Tensors(self.wire, self.messages.TensorProto)
        self.nodes: list[Node] = []
        self.inputs: dict[str, list[int]] = {}
        self.opset = 0
        for field in self.wire.fields(0, self.wire.size):
            if (field.number, field.wire_type) == (GRAPH, LENGTH):
                self._read_graph(field)
            elif (field.number, field.wire_type) == (OPSET, LENGTH):
                opset = self._parse(self.messages.OperatorSetIdProto, field)
                if opset.domain in DOMAINS:
                    self.opset = max(self.opset, opset.version)

    def _parse(self, message_class: Any, field: Field) -> Any:
        self.wire.count_description(field)
        content = self.wire.bytes(field.payload, field.end)
        return parse(self.wire, message_class, content, field.payload)

    def _read_graph(self, graph: Field) -> None:
        for field in self.wire.fields(graph.payload, graph.end):
            if field.wire_type != LENGTH:
                continue
            if field.number == NODE:
                self._read_node(field)
            elif field.number == INITIALIZER:
                self.tensors.add(field)
            elif field.number == SPARSE_INITIALIZER:
                raise self.wire.error('its weights are sparse, which is not supported')
            elif field.number == INPUT:
                info = self._parse(self.messages.ValueInfoProto, field)
                sizes = info.type.tensor_type.shape.dim[:AXES]
                self.inputs[as_str(info.name)] = [size.dim_value for size in sizes]

    def _read_node(self, field: Field) -> None:
        if len(self.nodes) >= MAX_LAYERS:
            raise self.wire.error(f'not a network: it has more than {MAX_LAYERS} nodes')
        message, parts, _ = parse_except(
            self.wire, self.messages.NodeProto, field.payload, field.end, NODE_APART
        )
        inputs, outputs = list(map(as_str, message.input)), list(map(as_str, message.output))
        attributes: dict[str, Any] = {}
        for part in parts.get(ATTRIBUTE, []):
            attribute, tensor = self._read_attribute(part, message.op_type == 'Constant')
            attributes[as_str(attribute.name)] = attribute
            if tensor and outputs:
                self.tensors.add(tensor, outputs[0])
                return
        name = as_str(message.name) or next(filter(None, outputs), '')
        if not outputs:
            raise self.wire.error(f'not an ONNX network: the node {name!r} has no output')
        operator, domain = as_str(message.op_type), as_str(message.domain)
        self.nodes.append(Node(name, operator, domain, inputs, outputs, attributes))

    def _read_attribute(self, field: Field, is_constant: bool) -> tuple[Any, Field | None]:
        """Return an attribute, and the tensor in it if it is a constant's."""
        message_class = self.messages.AttributeProto
        if not is_constant and field.end - field.payload <= SMALL:
            return self._parse(message_class, field), None
        attribute, parts, _ = parse_except(
            self.wire, message_class, field.payload, field.end, ATTRIBUTE_APART
        )
        return attribute, parts[TENSOR][0] if is_constant and TENSOR in parts else None


def _messages(path: str | Path) -> Any:
    try:
        import onnx
    except ImportError as error:
        raise CaffeFormatError(
            f'{path}: an ONNX model is read with the package onnx: pip install'
            " 'neural-style-caffe[onnx]'"
        ) from error
    return onnx
