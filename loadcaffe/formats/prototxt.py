"""Caffe's text format, .prototxt, with the line and column of every fault.

Source: caffe.proto; loadcaffe.cpp: ReadProtoFromTextFile.
"""

import re
from pathlib import Path
from typing import Any

from google.protobuf import text_format

from loadcaffe.formats import schema
from loadcaffe.formats.blob import from_message
from loadcaffe.formats.netparameter import (
    HARMLESS_FIELDS,
    MAX_LAYERS,
    Layer,
    NetParameter,
    is_text,
    layer_of_message,
    net_of_message,
    open_file,
    own_parameters,
)
from loadcaffe.formats.other_kinds import other_kind
from loadcaffe.formats.schema import CaffeFormatError, as_str
from loadcaffe.formats.tokens import UnknownField, unknown_fields

MAX_BYTES = 1_000_000  # ResNet-1001's has 700,000; the parser is slow

SOLVER = re.compile(r'^[ \t]*(base_lr|lr_policy|max_iter|solver_mode|test_iter|train_net)\b', re.M)


def read_prototxt(path: str | Path) -> NetParameter:
    """Read a network from Caffe's text format. Fields that the schema does not have are skipped.

    Raises FileNotFoundError, CaffeFormatError.
    """
    with open_file(path) as file:
        content = file.read(MAX_BYTES + 1)
    description = other_kind(content[:4096])
    if description is not None:
        raise CaffeFormatError(f'{path}: not a prototxt but {description}')
    if not is_text(content):
        raise CaffeFormatError(f'{path}: not a prototxt: it is binary; is it the caffemodel?')
    return parse_prototxt(content.decode('utf-8-sig', 'replace'), path)


def parse_prototxt(content: str, path: str | Path) -> NetParameter:
    """Return the network that a prototxt's content describes. Raises CaffeFormatError."""
    if len(content) > MAX_BYTES:
        raise CaffeFormatError(f'{path}: not a prototxt: longer than {MAX_BYTES} bytes')
    unknown: dict[int, list[UnknownField]] = {}
    for field in unknown_fields(content, path):
        unknown.setdefault(field.layer, []).append(field)
    net = _parse_message(content, path)
    if len(net.layers or net.layer) > MAX_LAYERS:
        raise CaffeFormatError(f'{path}: not a Caffe network: it has more than {MAX_LAYERS} layers')
    if not (net.layers or net.layer) and SOLVER.search(content):
        raise CaffeFormatError(
            f"{path}: not a Caffe network: it has no layers; it is a solver's: name the prototxt of"
            ' its net'
        )
    layers: list[Layer] = []
    for message in net.layers or net.layer:
        name = message.name or (message.layer.name if net.layers else '')
        blobs = [
            from_message(blob, f'{path}: layer {as_str(name)!r}: blob {i}')
            for i, blob in enumerate(message.blobs)
        ]
        message.ClearField('blobs')
        layers.append(layer_of_message(path, message, blobs))
        _note_unknown_fields(layers[-1], unknown.get(len(layers) - 1, []))
    return net_of_message(path, net, layers)


def _parse_message(content: str, path: str | Path) -> Any:
    net = schema.NetParameter()
    try:
        text_format.Parse(content, net, allow_unknown_field=True)
    except text_format.ParseError as error:
        line, column = error.GetLine(), error.GetColumn()
        position = f'line {line}, column {column}: ' if line else ''
        reason = str(error).removeprefix(f'{line}:{column} : ')
        raise CaffeFormatError(f'{path}: not a prototxt: {position}{reason}') from error
    except RecursionError as error:
        raise CaffeFormatError(f'{path}: not a prototxt: nested too deeply') from error
    return net


def _note_unknown_fields(layer: Layer, fields: list[UnknownField]) -> None:
    for field in fields:
        if field.name in HARMLESS_FIELDS:
            continue
        if field.parent in own_parameters(layer.type):
            layer.unknown_fields.append(f'{field.parent}: {field.name}')
        elif field.name.replace('_', '') == f'{layer.type.lower()}param':
            layer.unknown_fields.append(field.name)  # such as relu6_param, of a ReLU6
        elif not field.parent:
            layer.ignored_fields.append(field.name)
