"""Caffe's binary format, .caffemodel.

Source: caffe.proto; loadcaffe.cpp: ReadProtoFromBinaryFile.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from google.protobuf.unknown_fields import UnknownFieldSet

from loadcaffe.formats import schema
from loadcaffe.formats.blob import read_blob
from loadcaffe.formats.messages import TEXT_ONLY
from loadcaffe.formats.netparameter import (
    HARMLESS_FIELDS,
    MAX_BLOBS,
    MAX_LAYERS,
    PARAMETERS,
    Layer,
    NetParameter,
    is_text,
    layer_of_message,
    net_of_message,
    open_file,
    own_parameters,
)
from loadcaffe.formats.other_kinds import other_kind
from loadcaffe.formats.wire import Field, WireFile, parse, parse_except

NUMBERS = {
    message: {field.name: field.number for field in message.DESCRIPTOR.fields}
    for message in (schema.NetParameter, schema.LayerParameter, schema.V1LayerParameter)
}
LAYERS = {NUMBERS[schema.NetParameter][name] for name in ('layer', 'layers')}
# The fields of a layer that are read on their own: blobs, V0's layer, and parameters, of which only
# the layer's own are read, for forks use the numbers of the others anew.
APART = {
    message: {
        number
        for name, number in NUMBERS[message].items()
        if name in PARAMETERS or name in ('blobs', 'layer')
    }
    for message in (schema.LayerParameter, schema.V1LayerParameter)
}
BLOBS_OF_V0 = schema.V0LayerParameter.DESCRIPTOR.fields_by_name['blobs'].number
LAST_COMMON = 130  # forks use the numbers of LayerParameter's fields above this one anew


def read_caffemodel(path: str | Path) -> NetParameter:
    """Read a network and its weights.

    Each blob's floats go from the file into the memory of its tensor, so that reading takes the
    memory of the weights and no more. Raises FileNotFoundError, CaffeFormatError.
    """
    with open_file(path) as file:
        wire = WireFile(file, path)
        _refuse_other_kinds(wire)
        numbers = NUMBERS[schema.NetParameter]
        net = parse_except(wire, schema.NetParameter, 0, wire.size, LAYERS)
        # loadcaffe.cpp: convertProtoToLua: any V1 layer makes it a V1 network.
        v1 = net.fields.get(numbers['layers'])
        message_class = schema.V1LayerParameter if v1 else schema.LayerParameter
        fields = v1 or net.fields.get(numbers['layer'], [])
        if len(fields) > MAX_LAYERS:
            raise wire.error(f'not a Caffe network: it has more than {MAX_LAYERS} layers')
        layers, blobs_left = [], MAX_BLOBS
        for field in fields:
            layers.append(_read_layer(wire, message_class, field, blobs_left))
            blobs_left -= len(layers[-1].blobs)
    return net_of_message(path, net.message, layers)


def _refuse_other_kinds(wire: WireFile) -> None:
    head = wire.bytes(0, min(4096, wire.size))
    if not head:
        raise wire.error('not a caffemodel: the file is empty')
    description = other_kind(head)
    if description is not None:
        raise wire.error(f'not a caffemodel but {description}')
    if is_text(head):
        raise wire.error('not a caffemodel: it is text; is it the prototxt?')


def _read_layer(wire: WireFile, message_class: Any, field: Field, blobs_left: int) -> Layer:
    numbers = NUMBERS[message_class]
    message, fields, unknown = parse_except(
        wire, message_class, field.payload, field.end, APART[message_class]
    )
    blobs = fields.get(numbers['blobs'], [])
    for v0 in fields.get(numbers.get('layer', 0), []):
        part = parse_except(wire, schema.V0LayerParameter, v0.payload, v0.end, {BLOBS_OF_V0})
        message.layer.MergeFrom(part.message)
        blobs = blobs + part.fields.get(BLOBS_OF_V0, [])
    layer = layer_of_message(wire.path, message, [])
    own_fields = own_parameters(layer.type)
    known = message_class.DESCRIPTOR.fields_by_number
    for number, parts in fields.items():
        name = known[number].name
        if name in own_fields and number < TEXT_ONLY:
            _read_parameters(wire, layer, name, parts)
        elif name in PARAMETERS and number > max(numbers['type'], LAST_COMMON):
            layer.fork_specific = True
    layer.fork_specific |= any(field.number > LAST_COMMON for field in unknown)
    layer.ignored_fields = [f'field {field.number}' for field in unknown]
    if len(blobs) > blobs_left:
        raise wire.error(f'not a Caffe network: it has more than {MAX_BLOBS} blobs')
    where = f'{wire.path}: layer {layer.name!r}'
    layer.blobs = [read_blob(wire, blob, f'{where}: blob {i}') for i, blob in enumerate(blobs)]
    return layer


def _read_parameters(wire: WireFile, layer: Layer, name: str, parts: list[Field]) -> None:
    """Read a layer's own parameters, and note what is in them that the schema lacks."""
    parameters = getattr(layer.param, name)
    for part in parts:
        wire.count_description(part)
        content = wire.bytes(part.payload, part.end)
        parameters.MergeFrom(parse(wire, type(parameters), content, part.payload))
    layer.unknown_fields += [f'{name}: {field}' for field in _unknown_fields(parameters)]


def _unknown_fields(message: Any) -> Iterator[str]:
    """Iterate over the fields of a message that the schema lacks, and values that an enum lacks."""
    known = message.DESCRIPTOR.fields_by_number
    for field in UnknownFieldSet(message):
        name = known[field.field_number].name if field.field_number in known else ''
        if name not in HARMLESS_FIELDS:
            yield f'{name} {field.data}' if name else f'field {field.field_number}'
