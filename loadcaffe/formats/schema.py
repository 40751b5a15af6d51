"""Caffe's messages as protobuf classes, built from the tables of messages.py and parameters.py.

Protobuf gets the tables through a descriptor pool of our own, so another package's caffe.proto
cannot collide with them. What is not in a table is an unknown field and is skipped.
"""

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from loadcaffe.formats.messages import LAYER_PARAMETERS, MESSAGES, V1_TYPES
from loadcaffe.formats.parameters import ENUMS, FIRST, PARAMETERS

MESSAGE_LENGTH = 600  # characters that a person may be asked to read


class CaffeFormatError(ValueError):
    """A file is not what Caffe writes, or holds what loadcaffe does not read."""

    def __init__(self, message: str):
        super().__init__(shorten(message, MESSAGE_LENGTH))


def shorten(text: str, length: int) -> str:
    """Cut the middle out of a text, such as a name that a damaged file makes up."""
    if len(text) <= length:
        return text
    return f'{text[: length * 2 // 3]} ... {text[-length // 4 :]}'


def as_str(string: str | bytes) -> str:
    """Return a message's string as str; protobuf returns one that is not UTF-8 as bytes."""
    return string if isinstance(string, str) else string.decode('utf-8', 'backslashreplace')


# Message -> its fields: (name, number, type, default or None).
FIELDS: dict[str, list[tuple[str, int, str, str | None]]] = {}
for _message, _text in {**MESSAGES, **PARAMETERS}.items():
    FIELDS[_message] = []
    for _row in _text.split(', '):
        _field, _, _default = _row.partition(' = ')
        _name, _number, _type = _field.split()
        FIELDS[_message].append((_name, int(_number), _type, _default or None))
FIELDS['LayerParameter'] += [(name, n, message, None) for name, message, n, _ in LAYER_PARAMETERS]
FIELDS['V1LayerParameter'] += [
    (name, n, message, None) for name, message, _, n in LAYER_PARAMETERS if n
]

# Enumeration -> value -> number.
VALUES = {
    path: {name: number for number, name in enumerate(names.split(), FIRST.get(path, 0))}
    for path, names in ENUMS.items()
}
VALUES['V1LayerParameter.LayerType'] = {name: number for number, (name, _) in V1_TYPES.items()}


def _describe(field, name: str, number: int, type_: str, default: str | None) -> None:
    """Fill one row of FIELDS into protobuf's description of a field."""
    repeated, packed, type_ = type_[0] in '*+', type_[0] == '+', type_.lstrip('*+')
    field.name, field.number = name, number
    field.label = field.LABEL_REPEATED if repeated else field.LABEL_OPTIONAL
    if type_ in VALUES:
        field.type, field.type_name = field.TYPE_ENUM, f'.caffe.{type_}'
    elif type_ in FIELDS:
        field.type, field.type_name = field.TYPE_MESSAGE, f'.caffe.{type_}'
    else:
        field.type = getattr(field, f'TYPE_{type_.upper()}')
    if packed:
        field.options.packed = True
    if default is not None:
        field.default_value = default


def _message_classes() -> dict[str, Any]:
    file = descriptor_pb2.FileDescriptorProto(name='loadcaffe/caffe.proto', package='caffe')
    for message, fields in FIELDS.items():
        description = file.message_type.add(name=message)
        for row in fields:
            _describe(description.field.add(), *row)
        for path, values in VALUES.items():
            scope, name = path.split('.')
            if scope == message:
                enum = description.enum_type.add(name=name)
                for value, number in values.items():
                    enum.value.add(name=value, number=number)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        message: message_factory.GetMessageClass(pool.FindMessageTypeByName(f'caffe.{message}'))
        for message in FIELDS
    }


_CLASSES = _message_classes()
NetParameter = _CLASSES['NetParameter']
LayerParameter = _CLASSES['LayerParameter']
V1LayerParameter = _CLASSES['V1LayerParameter']
V0LayerParameter = _CLASSES['V0LayerParameter']
BlobProto = _CLASSES['BlobProto']
