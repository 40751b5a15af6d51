"""Caffe's text format to a protobuf message, with the place of every fault."""

import re
from pathlib import Path
from typing import Any

from google.protobuf import text_format

from loadcaffe.formats import schema
from loadcaffe.formats.schema import CaffeFormatError

# The longest real ones have a few hundred kilobytes; protobuf's text parser is slow, and for a long
# line its time grows with the square of the length.
PROTOTXT_BYTES, LINE = 600_000, 1 << 16
DEPTH = 50  # of messages in a prototxt; real ones have 4
STRUCTURE = re.compile(r'[{}<>]|#.*|"(?:\\.|[^"\\])*"' r"|'(?:\\.|[^'\\])*'")


def parse_text(content: str, path: str | Path) -> Any:
    """The NetParameter message that a prototxt says. Fields that the schema lacks are skipped.

    Raises CaffeFormatError with line and column.
    """
    if len(content) > PROTOTXT_BYTES:
        raise CaffeFormatError(f'{path}: not a prototxt: longer than {PROTOTXT_BYTES} bytes')
    _check_depth(content, path)
    net = schema.NetParameter()
    try:
        text_format.Parse(content, net, allow_unknown_field=True)
    except text_format.ParseError as error:
        line, column = error.GetLine(), error.GetColumn()
        at = f'line {line}, column {column}: ' if line else ''
        words = str(error).removeprefix(f'{line}:{column} : ')
        raise CaffeFormatError(f'{path}: not a prototxt: {at}{words}') from error
    except RecursionError as error:
        raise CaffeFormatError(f'{path}: not a prototxt: nested too deeply') from error
    return net


def _check_depth(content: str, path: str | Path) -> None:
    """Refuse deep nesting before the parser, which is recursive, walks into it."""
    depth = 0
    for number, line in enumerate(content.splitlines(), 1):
        if len(line) > LINE:
            raise CaffeFormatError(
                f'{path}: not a prototxt: line {number}, column {LINE}: longer than {LINE}'
                ' characters'
            )
        for match in STRUCTURE.finditer(line):
            opens = match[0] in '{<'
            depth += 1 if opens else -1 if match[0] in '}>' else 0
            if opens and depth > DEPTH:
                raise CaffeFormatError(
                    f'{path}: not a prototxt: line {number}, column {match.start() + 1}:'
                    f' messages nested deeper than {DEPTH}'
                )
