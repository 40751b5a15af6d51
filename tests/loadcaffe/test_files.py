"""What may lie in a caffemodel, and what may lie there instead of one."""

import logging
import math
import time

import numpy as np
import pytest
import torch

import loadcaffe
from loadcaffe.formats import schema, wire

FLOATS = [1.0, -2.5, 3.25, 0.0, 5.0, 6.0]


@pytest.fixture(autouse=True)
def quiet(caplog):
    """No warning for each of the hundreds of times that no.prototxt is missing."""
    caplog.set_level(logging.ERROR, logger='loadcaffe')


def varint(value):
    content = bytearray()
    while value > 127:
        content.append(value & 127 | 128)
        value >>= 7
    return bytes(content) + bytes([value])


def held(number, content):
    """A length-delimited field."""
    return varint(number << 3 | 2) + varint(len(content)) + content


def packed(values):
    return held(5, np.array(values, '<f4').tobytes())


def unpacked(values):
    return b''.join(varint(5 << 3 | 5) + np.array(value, '<f4').tobytes() for value in values)


SHAPE = held(7, held(1, bytes([2, 3])))
GROUP = bytes([50 << 3 & 127 | 3 | 128, 50 >> 4, 0x08, 0x01, 50 << 3 & 127 | 4 | 128, 50 >> 4])
LEGACY = bytes([0x08, 1, 0x10, 1, 0x18, 2, 0x20, 3])
DOUBLES = held(8, np.array(FLOATS, '<f8').tobytes())


def write_blob(folder, content, before=b'', after=b''):
    """A network of one layer with one blob that is given byte by byte."""
    net = held(100, held(1, b'fc') + before + held(7, content) + held(2, b'InnerProduct') + after)
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
        (held(7, held(1, b'\2')) + packed(FLOATS) + held(7, held(1, b'\3')), (2, 3)),
        (SHAPE + DOUBLES, (2, 3)),
        (SHAPE + DOUBLES + packed([7.0]), (2, 3)),
        (SHAPE + held(8, b'') + packed(FLOATS), (2, 3)),
        (SHAPE + held(6, b'123') + held(99, b'unknown') + packed(FLOATS), (2, 3)),
        (SHAPE + GROUP + packed(FLOATS) + GROUP, (2, 3)),
    ],
)
def test_read_takes_a_blob_in_every_way_protobuf_allows(tmp_path, content, shape):
    blob = read_blob(write_blob(tmp_path, content, before=GROUP, after=held(3000, b'unknown')))
    assert blob.dtype == torch.float32
    assert blob.shape == shape
    assert blob.flatten().tolist() == FLOATS


def test_read_takes_blobs_from_a_prototxt(tmp_path):
    (tmp_path / 'net.prototxt').write_text(
        'layer { name: "fc" type: "InnerProduct" unknown_param { a: 1 b { c: X } }'
        ' blobs { shape { dim: 1 dim: 2 } data: 1.5 data: -2 } }'
    )
    assert read_blob(tmp_path / 'net.prototxt').tolist() == [[1.5, -2.0]]


def test_read_tells_text_from_binary_without_a_suffix(data, tmp_path):
    for suffix in ('prototxt', 'caffemodel'):
        (tmp_path / 'net').write_bytes((data / 'models' / f'lenet_v2.{suffix}').read_bytes())
        assert loadcaffe.read(tmp_path / 'net').name == 'LeNetLikeV2'


def test_read_converts_values_too_large_for_float32_silently(tmp_path):
    doubles = held(8, np.array([1e300, 0.1], '<f8').tobytes())
    assert read_blob(write_blob(tmp_path, doubles)).tolist() == [math.inf, np.float32(0.1)]


@pytest.mark.parametrize(
    'content, words',
    [
        (SHAPE + packed(FLOATS[:5]), r'shape \[2, 3\] is 6 values, it holds 5'),
        (SHAPE + packed(FLOATS + [7.0]), 'is 6 values, it holds 7'),
        (SHAPE + unpacked(FLOATS[:5]), 'is 6 values, it holds 5'),
        (SHAPE + held(5, b'12345'), 'in the middle of a number'),
        (SHAPE + held(8, b'12345'), 'in the middle of a number'),
        (LEGACY[:4] + packed(FLOATS), r'shape \[1, 1, 0, 0\] is 0 values, it holds 6'),
        (held(7, held(1, varint(1 << 62) * 2)) + packed(FLOATS), 'impossible'),
        (held(7, held(1, varint((1 << 64) - 1) * 2)) + packed([1.0]), r'shape \[-1, -1\]'),
        (held(7, held(1, b'\0' + varint(1 << 62) * 3)), 'impossible'),
        (held(7, held(1, varint(1 << 40))) + packed(FLOATS), 'is 1099511627776 values'),
        (b'\x20' + varint(1 << 40) + LEGACY[:6] + packed(FLOATS), 'is 2199023255552 values'),
        (held(7, held(1, b'\1' * 33)) + packed([1.0]), 'has 33 axes'),
        (held(7, b'\xff') + packed(FLOATS), 'BlobProto at byte [0-9]+ does not parse'),
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
def test_read_refuses_a_blob_that_lies(tmp_path, content, words):
    path = write_blob(tmp_path, content)
    with pytest.raises(loadcaffe.CaffeFormatError, match=rf'net\.caffemodel: .*{words}'):
        loadcaffe.read(path)


def test_read_takes_no_memory_for_what_is_not_there(tmp_path, monkeypatch):
    def allocate(*size, **kind):
        raise AssertionError(f'allocated {size}')

    monkeypatch.setattr(torch, 'empty', allocate)
    path = write_blob(tmp_path, held(7, held(1, varint(1 << 34))) + packed(FLOATS))
    with pytest.raises(loadcaffe.CaffeFormatError, match='is 17179869184 values'):
        loadcaffe.read(path)


LFS = b'version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 574671192\n'
GZIP = b'\x1f\x8b\x08\0\0\0\0\0'


@pytest.mark.parametrize(
    'content, words',
    [
        (b'', 'empty'),
        (b'<!DOCTYPE html>\n<html><title>404</title></html>', 'a web page'),
        (b'\xef\xbb\xbf\r\n <HTML><body>Sign in</body></HTML>', 'a web page'),
        (LFS, 'a Git LFS pointer'),
        (GZIP, 'an archive'),
        (b'PK\3\4\x14\0', 'an archive'),
        (b'\x89HDF\r\n\x1a\n\0', 'HDF5'),
        (b'name: "VGG"\nlayers {\n}\n', 'is it the prototxt'),
        (b'not found', 'is it the prototxt'),
        (held(1, b'no layers\0'), 'has no layers'),
        (bytes(100), 'field number 0'),
        (held(2, held(1, held(1, b'old'))), "layer 'old' has no bottom and no top"),
    ],
)
def test_load_names_what_is_no_caffemodel(tmp_path, content, words):
    path = tmp_path / 'VGG.caffemodel'
    path.write_bytes(content)
    with pytest.raises(loadcaffe.CaffeFormatError, match=rf'VGG\.caffemodel: .*{words}'):
        loadcaffe.load('VGG.prototxt', path)


@pytest.mark.parametrize(
    'content, words',
    [
        (b'layer { name: "a"', 'Expected'),
        (b'layer { type: 3 }', 'string'),
        (b'layer { pooling_param { pool: MEDIAN } }', 'MEDIAN'),
        (b'layer {}\nlayer { type: }', 'line 2, column 15: .*Expected string'),
        (b'net: "train_val.prototxt" base_lr: 0.01', 'has no layers'),
        (b'layer { blobs { shape { dim: 3 } data: 1 } }', 'is 3 values, it holds 1'),
        (b'a { ' * 5000, 'line 1, column 203: messages nested deeper than 50'),
        (b'a: 1 ' * 20_000, 'line 1, column 65536: longer'),
        (b'a: 1\n' * 200_000, 'longer than 600000 bytes'),
        (b'layer {}\n' * 10_001, 'more than 10000 layers'),
        (b'', 'has no layers'),
        (b'<!DOCTYPE html>', 'not a prototxt'),
    ],
)
def test_read_refuses_a_prototxt_that_is_none(tmp_path, content, words):
    path = tmp_path / 'net.prototxt'
    path.write_bytes(content)
    with pytest.raises(loadcaffe.CaffeFormatError, match=rf'net\.prototxt: .*{words}'):
        loadcaffe.read(path)


def test_read_names_a_file_that_is_missing_or_a_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match='net.caffemodel'):
        loadcaffe.read(tmp_path / 'net.caffemodel')
    with pytest.raises(loadcaffe.CaffeFormatError, match='not a regular file'):
        loadcaffe.read(tmp_path)


def outcome(path):
    """The number of modules, or None for a CaffeFormatError. Any other error is a fault."""
    try:
        return len(loadcaffe.load('no.prototxt', path))
    except loadcaffe.CaffeFormatError as error:
        assert path.name in str(error)
        return None


@pytest.mark.parametrize('name', ['lenet_v1', 'lenet_v2', 'lenet_v2_legacyblobs'])
def test_load_refuses_a_truncated_file(data, tmp_path, name):
    content = (data / 'models' / f'{name}.caffemodel').read_bytes()
    net = schema.NetParameter.FromString(content)
    whole = len(loadcaffe.load('no.prototxt', data / 'models' / f'{name}.caffemodel'))
    path = tmp_path / 'cut.caffemodel'
    lengths = {*range(300), *range(300, len(content), 211), *range(len(content) - 40, len(content))}
    loaded = {}
    for length in sorted(lengths):
        path.write_bytes(content[:length])
        loaded[length] = outcome(path)
    # Cut exactly between two layers, a file is still well-formed, as for protobuf.
    ends, end = set(), len(schema.NetParameter(name=net.name).SerializeToString())
    for one in net.layers or net.layer:
        number = 2 if net.layers else 100
        end += len(held(number, one.SerializeToString()))
        ends.add(end)
    assert end == len(content)
    assert {length for length, modules in loaded.items() if modules is not None} <= ends
    assert all(modules <= whole for modules in loaded.values() if modules is not None)
    assert None in loaded.values() and loaded[len(content) - 1] is None


@pytest.mark.parametrize('name', ['lenet_v1', 'lenet_v2_legacyblobs'])
def test_load_survives_flipped_bits(data, tmp_path, name):
    content = (data / 'models' / f'{name}.caffemodel').read_bytes()
    # Where the description lies, not the floats, in which a flipped bit is only another weight.
    described = [i for i in range(len(content)) if b'conv' in content[max(0, i - 60) : i + 60]]
    random = np.random.default_rng(20170415)
    path = tmp_path / 'flipped.caffemodel'
    start, refused = time.perf_counter(), 0
    for _ in range(300):
        damaged = bytearray(content)
        for at in random.choice(described, random.integers(1, 4)):
            damaged[at] ^= 1 << random.integers(8)
        path.write_bytes(damaged)
        refused += outcome(path) is None
    assert 30 < refused < 300
    assert time.perf_counter() - start < 10  # 1 s as measured


def test_load_survives_random_bytes(tmp_path):
    random = np.random.default_rng(20170415)
    path = tmp_path / 'random.caffemodel'
    for size in random.integers(1, 200, 200):
        path.write_bytes(random.bytes(size))
        assert outcome(path) in (None, 0)


def test_load_hands_no_huge_description_to_protobuf(tmp_path, monkeypatch):
    monkeypatch.setattr(wire, 'DESCRIPTION', 1000)
    path = write_blob(tmp_path, held(7, held(1, b'\1' * 1000)))
    with pytest.raises(loadcaffe.CaffeFormatError, match='more than 1000 bytes beside its floats'):
        loadcaffe.load('no.prototxt', path)


@pytest.mark.parametrize('content', [b'\x98\x06\x00', b'\x9b\x06\x9c\x06', b'\xa2\x06\x00'])
def test_load_gives_up_on_a_file_of_very_many_fields(tmp_path, monkeypatch, content):
    monkeypatch.setattr(wire, 'FIELDS', 1000)
    path = tmp_path / 'many.caffemodel'
    path.write_bytes(content * 1001)
    with pytest.raises(loadcaffe.CaffeFormatError, match='more than 1000 fields'):
        loadcaffe.load('no.prototxt', path)
