"""Caffe's BlobProto to a tensor. Source: caffe: blob.cpp, Blob::FromProto."""

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from loadcaffe.schema import BlobProto, CaffeFormatError
from loadcaffe.wire import FIXED32, FIXED64, LENGTH, Field, WireFile, parse

AXES = 32  # caffe: blob.hpp, kMaxBlobAxes
FIELDS = BlobProto.DESCRIPTOR.fields_by_name
DATA, DOUBLE_DATA = FIELDS['data'].number, FIELDS['double_data'].number
SHAPE = {FIELDS[name].number for name in ('num', 'channels', 'height', 'width', 'shape')}


def read_blob(wire: WireFile, blob: Field, where: str) -> Tensor:
    """Read one blob of the file, its floats straight into the tensor's memory.

    Returns float32 in the blob's shape.
    """
    packed: dict[int, list[Field]] = {DATA: [], DOUBLE_DATA: []}
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

    # Doubles win over floats, as in Blob::FromProto.
    double = any(field.end > field.payload for field in packed[DOUBLE_DATA])
    fields, width = (packed[DOUBLE_DATA], 8) if double else (packed[DATA], 4)
    if any((field.end - field.payload) % width for field in fields):
        raise CaffeFormatError(f'{where}: its values end in the middle of a number')
    count = sum(field.end - field.payload for field in fields) // width
    message = parse(wire, BlobProto, bytes(rest), blob.payload)
    shape = _shape(message, count, where)  # checked before any memory is taken
    values = torch.empty(count, dtype=torch.float64 if double else torch.float32)
    array, done = values.numpy(), 0
    for field in fields:
        size = (field.end - field.payload) // width
        wire.read_into(array[done : done + size], field.payload)
        done += size
    return values.float().reshape(shape)


def from_message(blob: Any, where: str) -> Tensor:
    """The tensor of a BlobProto that protobuf has parsed, float32."""
    data, kind = (blob.data, np.float32)
    if blob.double_data:
        data, kind = (blob.double_data, np.float64)
    shape = _shape(blob, len(data), where)
    return torch.from_numpy(np.fromiter(data, kind, len(data))).float().reshape(shape)


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
