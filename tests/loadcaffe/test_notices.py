"""Warnings of what is not used."""

from caffe_networks import FIRE, load_net, names


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
