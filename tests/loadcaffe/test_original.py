"""Networks as the original builds them, and the layers that it loses."""

import pytest
from caffe_networks import conv, load_net, names, step

import loadcaffe


def test_layers_of_a_chain_that_are_not_used_may_lack_weights(tmp_path, caplog):
    chain = [conv('data', 'conv1', 3, 4), step('InnerProduct', 'conv1', 'fc')]
    with pytest.raises(loadcaffe.CaffeFormatError, match="'fc' .*it has 0"):
        load_net(tmp_path, *chain)
    model = tmp_path / 'net.caffemodel'
    assert names(loadcaffe.load('no', model, layers=['conv1'])) == ['conv1']
    assert "left out: 'fc': layer 'fc'" in caplog.text


def test_softmax_that_the_original_drops_from_v2_is_told(tmp_path, caplog):
    chain = [
        conv('data', 'conv1', 3, 4),
        step('Softmax', 'conv1', 'prob'),
        step('ReLU', 'prob', 'relu'),
    ]
    assert names(load_net(tmp_path, *chain)) == ['conv1']
    assert "left out: 'prob', 'relu': the original stops at the first softmax" in caplog.text
    caplog.clear()
    load_net(
        tmp_path,
        step('Data', '', 'data label'),
        conv('data', 'conv1', 3, 4),
        step('SoftmaxWithLoss', 'conv1 label', 'loss'),
        step('Accuracy', 'conv1 label', 'accuracy'),
    )
    assert 'left out' not in caplog.text
