"""Layers that resize and cut images."""

import torch
from caffe_networks import FIRE, X, load_net, names, step


def test_crop_cuts_to_the_second_input(tmp_path):
    network = load_net(
        tmp_path,
        step('Pooling', 'data', 'small', pooling_param={'kernel_size': 3}),
        step('Crop', 'data small', 'cut', crop_param={'offset': [1, 2]}),
    )
    assert torch.equal(network(X), X[:, :, 1:4, 2:7])


def test_text_only_layers_of_forks_load_from_a_prototxt(tmp_path):
    prototxt = """
    input: "data"
    layer { name: "crop" type: "CropCenter" bottom: "data" top: "crop"
            crop_center_param { crop_size: [0, 0, 1, 2] } }
    layer { name: "up" type: "Upsample" bottom: "crop" top: "up" upsample_param { scale: 2 } }
    layer { name: "zoom" type: "Interp" bottom: "up" top: "zoom" interp_param { zoom_factor: 2 } }
    layer { name: "shuffle" type: "ShuffleChannel" bottom: "zoom" top: "shuffle"
            shuffle_channel_param { group: 3 } }
    layer { name: "p" type: "Pooling" bottom: "shuffle" top: "p"
            pooling_param { kernel_size: 2 stride: 2 ceil_mode: false } }
    """
    network = load_net(tmp_path, *FIRE, prototxt=prototxt)
    assert names(network) == ['crop', 'up', 'zoom', 'shuffle', 'p']
    cut = X[:, :, 1:4, 2:5]
    assert torch.equal(network[:2](X), cut.repeat_interleave(2, 2).repeat_interleave(2, 3))
    assert network[:3](X).shape == (2, 6, 11, 11)
    assert torch.equal(network[3](X), X[:, [0, 2, 4, 1, 3, 5]])
    assert network(X).shape == (2, 6, 5, 5)
