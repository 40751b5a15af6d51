"""Losses inserted into a CNN."""

import logging

import pytest
import torch
from loss_networks import network, network_with_branches
from samples import mini_vgg19
from torch import nn

from neural_style import ContentLoss, StyleLoss, TVLoss
from neural_style.network.building import loss_positions

NAMES = ['conv1', 'relu1', 'pool1', 'conv2', 'relu2', 'fc3']


@pytest.mark.parametrize(
    ('content', 'style', 'want'),
    [
        (['relu2'], ['relu1', 'relu2'], ([4], [1, 4], 5)),
        (['relu1'], ['relu1'], ([1], [1], 2)),
        ([], [], ([], [], 0)),
        (['relu1'], [], ([1], [], 2)),
        (['relu1'], ['relu2', 'relu1'], ([1], [4], 6)),  # out of order: stalls
        (['relu1'], ['relu1', 'nosuch', 'relu2'], ([1], [1], 6)),  # unknown: stalls
        (['relu1', 'relu1'], ['relu1'], ([1], [1], 6)),  # named twice: stalls
        ([' relu1'], ['relu1'], ([], [1], 6)),  # a space is part of the name
        (['fc3'], ['conv1'], ([5], [0], 6)),
    ],
)
def test_layer_lists_advance_in_list_order_only(content, style, want):
    assert loss_positions(NAMES, content, style) == want


def test_blanks_around_names_of_layers_do_not_count(caplog):
    with caplog.at_level(logging.WARNING):
        net = network(style_layers=['relu1_1', ' relu2_1'], style_layer_weights={' relu2_1': 0.5})
    assert net.style_names == ['relu1_1', 'relu2_1']
    assert net.style_losses[1].strength == net.style_losses[0].strength / 2
    assert caplog.text == ''


def test_layers_without_commas_get_a_hint(caplog):
    with caplog.at_level(logging.WARNING):
        network(style_layers=['relu1_1 relu2_1'])
    assert 'layers are separated by commas: relu1_1,relu2_1' in caplog.text


def test_stalled_list_is_warned_of(caplog):
    with caplog.at_level(logging.WARNING):
        network(style_layers=['relu1_1', 'nosuch', 'relu2_1'])
    assert "`style_layers`: 'nosuch' and what follows it are not used" in caplog.text
    assert 'no layer of that name' in caplog.text


def test_network_ends_with_its_last_loss_and_starts_with_tv():
    net = network(content_layers=['relu2_1'], style_layers=['relu1_1'])
    layers = list(net.chunks[0])
    assert [type(loss) for loss in net.image_losses] == [TVLoss]
    assert isinstance(layers[2], StyleLoss)
    assert isinstance(layers[-1], ContentLoss)
    assert len(layers) == 7 + 2
    lines = net.describe().split('\n')
    assert len(lines) == 2 + 1 + 7 + 2 + 1
    assert lines[2] == '  (1): nn.TVLoss'
    assert lines[5] == '  (4): nn.StyleLoss'
    assert lines[-2] == '  (10): nn.ContentLoss'


def test_weight_zero_adds_no_tv_loss():
    net = network(tv_weight=0)
    assert net.image_losses == []
    assert 'TVLoss' not in net.describe()


def test_network_without_losses_is_refused():
    with pytest.raises(ValueError, match='no loss to minimise'):
        network(content_layers=[], style_layers=[], tv_weight=0)


def test_only_a_loss_just_before_a_relu_precedes_it():
    net = network(content_layers=['conv4_2'], style_layers=['conv1_1', 'relu2_1', 'pool2'])
    assert [loss.precedes_relu for loss in net.style_losses] == [True, False, False]
    # The network ends at conv4_2, so no ReLU overwrites its features.
    assert [loss.precedes_relu for loss in net.content_losses] == [False]


def test_average_pooling_is_in_floor_mode_and_announced(caplog):
    with caplog.at_level(logging.INFO):
        net = network(pooling='avg')
    pooling = [layer for layer in net.chunks[0] if isinstance(layer, nn.AvgPool2d)]
    assert len(pooling) == 3
    assert not any(layer.ceil_mode for layer in pooling)
    assert 'Replacing max pooling at layer 5 with average pooling' in caplog.messages


def test_padded_max_pooling_cannot_become_average_pooling():
    cnn = mini_vgg19()
    cnn[4].padding = (1, 1)
    with pytest.raises(ValueError, match="`pooling` avg: layer 'pool1' has padding"):
        network(cnn, pooling='avg')


def test_average_pooling_keeps_the_size_of_a_branch():
    net = network_with_branches(content_layers=['conv3'], pooling='avg')
    assert net(torch.zeros(3, 9, 8)).shape == (1, 4, 5, 4)
    (pool,) = [layer for layer in net.modules() if isinstance(layer, nn.AvgPool2d)]
    assert (pool.padding, pool.ceil_mode) == (1, True)
