"""Caffe's binary format, .caffemodel.

Source: caffe.proto; loadcaffe.cpp: ReadProtoFromBinaryFile.
"""

import functools
from pathlib import Path
from typing import Any

from loadcaffe.formats import schema
from loadcaffe.formats.blob import read_blob
from loadcaffe.formats.messages import LAYER_PARAMETERS, TEXT_ONLY
from loadcaffe.formats.netparameter import (
    MAX_LAYERS,
    Layer,
    NetParameter,
    is_text,
    layer_of_message,
    net_of_message,
    open_file,
)
from loadcaffe.formats.wire import Field, WireFile, parse, parse_except

NUMBERS = {
    message: {field.name: field.number for field in message.DESCRIPTOR.fields}
    for message in (schema.NetParameter, schema.LayerParameter, schema.V1LayerParameter)
}
BLOBS_OF_V0 = schema.V0LayerParameter.DESCRIPTOR.fields_by_name['blobs'].number
LAST_COMMON = 130  # forks use the numbers of LayerParameter's fields above this one anew
PARAMETERS = {name for name, *_ in LAYER_PARAMETERS}
# Type of a layer -> its own parameters, where the names differ.
OWN_PARAMETERS = {
    'SoftmaxWithLoss': {'softmax_param', 'loss_param'},
    'Normalize': {'norm_param'},
    'LSTM': {'recurrent_param'},
    'RNN': {'recurrent_param'},
}


def read_caffemodel(path: str | Path) -> NetParameter:
    """Read a network and its weights.

    Each blob's floats go from the file into the memory of its tensor, so that reading takes the
    memory of the weights and no more. Raises FileNotFoundError, CaffeFormatError.
    """
    with open_file(path) as file:
        wire = WireFile(file, path)
        _refuse_other_formats(wire)
        numbers = NUMBERS[schema.NetParameter]
        fields: dict[int, list[Field]] = {numbers['layers']: [], numbers['layer']: []}
        net = parse_except(wire, schema.NetParameter, 0, wire.size, fields)
        # loadcaffe.cpp: convertProtoToLua: any V1 layer makes it a V1 network.
        v1 = fields[numbers['layers']]
        message_class = schema.V1LayerParameter if v1 else schema.LayerParameter
        layer_fields = v1 or fields[numbers['layer']]
        if len(layer_fields) > MAX_LAYERS:
            raise wire.error(f'not a Caffe network: it has more than {MAX_LAYERS} layers')
        layers = [_read_layer(wire, message_class, field) for field in layer_fields]
    return net_of_message(path, net, layers)


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
    if is_text(content):
        raise wire.error('not a caffemodel: it is text; is it the prototxt?')


@functools.cache
def own_parameters(layer_type: str) -> frozenset[str]:
    """Return the fields of a LayerParameter that describe layers of a type. Source: caffe.proto."""
    if layer_type in OWN_PARAMETERS:
        return frozenset(OWN_PARAMETERS[layer_type])
    if 'onvolution' in layer_type:
        return frozenset({'convolution_param'})
    short = layer_type.lower()
    own = {name for name in PARAMETERS if name.removesuffix('_param').replace('_', '') == short}
    return frozenset(own | ({'transform_param'} if layer_type.endswith('Data') else set()))


def _read_layer(wire: WireFile, message_class: Any, field: Field) -> Layer:
    """Read a layer; of its parameters only its own, for forks use the others' numbers anew."""
    numbers, known = NUMBERS[message_class], message_class.DESCRIPTOR.fields_by_number
    fields: dict[int, list[Field]] = {numbers['blobs']: []}
    fields |= {numbers[name]: [] for name in PARAMETERS & numbers.keys()}
    if 'layer' in numbers:
        fields[numbers['layer']] = []
    unknown: list[Field] = []
    message = parse_except(wire, message_class, field.payload, field.end, fields, unknown)
    blob_fields = fields[numbers['blobs']]
    for v0 in fields.get(numbers.get('layer', 0), []):
        v0_blobs: dict[int, list[Field]] = {BLOBS_OF_V0: []}
        part = parse_except(wire, schema.V0LayerParameter, v0.payload, v0.end, v0_blobs)
        message.layer.MergeFrom(part)
        blob_fields = blob_fields + v0_blobs[BLOBS_OF_V0]
    layer = layer_of_message(wire.path, message, [])
    own = own_parameters(layer.type)
    for number, parts in fields.items():
        name = known[number].name
        if parts and name in PARAMETERS and name in own and number < TEXT_ONLY:
            parameters = getattr(layer.param, name)
            for part in parts:
                content = wire.bytes(part.payload, part.end)
                parameters.MergeFrom(parse(wire, type(parameters), content, part.payload))
        elif parts and name in PARAMETERS and number > max(numbers['type'], LAST_COMMON):
            layer.fork_specific = True
    layer.fork_specific |= any(field.number > LAST_COMMON for field in unknown)
    where = f'{wire.path}: layer {layer.name!r}'
    layer.blobs = [
        read_blob(wire, blob, f'{where}: blob {i}') for i, blob in enumerate(blob_fields)
    ]
    return layer
