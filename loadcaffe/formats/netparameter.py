"""What the file of a network says, whatever its format: layers in the terms of Caffe's V2."""

from collections.abc import Iterable
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Any

from torch import Tensor

from loadcaffe.formats import schema
from loadcaffe.formats.blob import from_message
from loadcaffe.formats.schema import CaffeFormatError, as_str
from loadcaffe.formats.upgrade import from_v0, from_v1, merge_padding

MAX_LAYERS = 10_000  # the deepest real networks have some 1500; more would take seconds


@dataclass
class Layer:
    """One layer, of any version, in V2's terms.

    type: V2's word, 'Convolution'; '' where V1 gives none. printed_type: what the original prints
    as its type, a number for V1. param: the LayerParameter message, without blobs. blobs: float32,
    each in its own shape. fork_specific: it has parameters that only a fork of Caffe understands.
    """

    name: str
    type: str
    printed_type: str
    param: Any
    blobs: list[Tensor]
    fork_specific: bool = False
    v0: Any = None

    @property
    def bottoms(self) -> list[str]:
        return list(map(as_str, self.param.bottom))

    @property
    def tops(self) -> list[str]:
        return list(map(as_str, self.param.top))


@dataclass
class NetParameter:
    """What the file of a network says.

    version: 0 for `layers { layer`, 1 for `layers`, 2 for `layer`. weights_only: the file holds
    names and blobs, as HDF5 does, and no wiring. authoritative: its layers count, whatever a
    prototxt says.
    """

    name: str
    version: int
    input: list[str]
    input_dim: list[int]
    input_shape: list[list[int]]
    layers: list[Layer]
    path: str | Path = ''
    weights_only: bool = False
    authoritative: bool = False


def open_file(path: str | Path) -> BufferedReader:
    """Open a file for reading, unless it is a folder, which raises, or a pipe, which waits."""
    if Path(path).exists() and not Path(path).is_file():
        raise CaffeFormatError(f'{path}: not a regular file')
    return open(path, 'rb')


def is_text(content: bytes) -> bool:
    return not any(byte < 32 and byte not in b'\t\n\v\f\r' for byte in content)


def weights_only(path: str | Path, weights: Iterable[tuple[str, list[Tensor]]]) -> NetParameter:
    """Return what a file says that holds nothing but the names of layers and their blobs."""
    layers = [
        Layer(name, '', '', schema.LayerParameter(name=name), blobs) for name, blobs in weights
    ]
    return NetParameter('', 2, [], [], [], layers, path, weights_only=True)


def layer_of_message(path: str | Path, message: Any, blobs: list[Tensor]) -> Layer:
    """Return the layer that a message of any version describes, its blobs read already."""
    if isinstance(message, schema.LayerParameter):
        name, layer_type = as_str(message.name), as_str(message.type)
        return Layer(name, layer_type, layer_type, message, blobs)
    if message.HasField('layer'):
        blobs = blobs + [
            from_message(blob, f'{path}: layer {as_str(message.layer.name)!r}: blob {i}')
            for i, blob in enumerate(message.layer.blobs)
        ]
        message.layer.ClearField('blobs')
        param = from_v0(message)
        printed_type = as_str(message.layer.type)
        return Layer(param.name, param.type, printed_type, param, blobs, v0=message.layer)
    param = from_v1(message)
    return Layer(param.name, param.type, str(message.type), param, blobs)


def net_of_message(path: str | Path, message: Any, layers: list[Layer]) -> NetParameter:
    """Return the network that a NetParameter message describes, its layers read already."""
    if not layers:
        raise CaffeFormatError(f'{path}: not a Caffe network: it has no layers')
    version = 1 if layers[0].printed_type.isdigit() else 2
    if any(layer.v0 is not None for layer in layers):
        version, layers = 0, merge_padding(layers, str(path))
    shapes = [list(shape.dim) for shape in message.input_shape]
    inputs, dims = [as_str(name) for name in message.input], list(message.input_dim)
    return NetParameter(as_str(message.name), version, inputs, dims, shapes, layers, path)
