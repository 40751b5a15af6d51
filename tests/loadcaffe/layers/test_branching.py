"""Layers that join and split blobs."""

import numpy as np
import pytest
import torch
from caffe_networks import X, load_net, run_layer, step


@pytest.mark.parametrize('operation, formula', [(0, np.multiply), (1, np.add), (2, np.maximum)])
def test_eltwise_combines_as_caffe(tmp_path, operation, formula):
    a, b = X[:, :3], X[:, 3:]
    output = run_layer(tmp_path, 'Eltwise', a, b, eltwise_param={'operation': operation})
    assert np.array_equal(output.numpy(), formula(a.numpy(), b.numpy()))


def test_slice_gives_its_parts_to_others(tmp_path):
    network = load_net(
        tmp_path,
        step('Slice', 'data', 'a b', slice_param={'slice_point': [2]}),
        step('AbsVal', 'b', 'out'),
    )
    assert torch.equal(network(X), X[:, 2:].abs())


@pytest.mark.parametrize('layer_type', ['Concat', 'Eltwise'])
def test_inputs_of_different_sizes_are_not_combined(tmp_path, layer_type):
    network = load_net(
        tmp_path,
        step('Pooling', 'data', 'half', pooling_param={'kernel_size': 2, 'stride': 2}),
        step(layer_type, 'data half', 'both'),
    )
    with pytest.raises(ValueError, match='1 x 6 x 4 x 4 and 1 x 6 x 2 x 2 cannot be combined'):
        network(X[:1, :, :4, :4])


@pytest.mark.parametrize('axis', [4, -5])
def test_concat_refuses_an_axis_that_its_inputs_lack(tmp_path, axis):
    network = load_net(tmp_path, step('Concat', 'data data', 'both', concat_param={'axis': axis}))
    with pytest.raises(ValueError, match=f'no axis {axis} to join'):
        network(X)
