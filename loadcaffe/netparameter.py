"""Caffe's files: .prototxt (text) and .caffemodel (binary) to one NetParameter.

Source: caffe.proto; loadcaffe.cpp: ReadProtoFromTextFile, ReadProtoFromBinaryFile.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.protobuf import text_format
from torch import Tensor

from loadcaffe import schema
from loadcaffe.blob import from_message, read_blob
from loadcaffe.schema import CaffeFormatError
from loadcaffe.wire import Field, WireFile, parse_rest

PROTOTXT_BYTES = 1 << 24  # the longest real ones have a few hundred kilobytes
NUMBERS = {
    message: {field.name: field.number for field in message.DESCRIPTOR.fields}
    for message in (schema.NetParameter, schema.LayerParameter, schema.V1LayerParameter)
}


@dataclass
class Layer:
    """One layer, V1 or V2, in V2's terms."""

    name: str
    type: str  # V2's word: 'Convolution'; '' where V1 gives none
    printed_type: str  # what the original prints as its type: V1 the number, V2 the word
    param: Any  # the LayerParameter message, without blobs
    blobs: list[Tensor]  # float32, each in its own shape


@dataclass
class NetParameter:
    """What a network's file says."""

    name: str
    version: int  # 1: `layers`, 2: `layer`
    input: list[str]
    input_dim: list[int]
    input_shape: list[list[int]]
    layers: list[Layer]


def read(path: str | Path) -> NetParameter:
    """Read a network: text where the file is text and is not named .caffemodel, else binary.

    Raises FileNotFoundError, CaffeFormatError.
    """
    path = Path(path)
    with _open(path) as file:
        text = path.suffix != '.caffemodel' and _is_text(file.read(4096))
    return read_prototxt(path) if text else read_caffemodel(path)


def read_prototxt(path: str | Path) -> NetParameter:
    """Read a network from Caffe's text format. Fields that the schema does not have are skipped."""
    with _open(path) as file:
        content = file.read(PROTOTXT_BYTES + 1)
    if len(content) > PROTOTXT_BYTES:
        raise CaffeFormatError(f'{path}: not a prototxt: longer than {PROTOTXT_BYTES} bytes')
    if not _is_text(content):
        raise CaffeFormatError(f'{path}: not a prototxt: it is binary')
    net = schema.NetParameter()
    try:
        text_format.Parse(content.decode('utf-8-sig', 'replace'), net, allow_unknown_field=True)
    except (text_format.ParseError, RecursionError) as error:
        raise CaffeFormatError(f'{path}: not a prototxt: {error}') from error
    layers = []
    for message in net.layers or net.layer:
        blobs = [
            from_message(blob, f'{path}: layer {message.name!r}: blob {i}')
            for i, blob in enumerate(message.blobs)
        ]
        message.ClearField('blobs')
        layers.append(_layer(path, message, blobs))
    return _net(path, net, 1 if net.layers else 2, layers)


def read_caffemodel(path: str | Path) -> NetParameter:
    """Read a network and its weights from Caffe's binary format.

    Each blob's floats go from the file into the memory of its tensor, so that reading takes the
    memory of the weights and no more.
    """
    with _open(path) as file:
        wire = WireFile(file, path)
        _refuse_other_formats(wire)
        numbers = NUMBERS[schema.NetParameter]
        found: dict[int, list[Field]] = {numbers['layers']: [], numbers['layer']: []}
        net = parse_rest(wire, schema.NetParameter, 0, wire.size, found)
        # loadcaffe.cpp: convertProtoToLua: any V1 layer makes it a V1 network.
        v1 = found[numbers['layers']]
        if v1:
            layers = [_read_layer(wire, schema.V1LayerParameter, field) for field in v1]
        else:
            v2 = found[numbers['layer']]
            layers = [_read_layer(wire, schema.LayerParameter, field) for field in v2]
    return _net(path, net, 1 if v1 else 2, layers)


def _open(path):
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


def _read_layer(wire: WireFile, kind: Any, field: Field) -> Layer:
    found: dict[int, list[Field]] = {NUMBERS[kind]['blobs']: []}
    message = parse_rest(wire, kind, field.payload, field.end, found)
    (fields,) = found.values()
    where = f'{wire.path}: layer {_text(message.name)!r}'
    blobs = [read_blob(wire, blob, f'{where}: blob {i}') for i, blob in enumerate(fields)]
    return _layer(wire.path, message, blobs)


def _layer(path: str | Path, message: Any, blobs: list[Tensor]) -> Layer:
    """A V1 or V2 message in V2's terms. caffe: upgrade_proto.cpp, UpgradeV1LayerParameter."""
    name = _text(message.name)
    if isinstance(message, schema.LayerParameter):
        return Layer(name, _text(message.type), _text(message.type), message, blobs)
    if message.HasField('layer'):
        name = _text(message.layer.name)
        raise CaffeFormatError(
            f"{path}: layer {name!r} is in Caffe's format of 2013 (V0): "
            'convert the file with upgrade_net_proto_text or upgrade_net_proto_binary of Caffe'
        )
    param = schema.LayerParameter()
    for field, value in message.ListFields():
        if field.message_type and field.name != 'blobs':
            getattr(param, field.name).MergeFrom(value)
        elif field.name in ('bottom', 'top'):
            getattr(param, field.name).extend(map(_text, value))
    param.name, param.type = name, schema.V1_TYPES[message.type][1]
    return Layer(name, param.type, str(message.type), param, blobs)


def _net(path: str | Path, net: Any, version: int, layers: list[Layer]) -> NetParameter:
    if not layers:
        raise CaffeFormatError(f'{path}: not a Caffe network: it has no layers')
    shapes = [list(shape.dim) for shape in net.input_shape]
    inputs = [_text(name) for name in net.input]
    return NetParameter(_text(net.name), version, inputs, list(net.input_dim), shapes, layers)


def _text(string: str | bytes) -> str:
    """A string of a message; protobuf hands one that is not UTF-8 over as bytes."""
    return string if isinstance(string, str) else string.decode('utf-8', 'backslashreplace')
