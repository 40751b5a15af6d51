"""Damaged and unreasonable caffemodels."""

import time

import numpy as np
import pytest
from caffe_networks import blob_of, field, layer, step, v2_net, write_message

import loadcaffe
from loadcaffe.formats import schema, wire


def outcome(path):
    """Return the number of modules, or None for a CaffeFormatError. Any other error is a fault."""
    try:
        return len(loadcaffe.load('no.prototxt', path))
    except loadcaffe.CaffeFormatError as error:
        assert path.name in str(error)
        return None


@pytest.mark.parametrize('name', ['lenet_v1', 'lenet_v2', 'lenet_v2_legacyblobs'])
def test_truncated_caffemodel_is_refused(data, tmp_path, name):
    content = (data / 'models' / f'{name}.caffemodel').read_bytes()
    net = schema.NetParameter.FromString(content)
    layer_count = len(loadcaffe.load('no.prototxt', data / 'models' / f'{name}.caffemodel'))
    path = tmp_path / 'cut.caffemodel'
    lengths = {*range(300), *range(300, len(content), 211), *range(len(content) - 40, len(content))}
    loaded = {}
    for length in sorted(lengths):
        path.write_bytes(content[:length])
        loaded[length] = outcome(path)
    # Cut exactly between two layers, a file is still well-formed, as for protobuf.
    ends, end = set(), len(schema.NetParameter(name=net.name).SerializeToString())
    for message in net.layers or net.layer:
        number = 2 if net.layers else 100
        end += len(field(number, message.SerializeToString()))
        ends.add(end)
    assert end == len(content)
    assert {length for length, modules in loaded.items() if modules is not None} <= ends
    assert all(modules <= layer_count for modules in loaded.values() if modules is not None)
    assert None in loaded.values() and loaded[len(content) - 1] is None


@pytest.mark.parametrize('name', ['lenet_v1', 'lenet_v2_legacyblobs'])
def test_flipped_bits_are_refused_or_load(data, tmp_path, name):
    content = (data / 'models' / f'{name}.caffemodel').read_bytes()
    # Where the description lies, not the floats, in which a flipped bit is only another weight.
    described = [i for i in range(len(content)) if b'conv' in content[max(0, i - 60) : i + 60]]
    random = np.random.default_rng(20170415)
    path = tmp_path / 'flipped.caffemodel'
    start, refused = time.process_time(), 0
    for _ in range(300):
        damaged = bytearray(content)
        for at in random.choice(described, random.integers(1, 4)):
            damaged[at] ^= 1 << random.integers(8)
        path.write_bytes(damaged)
        refused += outcome(path) is None
    assert 30 < refused < 300
    assert time.process_time() - start < 10  # 1 s of CPU time as measured


def test_random_bytes_are_refused(tmp_path):
    random = np.random.default_rng(20170415)
    path = tmp_path / 'random.caffemodel'
    for size in random.integers(1, 200, 200):
        path.write_bytes(random.bytes(size))
        assert outcome(path) in (None, 0)


@pytest.mark.parametrize('content', [b'\x98\x06\x00', b'\x9b\x06\x9c\x06', b'\xa2\x06\x00'])
def test_file_of_very_many_fields_is_refused(tmp_path, monkeypatch, content):
    monkeypatch.setattr(wire, 'MAX_FIELDS', 1000)
    path = tmp_path / 'many.caffemodel'
    path.write_bytes(content * 1001)
    with pytest.raises(loadcaffe.CaffeFormatError, match='more than 1000 fields'):
        loadcaffe.load('no.prototxt', path)


def test_network_of_many_layers_loads_quickly(tmp_path):
    layers = [layer('AbsVal', name=f'a{i}', bottom=['a'], top=['a']) for i in range(3000)]
    write_message(tmp_path / 'net.caffemodel', v2_net(*layers))
    assert len(loadcaffe.load('no', tmp_path / 'net.caffemodel')) == 3000


def test_network_as_deep_as_resnet_1001_is_read(tmp_path):
    """ResNet-1001 has 333 blocks of three convolutions: 4,330 layers, 5,995 blobs."""
    number = [blob_of([1.0])]
    layers = [
        step(layer_type, 'a', 'a', number * blobs)
        for _ in range(333 * 3)
        for layer_type, blobs in (('Convolution', 1), ('BatchNorm', 3), ('Scale', 2), ('ReLU', 0))
    ]
    layers += [step('Eltwise', 'a a', 'a')] * 333 + [step('Convolution', 'a', 'a', number)]
    net = loadcaffe.read(write_message(tmp_path / 'net.caffemodel', v2_net(*layers)))
    assert len(net.layers) == 4330 and sum(len(layer.blobs) for layer in net.layers) == 5995
