"""Turn Caffe's BlobProto into a tensor. Source: caffe: blob.cpp, Blob::FromProto."""

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from loadcaffe.formats.schema import BlobProto, CaffeFormatError
from loadcaffe.formats.wire import FIXED32, FIXED64, LENGTH, Field, WireFile, parse

AXES = 32  # caffe: blob.hpp, kMaxBlobAxes
FIELDS = BlobProto.DESCRIPTOR.fields_by_name
DATA, DOUBLE_DATA, RAW = (FIELDS[name].number for name in ('data', 'double_data', 'raw_data'))
SHAPE = {
    FIELDS[name].number for name in ('num', 'channels', 'height', 'width', 'shape', 'raw_data_type')
}
# NVIDIA's and OpenCV's caffe.proto: raw_data, little-endian numbers of raw_data_type.
F2, F4, F8 = (np.dtype(name) for name in ('<f2', '<f4', '<f8'))
RAW_DTYPES = {0: F8, 1: F4, 2: F2}


def read_blob(wire: WireFile, blob: Field, where: str) -> Tensor:
    """Read one blob of the file, its floats straight into the tensor's memory.

    Returns float32 in the blob's shape.
    """
    packed: dict[int, list[Field]] = {DATA: [], DOUBLE_DATA: [], RAW: []}
    remainder = bytearray()
    for field in wire.fields(blob.payload, blob.end):
        if field.number in packed and field.wire_type == LENGTH:
            packed[field.number].append(field)
        elif (field.number, field.wire_type) in ((DATA, FIXED32), (DOUBLE_DATA, FIXED64)):
            # One float to a field, as before Caffe packed them: leave the blob to protobuf.
            content = wire.bytes(blob.payload, blob.end)
            return from_message(parse(wire, BlobProto, content, blob.payload), where)
        elif field.number in SHAPE:
            wire.append_field(remainder, field)

    message = parse(wire, BlobProto, bytes(remainder), blob.payload)
    # Doubles win over floats, as in Blob::FromProto.
    if any(field.end > field.payload for field in packed[DOUBLE_DATA]):
        fields, dtype = packed[DOUBLE_DATA], F8
    elif any(field.end > field.payload for field in packed[RAW]):
        fields, dtype = packed[RAW][-1:], _raw_dtype(message, where)
    else:
        fields, dtype = packed[DATA], F4
    shape = _shape(message, count_numbers(fields, dtype, where), where)  # before memory is taken
    return float_tensor(read_numbers(wire, fields, dtype, where), shape)


def count_numbers(fields: list[Field], dtype: np.dtype, where: str) -> int:
    """Return how many numbers the bytes of these fields are."""
    if any((field.end - field.payload) % dtype.itemsize for field in fields):
        raise CaffeFormatError(f'{where}: its values end in the middle of a number')
    return sum(field.end - field.payload for field in fields) // dtype.itemsize


def read_numbers(wire: WireFile, fields: list[Field], dtype: np.dtype, where: str) -> np.ndarray:
    """Read the numbers of fields, one after the other, into one array."""
    array, position = np.empty(count_numbers(fields, dtype, where), dtype), 0
    for field in fields:
        size = (field.end - field.payload) // dtype.itemsize
        wire.read_into(array[position : position + size], field.payload)
        position += size
    return array


def from_message(blob: Any, where: str) -> Tensor:
    """Return the values of a parsed BlobProto as a float32 tensor."""
    data, dtype = blob.data, F4
    if blob.double_data:
        data, dtype = blob.double_data, F8
    elif blob.raw_data:
        dtype = _raw_dtype(blob, where)
        if len(blob.raw_data) % dtype.itemsize:
            raise CaffeFormatError(f'{where}: its values end in the middle of a number')
        data = np.frombuffer(blob.raw_data, dtype)
    shape = _shape(blob, len(data), where)
    return float_tensor(np.fromiter(data, dtype, len(data)), shape)


def _raw_dtype(blob: Any, where: str) -> Any:
    dtype = blob.raw_data_type if blob.HasField('raw_data_type') else 1
    if dtype not in RAW_DTYPES:
        raise CaffeFormatError(f'{where}: its values are integers, which is not supported')
    return RAW_DTYPES[dtype]


def float_tensor(array: np.ndarray, shape: list[int]) -> Tensor:
    """Convert to float32; a number beyond its range becomes infinite in silence, as in C."""
    if array.dtype != np.float32:
        with np.errstate(over='ignore', invalid='ignore'):  # invalid: a signalling NaN
            array = array.astype(np.float32)
    return torch.from_numpy(array).reshape(shape)


def _shape(blob: Any, count: int, where: str) -> list[int]:
    """Return the blob's shape, which must hold exactly `count` values.

    loadcaffe.cpp: loadModuleV2: `shape` before num, channels, height, width.
    """
    if blob.HasField('shape'):
        shape = list(blob.shape.dim)
    elif any(blob.HasField(name) for name in ('num', 'channels', 'height', 'width')):
        shape = [blob.num, blob.channels, blob.height, blob.width]
    else:
        shape = [count]
    check_shape(shape, count, where)
    return shape


def check_shape(shape: list[int], count: int, where: str) -> None:
    """Raise CaffeFormatError unless the shape holds exactly `count` values."""
    if len(shape) > AXES:
        raise CaffeFormatError(
            f'{where}: its shape has {len(shape)} axes; Caffe has at most {AXES}'
        )
    expected = math.prod(shape)
    # A zero would hide the others' product, which torch's strides must hold.
    if any(size < 0 for size in shape) or math.prod(size or 1 for size in shape) >= 1 << 63:
        raise CaffeFormatError(f'{where}: its shape {shape} is impossible')
    if expected != count:
        raise CaffeFormatError(f'{where}: its shape {shape} is {expected} values, it holds {count}')
