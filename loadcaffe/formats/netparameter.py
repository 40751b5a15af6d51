"""Caffe's files: .prototxt (text) and .caffemodel (binary) to one NetParameter.

Source: caffe.proto; loadcaffe.cpp: ReadProtoFromTextFile, ReadProtoFromBinaryFile.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from loadcaffe.formats import schema
from loadcaffe.formats.blob import from_message, read_blob
from loadcaffe.formats.messages import LAYER_PARAMETERS, TEXT_ONLY
from loadcaffe.formats.prototxt import PROTOTXT_BYTES, parse_text
from loadcaffe.formats.schema import CaffeFormatError
from loadcaffe.formats.upgrade import from_v0, from_v1, merge_padding, text
from loadcaffe.formats.wire import Field, WireFile, parse, parse_rest

LAYERS = 10_000  # the deepest real networks have some 1500; of more, no seconds are spent
NUMBERS = {
    message: {field.name: field.number for field in message.DESCRIPTOR.fields}
    for message in (schema.NetParameter, schema.LayerParameter, schema.V1LayerParameter)
}
BLOBS_OF_V0 = schema.V0LayerParameter.DESCRIPTOR.fields_by_name['blobs'].number
PARAMETERS = {name for name, *_ in LAYER_PARAMETERS}
# Type of a layer -> its own parameters, where the names differ.
OWN = {
    'SoftmaxWithLoss': {'softmax_param', 'loss_param'},
    'Normalize': {'norm_param'},
    'LSTM': {'recurrent_param'},
    'RNN': {'recurrent_param'},
}


@dataclass
class Layer:
    """One layer, of any version, in V2's terms."""

    name: str
    type: str  # V2's word: 'Convolution'; '' where V1 gives none
    printed_type: str  # what the original prints as its type: V1 the number, V2 the word
    param: Any  # the LayerParameter message, without blobs
    blobs: list[Tensor]  # float32, each in its own shape
    foreign: bool = False  # there are parameters of it that only a fork of Caffe understands
    v0: Any = None


@dataclass
class NetParameter:
    """What a network's file says."""

    name: str
    version: int  # 0: `layers { layer`, 1: `layers`, 2: `layer`
    input: list[str]
    input_dim: list[int]
    input_shape: list[list[int]]
    layers: list[Layer]
    path: str | Path = ''
    weights_only: bool = False  # names and blobs, as HDF5 has them: no wiring
    settled: bool = False  # its layers are sure, whatever a prototxt says


def weights_only(path: str | Path, blobs: Iterable[tuple[str, list[Tensor]]]) -> NetParameter:
    """What a file says that holds nothing but the names of layers and their blobs."""
    layers = [Layer(name, '', '', schema.LayerParameter(name=name), own) for name, own in blobs]
    return NetParameter('', 2, [], [], [], layers, path, weights_only=True)


def read(path: str | Path) -> NetParameter:
    """Read a network: text where the file is text and is not named .caffemodel, else binary.

    Raises FileNotFoundError, CaffeFormatError.
    """
    path = Path(path)
    with open_file(path) as file:
        is_text = path.suffix != '.caffemodel' and _is_text(file.read(4096))
    return read_prototxt(path) if is_text else read_caffemodel(path)


def read_prototxt(path: str | Path) -> NetParameter:
    """Read a network from Caffe's text format. Fields that the schema does not have are skipped."""
    with open_file(path) as file:
        content = file.read(PROTOTXT_BYTES + 1)
    if not _is_text(content):
        raise CaffeFormatError(f'{path}: not a prototxt: it is binary')
    return parse_prototxt(content.decode('utf-8-sig', 'replace'), path)


def parse_prototxt(content: str, path: str | Path) -> NetParameter:
    """The network that a prototxt's content says. Faults are told with line and column."""
    net = parse_text(content, path)
    if len(net.layers or net.layer) > LAYERS:
        raise CaffeFormatError(f'{path}: not a Caffe network: it has more than {LAYERS} layers')
    layers = []
    for message in net.layers or net.layer:
        name = message.name or (message.layer.name if net.layers else '')
        blobs = [
            from_message(blob, f'{path}: layer {text(name)!r}: blob {i}')
            for i, blob in enumerate(message.blobs)
        ]
        message.ClearField('blobs')
        layers.append(_layer(path, message, blobs))
    return _net(path, net, layers)


def read_caffemodel(path: str | Path) -> NetParameter:
    """Read a network and its weights from Caffe's binary format.

    Each blob's floats go from the file into the memory of its tensor, so that reading takes the
    memory of the weights and no more.
    """
    with open_file(path) as file:
        wire = WireFile(file, path)
        _refuse_other_formats(wire)
        numbers = NUMBERS[schema.NetParameter]
        found: dict[int, list[Field]] = {numbers['layers']: [], numbers['layer']: []}
        net = parse_rest(wire, schema.NetParameter, 0, wire.size, found)
        # loadcaffe.cpp: convertProtoToLua: any V1 layer makes it a V1 network.
        v1 = found[numbers['layers']]
        kind = schema.V1LayerParameter if v1 else schema.LayerParameter
        fields = v1 or found[numbers['layer']]
        if len(fields) > LAYERS:
            raise wire.error(f'not a Caffe network: it has more than {LAYERS} layers')
        layers = [_read_layer(wire, kind, field) for field in fields]
    return _net(path, net, layers)


def open_file(path):
    # Opening a folder or a pipe raises or waits; neither holds a network.
    if Path(path).exists() and not Path(path).is_file():
        raise CaffeFormatError(f'{path}: not a regular file')
    return open(path, 'rb')


def _is_text(content: bytes) -> bool:
    return not any(byte < 32 and byte not in b'\t\n\v\f\r' for byte in content)


def _refuse_other_formats(wire: WireFile) -> None:
    """Name the files that people have in place of a caffemodel."""
    content = wire.bytes(0, min(4096, wire.size))
    start = content.lstrip(b'\xef\xbb\xbf \t\r\n').lower()
    if not content:
        raise wire.error('not a caffemodel: the file is empty')
    if start.startswith(b'version https://git-lfs'):
        raise wire.error('not a caffemodel but a Git LFS pointer to one: run git lfs pull')
    if start.startswith((b'<!doctype', b'<html', b'<?xml', b'<head', b'<body')):
        raise wire.error('not a caffemodel but a web page: download the file again')
    if start.startswith((b'pk\3\4', b'\x1f\x8b', b'bzh', b'7z\xbc\xaf', b'rar!')):
        raise wire.error('not a caffemodel but an archive: unpack it')
    if content.startswith(b'\x89HDF\r\n\x1a\n'):
        raise wire.error('not a binary caffemodel but HDF5')
    if _is_text(content):
        raise wire.error('not a caffemodel: it is text; is it the prototxt?')


def own_parameters(kind: str) -> set[str]:
    """The fields of a LayerParameter that speak of layers of a kind. caffe.proto."""
    if kind in OWN:
        return OWN[kind]
    if 'onvolution' in kind:
        return {'convolution_param'}
    short = kind.lower()
    own = {name for name in PARAMETERS if name.removesuffix('_param').replace('_', '') == short}
    return own | ({'transform_param'} if kind.endswith('Data') else set())


def _read_layer(wire: WireFile, kind: Any, field: Field) -> Layer:
    """Read a layer; of its parameters only its own: forks use the numbers of the others anew."""
    numbers, known = NUMBERS[kind], kind.DESCRIPTOR.fields_by_number
    found: dict[int, list[Field]] = {numbers['blobs']: []}
    found |= {numbers[name]: [] for name in PARAMETERS & numbers.keys()}
    if 'layer' in numbers:
        found[numbers['layer']] = []
    unknown: list[Field] = []
    message = parse_rest(wire, kind, field.payload, field.end, found, unknown)
    fields = found[numbers['blobs']]
    for old in found.get(numbers.get('layer', 0), []):
        inside: dict[int, list[Field]] = {BLOBS_OF_V0: []}
        part = parse_rest(wire, schema.V0LayerParameter, old.payload, old.end, inside)
        message.layer.MergeFrom(part)
        fields = fields + inside[BLOBS_OF_V0]
    layer = _layer(wire.path, message, [])
    own = own_parameters(layer.type)
    for number, parts in found.items():
        name = known[number].name
        if parts and name in PARAMETERS and name in own and number < TEXT_ONLY:
            parameters = getattr(layer.param, name)
            for part in parts:
                content = wire.bytes(part.payload, part.end)
                parameters.MergeFrom(parse(wire, type(parameters), content, part.payload))
        elif parts and name in PARAMETERS and number > max(numbers['type'], 130):
            layer.foreign = True
    layer.foreign = layer.foreign or any(one.number > 130 for one in unknown)
    where = f'{wire.path}: layer {layer.name!r}'
    layer.blobs = [read_blob(wire, blob, f'{where}: blob {i}') for i, blob in enumerate(fields)]
    return layer


def _layer(path: str | Path, message: Any, blobs: list[Tensor]) -> Layer:
    """A message of any version in V2's terms."""
    if isinstance(message, schema.LayerParameter):
        name, kind = text(message.name), text(message.type)
        return Layer(name, kind, kind, message, blobs)
    if message.HasField('layer'):
        blobs = blobs + [
            from_message(blob, f'{path}: layer {text(message.layer.name)!r}: blob {i}')
            for i, blob in enumerate(message.layer.blobs)
        ]
        message.layer.ClearField('blobs')
        param = from_v0(message)
        return Layer(
            param.name, param.type, text(message.layer.type), param, blobs, v0=message.layer
        )
    param = from_v1(message)
    return Layer(param.name, param.type, str(message.type), param, blobs)


def _net(path: str | Path, net: Any, layers: list[Layer]) -> NetParameter:
    if not layers:
        raise CaffeFormatError(f'{path}: not a Caffe network: it has no layers')
    version = 1 if isinstance(net, schema.NetParameter) and layers[0].printed_type.isdigit() else 2
    if any(layer.v0 is not None for layer in layers):
        version, layers = 0, merge_padding(layers, str(path))
    shapes = [list(shape.dim) for shape in net.input_shape]
    inputs = [text(name) for name in net.input]
    return NetParameter(text(net.name), version, inputs, list(net.input_dim), shapes, layers, path)
