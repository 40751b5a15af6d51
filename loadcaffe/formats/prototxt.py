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
    MAX_LAYERS,
    NetParameter,
    is_text,
    layer_of_message,
    net_of_message,
    open_file,
)
from loadcaffe.formats.schema import CaffeFormatError, as_str

# The longest real ones have a few hundred kilobytes; protobuf's text parser is slow, and for a long
# line its time grows with the square of the length.
MAX_BYTES, MAX_LINE = 600_000, 1 << 16
MAX_DEPTH = 50  # of messages in a prototxt; real ones have 4
STRUCTURE = re.compile(r'[{}<>]|#.*|"(?:\\.|[^"\\])*"' r"|'(?:\\.|[^'\\])*'")


def read_prototxt(path: str | Path) -> NetParameter:
    """Read a network from Caffe's text format. Fields that the schema does not have are skipped.

    Raises FileNotFoundError, CaffeFormatError.
    """
    with open_file(path) as file:
        content = file.read(MAX_BYTES + 1)
    if not is_text(content):
        raise CaffeFormatError(f'{path}: not a prototxt: it is binary')
    return parse_prototxt(content.decode('utf-8-sig', 'replace'), path)


def parse_prototxt(content: str, path: str | Path) -> NetParameter:
    """Return the network that a prototxt's content describes. Raises CaffeFormatError."""
    net = _parse_message(content, path)
    if len(net.layers or net.layer) > MAX_LAYERS:
        raise CaffeFormatError(f'{path}: not a Caffe network: it has more than {MAX_LAYERS} layers')
    layers = []
    for message in net.layers or net.layer:
        name = message.name or (message.layer.name if net.layers else '')
        blobs = [
            from_message(blob, f'{path}: layer {as_str(name)!r}: blob {i}')
            for i, blob in enumerate(message.blobs)
        ]
        message.ClearField('blobs')
        layers.append(layer_of_message(path, message, blobs))
    return net_of_message(path, net, layers)


def _parse_message(content: str, path: str | Path) -> Any:
    if len(content) > MAX_BYTES:
        raise CaffeFormatError(f'{path}: not a prototxt: longer than {MAX_BYTES} bytes')
    _check_depth(content, path)
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


def _check_depth(content: str, path: str | Path) -> None:
    """Refuse deep nesting before the parser, which is recursive, walks into it."""
    depth = 0
    for number, line in enumerate(content.splitlines(), 1):
        if len(line) > MAX_LINE:
            raise CaffeFormatError(
                f'{path}: not a prototxt: line {number}, column {MAX_LINE}: longer than {MAX_LINE}'
                ' characters'
            )
        for match in STRUCTURE.finditer(line):
            opens = match[0] in '{<'
            depth += 1 if opens else -1 if match[0] in '}>' else 0
            if opens and depth > MAX_DEPTH:
                raise CaffeFormatError(
                    f'{path}: not a prototxt: line {number}, column {match.start() + 1}:'
                    f' messages nested deeper than {MAX_DEPTH}'
                )
