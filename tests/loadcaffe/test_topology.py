"""Which layers run, and what they take."""

import pytest
import torch
from caffe_networks import FIRE, conv, layer, load_net, names, step

import loadcaffe


def test_splits_labels_and_losses_are_left_out(tmp_path):
    network = load_net(
        tmp_path,
        step('Data', '', 'data label'),
        step('Split', 'label', 'label_0 label_1'),
        step('Split', 'data', 'data_0 data_1'),
        conv('data_0', 'a', 3, 4),
        conv('data_1', 'b', 3, 4),
        step('Eltwise', 'a b', 'sum'),
        step('EuclideanLoss', 'sum label_0', 'loss'),
        step('Accuracy', 'sum label_1', 'accuracy'),
        step('Python', 'sum label_0', 'own_loss'),
    )
    assert names(network) == ['a', 'b', 'sum']


def test_load_runs_the_layers_of_phase_test(tmp_path):
    prototxt = """
    layer { name: "in" type: "Data" top: "data" include { phase: TRAIN } }
    layer { name: "in" type: "ImageData" top: "data" top: "label" include { phase: TEST } }
    layer { name: "no" type: "Power" bottom: "data" top: "data" exclude { phase: TEST } }
    layer { name: "st" type: "Power" bottom: "data" top: "data" include { stage: "deploy" } }
    layer { name: "a" type: "AbsVal" bottom: "data" top: "data" include { min_level: 0 } }
    layer { name: "d" type: "Dropout" bottom: "data" top: "data" }
    """
    network = load_net(tmp_path, *FIRE, prototxt=prototxt)
    assert names(network) == ['a', 'd']
    assert network(torch.tensor([[-2.0]])).tolist() == [[2.0]]


def test_layers_that_only_write_files_are_left_out(tmp_path):
    network = load_net(
        tmp_path,
        step('ImageSegData', '', 'data label size'),
        conv('data', 'score', 3, 4),
        layer('MatWrite', name='features', bottom=['score']),
        layer('MatWrite', name='sizes', bottom=['size']),
    )
    assert names(network) == ['score']
    with pytest.raises(loadcaffe.CaffeFormatError, match="layer 'lost' has no top"):
        load_net(tmp_path, layer('AbsVal', name='lost', bottom=['data']))
