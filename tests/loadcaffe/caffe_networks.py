"""Networks, layers and blobs that the tests write to files and load."""

import numpy as np
import torch
from samples import DATA

import loadcaffe
from loadcaffe.formats import schema

VGG = DATA / 'models' / 'mini_vgg19.caffemodel'
DEPLOY = """
input: "data" input_dim: 1 input_dim: 3 input_dim: 8 input_dim: 8
layer { name: "conv1" type: "Convolution" bottom: "data" top: "conv1"
        convolution_param { num_output: %d kernel_size: 1 } }
layer { name: "prob" type: "Softmax" bottom: "conv1" top: "prob" }
"""


# Files


def varint(value):
    content = bytearray()
    while value > 127:
        content.append(value & 127 | 128)
        value >>= 7
    return bytes(content) + bytes([value])


def field(number, content):
    """Return a length-delimited field of a protobuf message."""
    return varint(number << 3 | 2) + varint(len(content)) + content


def write_message(path, message):
    path.write_bytes(message.SerializeToString())
    return path


# Messages


def blob(*shape, seed=0):
    return blob_of(np.random.default_rng(seed).standard_normal(shape))


def blob_of(values):
    values = np.asarray(values, np.float32)
    return schema.BlobProto(shape={'dim': values.shape}, data=values.ravel())


def v2_net(*layers):
    """Return a network of V2 layers."""
    return schema.NetParameter(layer=layers)


def layer(layer_type, blobs=(), name='layer1', **param):
    """Return a V2 layer without bottom and top."""
    return schema.LayerParameter(name=name, type=layer_type, blobs=blobs, **param)


def step(layer_type, bottom, top, blobs=(), name=None, **param):
    """Return a V2 layer that is connected. bottom, top: blob names, separated by spaces."""
    name = name or top.split()[0]
    return layer(layer_type, blobs, name, bottom=bottom.split(), top=top.split(), **param)


def conv(bottom, top, inputs, outputs, kernel=1, **param):
    blobs = [blob(outputs, inputs, kernel, kernel, seed=outputs), blob(outputs, seed=1)]
    param = {'num_output': outputs, 'kernel_size': [kernel], **param}
    return step('Convolution', bottom, top, blobs, convolution_param=param)


FIRE = [
    conv('data', 'squeeze', 3, 4),
    conv('squeeze', 'left', 4, 5),
    conv('squeeze', 'right', 4, 6, 3, pad=[1]),
    step('Concat', 'left right', 'both'),
]


# Networks


def load_net(folder, *layers, prototxt=None, net='auto'):
    """Load V2 layers from a file, and a prototxt beside it where one is given."""
    model = write_message(folder / 'net.caffemodel', v2_net(*layers))
    path = folder / 'net.prototxt'
    if prototxt is not None:
        path.write_text(prototxt)
    return loadcaffe.load(path, model, net=net)


def run_layer(folder, layer_type, *inputs, blobs=(), tops='top', **param):
    """Return the output of one layer, whose inputs are slices of the network's."""
    names = [f'in{i}' for i in range(len(inputs))] if len(inputs) > 1 else ['data']
    layers = [step(layer_type, ' '.join(names), tops, blobs, **param)]
    if len(inputs) > 1:
        ends = np.cumsum([input.shape[1] for input in inputs])[:-1]
        layers.insert(0, step('Slice', 'data', ' '.join(names), slice_param={'slice_point': ends}))
    return load_net(folder, *layers)(torch.cat(inputs, 1))


def names(network):
    return [module.name for module in network]


def same_networks(network, other, count=None):
    """Whether two networks are equal in names, modules and weights, up to a number of layers."""
    network, other = list(network)[:count], list(other)[:count]
    return (
        names(network) == names(other)
        and list(map(repr, network)) == list(map(repr, other))
        and all(
            torch.equal(a, b)
            for module, twin in zip(network, other, strict=True)
            for a, b in zip(module.parameters(), twin.parameters(), strict=True)
        )
    )


# Inputs, and formulas in numpy


def image(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64).float()


X = image(2, 6, 5, 7)
SCALES = np.linspace(-1, 2, 6)  # one number for each channel of X
MEAN, VARIANCE = SCALES, np.linspace(0.5, 3, 6)


def numpy_of(tensor):
    return tensor.numpy().astype(np.float64)


def per_channel(values):
    return numpy_of(torch.tensor(values))[:, None, None]
