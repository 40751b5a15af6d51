"""Layers that look at one value at a time."""

import torch
from caffe_networks import layer, load_net


def test_relu_with_a_slope_leaks_as_in_caffe(tmp_path):
    (module,) = load_net(tmp_path, layer('ReLU', relu_param={'negative_slope': 0.5}))
    assert module(torch.tensor([-2.0, 2.0])).tolist() == [-1.0, 2.0]
