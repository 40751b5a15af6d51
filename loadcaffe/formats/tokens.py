"""Walk the tokens of a prototxt before protobuf's parser does, which skips what it does not know.

Source: protobuf.dev, "Text Format Language Specification".
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from loadcaffe.formats import schema
from loadcaffe.formats.schema import CaffeFormatError

MAX_LINE = 1 << 16  # for a long line the parser's time grows with the square of the length
MAX_TOKENS = 150_000  # ResNet-1001's prototxt has some 96,000; more would take seconds
MAX_DEPTH = 50  # of messages in each other, for the parser is recursive; real ones have 4
TOKEN = re.compile(
    r'(?P<space>\s+|#[^\n]*)'
    r'|(?P<name>[A-Za-z_][\w.]*)'
    r'|(?P<mark>[{}<>\[\]:;,])'
    r'|(?P<value>"(?:[^"\\\n]|\\[^\n])*"|\'(?:[^\'\\\n]|\\[^\n])*\'|[^\s"\'{}<>\[\]:;,#]+)'
    r'|(?P<quote>["\'])'
)


class UnknownField(NamedTuple):
    """A field that the schema lacks: of a layer of this number, in its field `parent` or ''."""

    layer: int
    parent: str
    name: str


class _Message:
    """A message that is open: its type in the schema, if it is known, and the field it is in."""

    def __init__(self, descriptor: Any, name: str):
        self.descriptor, self.name = descriptor, name
        self.field: Any = None  # the field that was named last, None if it is unknown
        self.field_name = ''
        self.in_list = False


def unknown_fields(content: str, path: str | Path) -> list[UnknownField]:
    """Return the fields of layers that the schema lacks.

    Raises CaffeFormatError for what the parser would spend seconds on, with line and column.
    """
    for number, line in enumerate(content.splitlines(), 1):
        if len(line) > MAX_LINE:
            raise CaffeFormatError(
                f'{path}: not a prototxt: line {number}, column {MAX_LINE}: longer than {MAX_LINE}'
                ' characters'
            )
    unknown, layer, expects_value = [], -1, False
    messages = [_Message(schema.NetParameter.DESCRIPTOR, '')]
    for match in _tokens(content, path):
        message, token = messages[-1], match[0]
        if token in '{<':
            if len(messages) > MAX_DEPTH:
                raise _error(content, path, match, f'messages nested deeper than {MAX_DEPTH}')
            layer += len(messages) == 1 and message.field_name in ('layer', 'layers')
            descriptor = message.field.message_type if message.field else None
            messages.append(_Message(descriptor, message.field_name))
            expects_value = False
        elif token in '}>':
            messages = messages[:-1] or messages
            expects_value = messages[-1].in_list
        elif token in '[]':
            message.in_list = expects_value = token == '['
        elif token == ':':
            expects_value = True
        elif match.lastgroup == 'name' and not expects_value:
            message.field_name = token
            known = message.descriptor.fields_by_name if message.descriptor else {}
            message.field = known.get(token)
            if message.descriptor and not message.field and 2 <= len(messages) <= 3:
                parent = message.name if len(messages) == 3 else ''
                unknown.append(UnknownField(layer, parent, token))
        else:
            expects_value = message.in_list
    return unknown


def _tokens(content: str, path: str | Path) -> Iterator[re.Match]:
    count = 0
    for match in TOKEN.finditer(content):
        if match.lastgroup == 'space':
            continue
        count += 1
        if match.lastgroup == 'quote':
            raise _error(content, path, match, 'a string that does not end')
        if count > MAX_TOKENS:
            raise _error(content, path, match, f'more than {MAX_TOKENS} words')
        yield match


def _error(content: str, path: str | Path, match: re.Match, text: str) -> CaffeFormatError:
    line = content.count('\n', 0, match.start()) + 1
    column = match.start() - content.rfind('\n', 0, match.start())
    return CaffeFormatError(f'{path}: not a prototxt: line {line}, column {column}: {text}')
