"""Which of two files says what the network is."""

import logging

import pytest
import torch
from caffe_networks import DEPLOY, FIRE, conv, load_net, names, step

import loadcaffe

TRAINED = [
    step('Data', '', 'data label'),
    conv('data', 'conv1', 3, 4),
    step('SoftmaxWithLoss', 'conv1 label', 'loss'),
]


def test_load_takes_the_deploy_net_of_a_training_net(tmp_path):
    assert names(load_net(tmp_path, *TRAINED, prototxt=DEPLOY % 4)) == ['conv1', 'prob']


def test_load_logs_what_the_original_prints_of_a_training_net(tmp_path, caplog):
    caplog.set_level(logging.INFO, logger='loadcaffe')
    load_net(tmp_path, *TRAINED, prototxt=DEPLOY % 4)
    load_net(tmp_path, *TRAINED, net='caffemodel')
    deployed, trained = (record.message for record in caplog.records if 'warning' in record.message)
    assert deployed == trained == "warning: module 'data [type Data]' not found"


def test_layer_names_come_from_the_model_of_a_known_chain(tmp_path):
    chain = [conv('data', 'conv1', 3, 4), step('ReLU', 'conv1', 'relu1')]
    deploy = (DEPLOY % 4).replace('"prob" type: "Softmax"', '"rectified" type: "ReLU"')
    assert names(load_net(tmp_path, *chain, prototxt=deploy)) == ['conv1', 'relu1']


def test_load_refuses_weights_that_do_not_fit_their_deploy_net(tmp_path):
    with pytest.raises(loadcaffe.CaffeFormatError, match='net.caffemodel.*should be 5 x 3 x 1 x 1'):
        load_net(tmp_path, *TRAINED, prototxt=DEPLOY % 5)


@pytest.mark.parametrize(
    'net, expected', [('caffemodel', ['conv1']), ('prototxt', ['conv1', 'prob'])]
)
def test_net_overrides_the_choice(tmp_path, net, expected):
    assert names(load_net(tmp_path, *TRAINED, prototxt=DEPLOY % 4, net=net)) == expected


def test_load_keeps_tanh_where_a_deploy_net_has_it(tmp_path):
    chain = [conv('data', 'conv1', 3, 4), step('TanH', 'conv1', 'tanh1')]
    assert names(load_net(tmp_path, *chain)) == ['conv1']  # as recorded
    deploy = (DEPLOY % 4).replace('"prob" type: "Softmax"', '"tanh1" type: "TanH"')
    assert names(load_net(tmp_path, *chain, prototxt=deploy)) == ['conv1', 'tanh1']


def test_load_ignores_a_deploy_net_of_other_weights_with_a_warning(tmp_path, caplog):
    deploy = (DEPLOY % 4).replace('conv1', 'conv9')
    assert names(load_net(tmp_path, *FIRE, prototxt=deploy)) == ['squeeze', 'left', 'right', 'both']
    (record,) = caplog.records
    assert "no weights for its layer 'conv9'" in record.getMessage()
    with pytest.raises(loadcaffe.CaffeFormatError, match="no weights for the layer 'conv9'"):
        load_net(tmp_path, *FIRE, prototxt=deploy, net='prototxt')


def test_load_shares_weights_by_the_name_of_their_param(tmp_path):
    prototxt = 'input: "data"' + ''.join(
        f'layer {{ name: "{name}" type: "Convolution" bottom: "data" top: "{name}"'
        ' param { name: "w" } param { name: "b" }'
        ' convolution_param { num_output: 4 kernel_size: 1 } }'
        for name in ('squeeze', 'twin')
    )
    network = load_net(tmp_path, *FIRE, prototxt=prototxt, net='prototxt')
    assert torch.equal(network.squeeze.weight, network.twin.weight)
