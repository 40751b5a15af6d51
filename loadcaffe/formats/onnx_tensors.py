"""Read the tensors of an ONNX model, each where it is needed, from the file into its own memory.

Source: github.com/onnx/onnx, onnx.proto, TensorProto.
"""

from typing import Any

import numpy as np
from torch import Tensor

from loadcaffe.formats.blob import check_shape, float_tensor, read_numbers
from loadcaffe.formats.netparameter import MAX_BLOBS
from loadcaffe.formats.schema import CaffeFormatError, as_str, shorten
from loadcaffe.formats.wire import Field, WireFile, parse_except

DIMS, FLOATS, INT32, INT64, RAW, DOUBLES, UINT64 = 1, 4, 5, 7, 9, 10, 11
UNUSED = {12, 16}  # doc_string, metadata_props
NUMBERS = {FLOATS, INT32, INT64, RAW, DOUBLES, UINT64}
FLOAT, INT32_TYPE, INT64_TYPE, FLOAT16, DOUBLE = 1, 6, 7, 10, 11
DTYPES = {FLOAT: '<f4', INT32_TYPE: '<i4', INT64_TYPE: '<i8', FLOAT16: '<f2', DOUBLE: '<f8'}
FIELDS = {FLOAT: FLOATS, DOUBLE: DOUBLES}  # those whose bytes are as in raw_data
MAX_INTEGERS = 64  # of a shape


class Tensors:
    """The tensors of a model by name. message_class: onnx.TensorProto."""

    def __init__(self, wire: WireFile, message_class: Any):
        self.wire, self.message_class = wire, message_class
        self.fields: dict[str, Field] = {}
        self._floats: dict[str, Tensor] = {}

    def __contains__(self, name: str) -> bool:
        return name in self.fields

    def add(self, field: Field, name: str | None = None) -> None:
        """Note where a tensor is. name: by default its own."""
        apart = NUMBERS | UNUSED | {DIMS}
        message = parse_except(self.wire, self.message_class, field.payload, field.end, apart)[0]
        name = as_str(message.name) if name is None else name
        if message.external_data or message.data_location:
            raise self.wire.error(
                f'the numbers of {shorten(name, 60)!r} are in another file, which is not supported:'
                " save the model as one file, onnx.save(onnx.load('model.onnx'), 'one_file.onnx')"
            )
        self.fields[name] = field
        if len(self.fields) > MAX_BLOBS:
            raise self.wire.error(f'not a network: it has more than {MAX_BLOBS} tensors')

    def floats(self, name: str) -> Tensor:
        """Return a tensor as float32; the same one whenever it is asked for."""
        if name not in self._floats:
            array, shape = self._read(name)
            if array.dtype.kind != 'f':
                raise CaffeFormatError(f'{self._where(name)} holds integers')
            self._floats[name] = float_tensor(array, shape)
        return self._floats[name]

    def integers(self, name: str) -> list[int]:
        """Return a tensor of a few integers, such as a shape."""
        array, _ = self._read(name)
        if array.dtype.kind != 'i' or array.size > MAX_INTEGERS:
            raise CaffeFormatError(f'{self._where(name)} is not a list of a few integers')
        return array.tolist()

    def _where(self, name: str) -> str:
        return f'{self.wire.path}: the tensor {shorten(name, 60)!r}'

    def _read(self, name: str) -> tuple[np.ndarray, list[int]]:
        """Return the numbers of a tensor in one row, and its shape."""
        field, apart = self.fields[name], {RAW, FLOATS, DOUBLES} | UNUSED
        message, parts, _ = parse_except(
            self.wire, self.message_class, field.payload, field.end, apart
        )
        data_type, shape = message.data_type, list(message.dims)
        if data_type not in DTYPES:
            raise CaffeFormatError(f'{self._where(name)} holds numbers of the type {data_type}')
        if RAW in parts or data_type in FIELDS:
            packed = parts.get(RAW) or parts.get(FIELDS[data_type], [])
            array = read_numbers(self.wire, packed, np.dtype(DTYPES[data_type]), self._where(name))
        elif data_type == INT64_TYPE:
            array = np.array(message.int64_data, np.int64)
        elif data_type == INT32_TYPE:
            array = np.array(message.int32_data, np.int32)
        else:  # the bits of each half float in an integer
            array = np.array(message.int32_data, np.int32).astype(np.uint16).view(np.float16)
        check_shape(shape, len(array), self._where(name))
        return array, shape
