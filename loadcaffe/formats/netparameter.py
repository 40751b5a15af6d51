"""Describe a network, whatever its file's format, by layers in the terms of Caffe's V2."""

import functools
from dataclasses import dataclass, field
from io import BufferedReader
from pathlib import Path
from typing import Any

from torch import Tensor

from loadcaffe.formats import schema
from loadcaffe.formats.blob import from_message
from loadcaffe.formats.messages import LAYER_PARAMETERS
from loadcaffe.formats.schema import CaffeFormatError, as_str
from loadcaffe.formats.upgrade import from_v0, from_v1, merge_padding

# ResNet-1001, the deepest known network, has 4,330 layers and 5,995 blobs; more would take seconds.
MAX_LAYERS, MAX_BLOBS = 10_000, 6_000

PARAMETERS = {name for name, *_ in LAYER_PARAMETERS}
# Type of a layer -> its own parameters, where the names differ.
OWN_PARAMETERS = {
    'SoftmaxWithLoss': {'softmax_param', 'loss_param'},
    'Normalize': {'norm_param'},
    'LSTM': {'recurrent_param'},
    'RNN': {'recurrent_param'},
}
# Of a layer's own parameters those that say how it is computed, not what; some are of forks.
HARMLESS_FIELDS = {
    'cudnn_convolution_algo_seeker',
    'cudnn_math_override',
    'engine',
    'mem_group_size',
}


@dataclass
class Layer:
    """One layer, of any version, in V2's terms.

    type: V2's word, 'Convolution'; '' where V1 gives none. printed_type: what the original prints
    as its type, a number for V1. param: the LayerParameter message, without blobs. blobs: float32,
    each in its own shape. fork_specific: it has parameters that only a fork of Caffe understands.
    unknown_fields: fields of its own parameters that the schema lacks, such as
    'pooling_param: method'. ignored_fields: other fields that it lacks.
    """

    name: str
    type: str
    printed_type: str
    param: Any
    blobs: list[Tensor]
    fork_specific: bool = False
    unknown_fields: list[str] = field(default_factory=list)
    ignored_fields: list[str] = field(default_factory=list)
    v0: Any = None

    @property
    def bottoms(self) -> list[str]:
        return list(map(as_str, self.param.bottom))

    @property
    def tops(self) -> list[str]:
        return list(map(as_str, self.param.top))


@dataclass
class NetParameter:
    """A network as its file describes it.

    version: 0 for `layers { layer`, 1 for `layers`, 2 for `layer`, 3 where it is not Caffe's.
    authoritative: its layers count, whatever a prototxt says.
    """

    name: str
    version: int
    input: list[str]
    input_dim: list[int]
    input_shape: list[list[int]]
    layers: list[Layer]
    path: str | Path = ''
    authoritative: bool = False

    def weights(self) -> 'Weights':
        """Return the blobs by layer; of layers with one name the last counts, as in Caffe."""
        blobs = {layer.name: dict(enumerate(layer.blobs)) for layer in self.layers if layer.blobs}
        return Weights(blobs, self.path)


@dataclass
class Weights:
    """The blobs of a file that has no layers: name of a layer -> number -> float32.

    A layer may lack a blob that it shares with another, as in Caffe's HDF5.
    """

    blobs: dict[str, dict[int, Tensor]]
    path: str | Path = ''


def open_file(path: str | Path) -> BufferedReader:
    """Open a file for reading, unless it is a folder, which raises, or a pipe, which waits."""
    if Path(path).exists() and not Path(path).is_file():
        raise CaffeFormatError(f'{path}: not a regular file')
    try:
        return open(path, 'rb')
    except ValueError as error:  # a NUL, or what no file system can encode
        raise CaffeFormatError(f'{str(path)!r}: not a path: {error}') from error


@functools.cache
def own_parameters(layer_type: str) -> frozenset[str]:
    """Return the fields of a LayerParameter that describe layers of a type. Source: caffe.proto."""
    if layer_type in OWN_PARAMETERS:
        return frozenset(OWN_PARAMETERS[layer_type])
    if 'onvolution' in layer_type:
        return frozenset({'convolution_param'})
    short = layer_type.lower()
    names = {name for name in PARAMETERS if name.removesuffix('_param').replace('_', '') == short}
    return frozenset(names | ({'transform_param'} if layer_type.endswith('Data') else set()))


def is_text(content: bytes) -> bool:
    return not any(byte < 32 and byte not in b'\t\n\v\f\r' for byte in content)


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
