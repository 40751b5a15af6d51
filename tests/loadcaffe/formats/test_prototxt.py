"""Caffe's text format, and what is not."""

import pytest

import loadcaffe


@pytest.mark.parametrize(
    'content, problem',
    [
        (b'layer { name: "a"', 'Expected'),
        (b'layer { type: 3 }', 'string'),
        (b'layer { pooling_param { pool: MEDIAN } }', 'MEDIAN'),
        (b'layer {}\nlayer { type: }', 'line 2, column 15: .*Expected string'),
        (b'net: "train_val.prototxt" base_lr: 0.01', 'has no layers'),
        (b'layer { blobs { shape { dim: 3 } data: 1 } }', 'is 3 values, it holds 1'),
        (b'a { ' * 5000, 'line 1, column 203: messages nested deeper than 50'),
        (b'a: 1 ' * 20_000, 'line 1, column 65536: longer'),
        (b'a: 1\n' * 200_001, 'longer than 1000000 bytes'),
        (b'layer {}\n' * 10_001, 'more than 10000 layers'),
        (b'', 'has no layers'),
        (b'<!DOCTYPE html>', 'not a prototxt'),
    ],
)
def test_invalid_prototxt_is_refused_with_a_place(tmp_path, content, problem):
    path = tmp_path / 'net.prototxt'
    path.write_bytes(content)
    with pytest.raises(loadcaffe.CaffeFormatError, match=rf'net\.prototxt: .*{problem}'):
        loadcaffe.read(path)


def test_prototxt_may_hold_blobs(tmp_path):
    (tmp_path / 'net.prototxt').write_text(
        'layer { name: "fc" type: "InnerProduct" unknown_param { a: 1 b { c: X } }'
        ' blobs { shape { dim: 1 dim: 2 } data: 1.5 data: -2 } }'
    )
    (layer,) = loadcaffe.read(tmp_path / 'net.prototxt').layers
    assert (layer.name, layer.type) == ('fc', 'InnerProduct')
    assert [blob.tolist() for blob in layer.blobs] == [[[1.5, -2.0]]]
