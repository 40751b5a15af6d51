"""Networks of 2013."""

from caffe_networks import names, write_message
from torch import nn

import loadcaffe
from loadcaffe.formats import schema

V0 = """
input: "data" input_dim: 1 input_dim: 3 input_dim: 6 input_dim: 6
layers { layer { name: "pad1" type: "padding" pad: 2 } bottom: "data" top: "pad1" }
layers { layer { name: "conv1" type: "conv" num_output: 4 kernelsize: 3 stride: 2 group: 1
         biasterm: false blobs { num: 4 channels: 3 height: 3 width: 3 data: [VALUES] } }
         bottom: "pad1" top: "conv1" }
layers { layer { name: "relu1" type: "relu" } bottom: "conv1" top: "conv1" }
layers { layer { name: "pool1" type: "pool" kernelsize: 2 stride: 2 pool: AVE }
         bottom: "conv1" top: "pool1" }
""".replace('VALUES', ', '.join(['0.5'] * 108))


def test_v0_network_loads_like_its_successors(tmp_path):
    (tmp_path / 'v0.prototxt').write_text(V0)
    net = loadcaffe.read(tmp_path / 'v0.prototxt')
    assert (net.version, [layer.type for layer in net.layers]) == (
        0,
        ['Convolution', 'ReLU', 'Pooling'],
    )
    from google.protobuf import text_format

    message = text_format.Parse(V0, schema.NetParameter())
    write_message(tmp_path / 'v0.caffemodel', message)
    network = loadcaffe.load('no', tmp_path / 'v0.caffemodel')
    assert names(network) == ['conv1', 'relu1', 'pool1']
    assert (network[0].padding, network[0].stride, network[0].bias) == ((2, 2), (2, 2), None)
    assert network[0].weight.unique().tolist() == [0.5]
    assert isinstance(network[2], nn.AvgPool2d)
