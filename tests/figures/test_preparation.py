"""Checks before rendering."""

import torch
from torch import nn

from loadcaffe.formats import schema
from loadcaffe.graph import Graph
from loadcaffe.layers.branching import Concat
from neural_style.figures.inputs import Input
from neural_style.figures.plan import Painting
from neural_style.figures.preparation import shorten


def test_branches_are_kept_when_a_network_is_shortened():
    layers = [('a', nn.ReLU()), ('b', nn.Sigmoid()), ('c', Concat(1)), ('d', nn.ReLU())]
    cnn = Graph(layers, [[(-1, 0)], [(-1, 0)], [(0, 0), (1, 0)], [(2, 0)]])
    content = Input('content.png', '-content_image')
    settings = {'content_layers': 'c', 'style_layers': 'a'}
    painting = Painting('x', 'x', (0, 0), content, (content,), settings)
    shortened = shorten(cnn, [painting], 'some.caffemodel')
    assert [name for name, _ in shortened.named_children()] == ['a', 'b', 'c']
    x = torch.randn(1, 2, 3, 3)
    assert torch.equal(shortened(x), torch.cat((x.relu(), x.sigmoid()), 1))


def test_network_may_be_unreadable_beyond_the_layers_of_a_figure(command, calls, data, tmp_path):
    model = data / 'models' / 'mini_vgg19_conv.caffemodel'
    net = schema.NetParameter.FromString(model.read_bytes())
    top = net.layers[-1].top[0]
    net.layers.add(name='fc6', type=14, bottom=[top], top=['fc6'])  # lacks its weights
    (tmp_path / 'net.caffemodel').write_bytes(net.SerializeToString())
    assert command('2', '-model_file net.caffemodel -proto_file none.prototxt') == 0
    assert calls
