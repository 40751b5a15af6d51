"""Networks whose layers do not simply follow one another."""

import pytest
import torch
from caffe_networks import FIRE, conv, image, load_net, names, step
from torch import nn

from loadcaffe.graph import Graph


def test_load_runs_a_branched_network_in_order(tmp_path):
    network = load_net(tmp_path, *FIRE)
    assert isinstance(network, Graph)
    assert names(network) == ['squeeze', 'left', 'right', 'both']
    x = image(1, 3, 5, 6)
    squeezed = network.squeeze(x)
    expected = torch.cat([network.left(squeezed), network.right(squeezed)], 1)
    assert torch.equal(network(x), expected)
    assert torch.equal(network[:2](x), network.left(squeezed))
    with pytest.raises(IndexError, match='first layer'):
        network[1:]


def test_chain_of_new_layers_is_a_sequential(tmp_path):
    network = load_net(tmp_path, conv('data', 'conv1', 3, 4), step('AbsVal', 'conv1', 'conv1'))
    assert type(network) is nn.Sequential
    assert network(image(1, 3, 4, 4)).min() >= 0


def test_weights_of_a_graph_are_frozen(tmp_path):
    network = load_net(tmp_path, *FIRE)
    assert not any(parameter.requires_grad for parameter in network.parameters())
