"""Warnings of what is not used."""

import pytest
from caffe_networks import FIRE, load_net, names

import loadcaffe


def test_other_fields_of_forks_are_told(tmp_path, caplog):
    prototxt = """input: "data"
    layer { name: "pool" type: "Pooling" bottom: "data" top: "pool" quantize: 8
            pooling_param { kernel_size: 2 } transform_param { resize_param { } } }"""
    assert names(load_net(tmp_path, *FIRE, prototxt=prototxt)) == ['pool']
    (record,) = caplog.records
    assert "not known and not used: quantize of 'pool'" in record.message


def test_engines_of_forks_make_no_difference(tmp_path, caplog):
    prototxt = """input: "data"
    layer { name: "pool" type: "Pooling" bottom: "data" top: "pool"
            pooling_param { kernel_size: 2 engine: MKL2017 cudnn_math_override: -1 } }"""
    assert names(load_net(tmp_path, *FIRE, prototxt=prototxt)) == ['pool']
    assert not caplog.records


def test_parameters_of_the_layer_itself_are_not_ignored(tmp_path):
    prototxt = """input: "data"
    layer { name: "r" type: "ReLU6" bottom: "data" top: "r" relu6_param { threshold: 4 } }"""
    with pytest.raises(loadcaffe.CaffeFormatError, match="'r' of type ReLU6 .*: relu6_param"):
        load_net(tmp_path, *FIRE, prototxt=prototxt, net='prototxt')
