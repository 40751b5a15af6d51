"""Caffe's BlobProto to a tensor. Source: caffe: blob.cpp, Blob::FromProto."""

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
RAW_TYPES = {0: F8, 1: F4, 2: F2}


def read_blob(wire: WireFile, blob: Field, where: str) -> Tensor:
    """Read one blob of the file, its floats straight into the tensor's memory.

    Returns float32 in the blob's shape.
    """
    packed: dict[int, list[Field]] = {DATA: [], DOUBLE_DATA: [], RAW: []}
    rest = bytearray()
    for field in wire.fields(blob.payload, blob.end):
        if field.number in packed and field.wire_type == LENGTH:
            packed[field.number].append(field)
        elif (field.number, field.wire_type) in ((DATA, FIXED32), (DOUBLE_DATA, FIXED64)):
            # One float to a field, as before Caffe packed them: leave the blob to protobuf.
            content = wire.bytes(blob.payload, blob.end)
            return from_message(parse(wire, BlobProto, content, blob.payload), where)
        elif field.number in SHAPE:
            wire.take(rest, field)

    message = parse(wire, BlobProto, bytes(rest), blob.payload)
    # Doubles win over floats, as in Blob::FromProto.
    if any(field.end > field.payload for field in packed[DOUBLE_DATA]):
        fields, kind = packed[DOUBLE_DATA], F8
    elif any(field.end > field.payload for field in packed[RAW]):
        fields, kind = packed[RAW][-1:], _raw_type(message, where)
    else:
        fields, kind = packed[DATA], F4
    if any((field.end - field.payload) % kind.itemsize for field in fields):
        raise CaffeFormatError(f'{where}: its values end in the middle of a number')
    count = sum(field.end - field.payload for field in fields) // kind.itemsize
    shape = _shape(message, count, where)  # checked before any memory is taken
    array, done = np.empty(count, kind), 0
    for field in fields:
        size = (field.end - field.payload) // kind.itemsize
        wire.read_into(array[done : done + size], field.payload)
        done += size
    return float_tensor(array, shape)


def from_message(blob: Any, where: str) -> Tensor:
    """The tensor of a BlobProto that protobuf has parsed, float32."""
    data, kind = blob.data, F4
    if blob.double_data:
        data, kind = blob.double_data, F8
    elif blob.raw_data:
        kind = _raw_type(blob, where)
        if len(blob.raw_data) % kind.itemsize:
            raise CaffeFormatError(f'{where}: its values end in the middle of a number')
        data = np.frombuffer(blob.raw_data, kind)
    shape = _shape(blob, len(data), where)
    return float_tensor(np.fromiter(data, kind, len(data)), shape)


def _raw_type(blob: Any, where: str) -> Any:
    kind = blob.raw_data_type if blob.HasField('raw_data_type') else 1
    if kind not in RAW_TYPES:
        raise CaffeFormatError(f'{where}: its values are integers, which is not supported')
    return RAW_TYPES[kind]


def float_tensor(array: np.ndarray, shape: list[int]) -> Tensor:
    """Numbers as float32; one beyond becomes infinite, silently, as in C."""
    with np.errstate(over='ignore'):
        return torch.from_numpy(array.astype(np.float32, copy=False)).reshape(shape)


def _shape(blob: Any, count: int, where: str) -> list[int]:
    """The blob's shape, which must hold exactly `count` values.

    loadcaffe.cpp: loadModuleV2: `shape` before num, channels, height, width.
    """
    axes = len(blob.shape.dim)
    if axes > AXES:
        raise CaffeFormatError(f'{where}: its shape has {axes} axes; Caffe has at most {AXES}')
    if blob.HasField('shape'):
        shape = list(blob.shape.dim)
    elif any(blob.HasField(name) for name in ('num', 'channels', 'height', 'width')):
        shape = [blob.num, blob.channels, blob.height, blob.width]
    else:
        shape = [count]
    wanted = math.prod(shape)
    # A zero would hide the others' product, which torch's strides must hold.
    if any(size < 0 for size in shape) or math.prod(size or 1 for size in shape) >= 1 << 63:
        raise CaffeFormatError(f'{where}: its shape {shape} is impossible')
    if wanted != count:
        raise CaffeFormatError(f'{where}: its shape {shape} is {wanted} values, it holds {count}')
    return shape
