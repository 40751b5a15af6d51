"""Blobs in every encoding, and inconsistent ones."""

import math

import numpy as np
import pytest
import torch
from caffe_networks import field, varint

import loadcaffe
from loadcaffe.formats import wire

FLOATS = [1.0, -2.5, 3.25, 0.0, 5.0, 6.0]


def packed(values):
    return field(5, np.array(values, '<f4').tobytes())


def unpacked(values):
    return b''.join(varint(5 << 3 | 5) + np.array(value, '<f4').tobytes() for value in values)


SHAPE = field(7, field(1, bytes([2, 3])))


GROUP = bytes([50 << 3 & 127 | 3 | 128, 50 >> 4, 0x08, 0x01, 50 << 3 & 127 | 4 | 128, 50 >> 4])


LEGACY = bytes([0x08, 1, 0x10, 1, 0x18, 2, 0x20, 3])


DOUBLES = field(8, np.array(FLOATS, '<f8').tobytes())


def write_blob(folder, content, before=b'', after=b''):
    """Write a network of one layer with one blob, given byte by byte."""
    net = field(
        100,
        field(1, b'fc') + before + field(7, content) + field(2, b'InnerProduct') + after,
    )
    path = folder / 'net.caffemodel'
    path.write_bytes(net)
    return path


def read_blob(path):
    (layer,) = loadcaffe.read(path).layers
    (blob,) = layer.blobs
    assert (layer.name, layer.type) == ('fc', 'InnerProduct')
    return blob


@pytest.mark.parametrize(
    'content, shape',
    [
        (SHAPE + packed(FLOATS), (2, 3)),
        (packed(FLOATS) + SHAPE, (2, 3)),
        (LEGACY + packed(FLOATS), (1, 1, 2, 3)),
        (SHAPE + LEGACY[:2] + packed(FLOATS), (2, 3)),
        (packed(FLOATS), (6,)),
        (packed(FLOATS[:2]) + SHAPE + packed(FLOATS[2:]) + packed([]), (2, 3)),
        (SHAPE + unpacked(FLOATS), (2, 3)),
        (SHAPE + packed(FLOATS[:4]) + unpacked(FLOATS[4:]), (2, 3)),
        (
            field(7, field(1, b'\2')) + packed(FLOATS) + field(7, field(1, b'\3')),
            (2, 3),
        ),
        (SHAPE + DOUBLES, (2, 3)),
        (SHAPE + DOUBLES + packed([7.0]), (2, 3)),
        (SHAPE + field(8, b'') + packed(FLOATS), (2, 3)),
        (
            SHAPE + field(6, b'123') + field(99, b'unknown') + packed(FLOATS),
            (2, 3),
        ),
        (SHAPE + GROUP + packed(FLOATS) + GROUP, (2, 3)),
    ],
)
def test_blob_is_read_in_every_encoding_of_protobuf(tmp_path, content, shape):
    blob = read_blob(write_blob(tmp_path, content, before=GROUP, after=field(3000, b'unknown')))
    assert blob.dtype == torch.float32
    assert blob.shape == shape
    assert blob.flatten().tolist() == FLOATS


def test_values_beyond_float32_become_infinite(tmp_path):
    doubles = field(8, np.array([1e300, 0.1], '<f8').tobytes())
    assert read_blob(write_blob(tmp_path, doubles)).tolist() == [math.inf, np.float32(0.1)]


@pytest.mark.parametrize(
    'content, problem',
    [
        (SHAPE + packed(FLOATS[:5]), r'shape \[2, 3\] is 6 values, it holds 5'),
        (SHAPE + packed(FLOATS + [7.0]), 'is 6 values, it holds 7'),
        (SHAPE + unpacked(FLOATS[:5]), 'is 6 values, it holds 5'),
        (SHAPE + field(5, b'12345'), 'in the middle of a number'),
        (SHAPE + field(8, b'12345'), 'in the middle of a number'),
        (LEGACY[:4] + packed(FLOATS), r'shape \[1, 1, 0, 0\] is 0 values, it holds 6'),
        (
            field(7, field(1, varint(1 << 62) * 2)) + packed(FLOATS),
            'impossible',
        ),
        (
            field(7, field(1, varint((1 << 64) - 1) * 2)) + packed([1.0]),
            r'shape \[-1, -1\]',
        ),
        (field(7, field(1, b'\0' + varint(1 << 62) * 3)), 'impossible'),
        (
            field(7, field(1, varint(1 << 40))) + packed(FLOATS),
            'is 1099511627776 values',
        ),
        (b'\x20' + varint(1 << 40) + LEGACY[:6] + packed(FLOATS), 'is 2199023255552 values'),
        (field(7, field(1, b'\1' * 33)) + packed([1.0]), 'has 33 axes'),
        (field(7, b'\xff') + packed(FLOATS), 'BlobProto at byte [0-9]+ does not parse'),
        (varint(5 << 3 | 2) + varint(1 << 62) + b'1234', 'claims 4611686018427387904 bytes, 4 are'),
        (varint(5 << 3 | 2) + b'\xff' * 9 + b'\1', 'claims 18446744073709551615 bytes, 0 are'),
        (varint(5 << 3 | 2) + b'\xff' * 11, 'more than 10 bytes'),
        (varint(5 << 3 | 5) + b'123', 'claims 4 bytes, 3 are left'),
        (b'\x0f', 'wire type 7'),
        (b'\x02\x00', 'field number 0'),
        (b'\x0b' * 101, 'groups nested deeper than 100'),
        (b'\x0b', 'a group is still open'),
        (b'\x0b\x14', 'stray end of group'),
        (b'\x0c', 'stray end of group'),
    ],
)
def test_inconsistent_blob_is_refused(tmp_path, content, problem):
    path = write_blob(tmp_path, content)
    with pytest.raises(loadcaffe.CaffeFormatError, match=rf'net\.caffemodel: .*{problem}'):
        loadcaffe.read(path)


def test_missing_values_are_not_allocated(tmp_path, monkeypatch):
    def allocate(*size, **options):
        raise AssertionError(f'allocated {size}')

    monkeypatch.setattr(torch, 'empty', allocate)
    path = write_blob(tmp_path, field(7, field(1, varint(1 << 34))) + packed(FLOATS))
    with pytest.raises(loadcaffe.CaffeFormatError, match='is 17179869184 values'):
        loadcaffe.read(path)


def test_huge_description_is_not_parsed(tmp_path, monkeypatch):
    monkeypatch.setattr(wire, 'MAX_DESCRIPTION', 1000)
    path = write_blob(tmp_path, field(7, field(1, b'\1' * 1000)))
    with pytest.raises(loadcaffe.CaffeFormatError, match='more than 1000 bytes beside its floats'):
        loadcaffe.load('no.prototxt', path)
