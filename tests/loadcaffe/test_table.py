"""The table of a network."""

import torch
from caffe_networks import conv, load_net, step


def test_receptive_field_is_what_a_gradient_reaches(tmp_path):
    from loadcaffe.table import rows

    layers = [
        conv('data', 'a', 1, 1, 3, stride=[2]),
        step('Pooling', 'a', 'p', pooling_param={'kernel_size': 2, 'stride': 2}),
        conv('p', 'b', 1, 1, 3, dilation=[2]),
        conv('p', 'c', 1, 1, 5),
        step('Pooling', 'b', 'q', pooling_param={'kernel_size': 1}),
        step('Crop', 'q c', 'd'),
        step('Concat', 'd c', 'e'),
    ]
    network = load_net(tmp_path, *layers)
    x = torch.zeros(1, 1, 99, 99, requires_grad=True)
    output = torch.nn.Sequential(network.a, torch.nn.AvgPool2d(2, 2), network.b)(x)
    (gradient,) = torch.autograd.grad(output[0, 0, 5, 5], x)
    reached = gradient[0, 0].nonzero()
    size = (reached.max(0).values - reached.min(0).values + 1).tolist()
    fields = {row.name: row.receptive_field for row in rows(network, (1, 1, 99, 99))}
    assert fields['b'] == fields['e'] == tuple(size) == (21, 21)
