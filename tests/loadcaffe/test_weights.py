"""Weights by the names of layers and of shared parameters, in every format."""

import h5py
import numpy as np
import pytest
import torch
from caffe_networks import VGG, blob_of, image, layer, load_net, names, step, v2_net, write_message
from google.protobuf import text_format
from safetensors.torch import save_file

import loadcaffe
from loadcaffe import __main__ as command
from loadcaffe.formats import schema

TWINS = """
input: "data"
layer { name: "conv1" type: "Convolution" bottom: "data" top: "conv1" %s
        convolution_param { num_output: 3 kernel_size: 1 } }
layer { name: "relu1" type: "ReLU" bottom: "conv1" top: "conv1" }
layer { name: "conv2" type: "Convolution" bottom: "conv1" top: "conv2" %s
        convolution_param { num_output: 3 kernel_size: 1 } }
"""
WEIGHT = np.arange(9, dtype=np.float32).reshape(3, 3, 1, 1)
BIAS = np.arange(3, dtype=np.float32)
ONE = {'conv1': {0: WEIGHT, 1: BIAS}}
PARTS = {0: 'weight', 1: 'bias'}


def caffemodel(path, weights, proto):
    layers = [layer('', [blob_of(b) for b in blobs.values()], n) for n, blobs in weights.items()]
    return write_message(path, v2_net(*layers))


def prototxt_with_blobs(path, weights, proto):
    """Write the network of the prototxt with blobs in its layers."""
    net = text_format.Parse(proto, schema.NetParameter())
    for message in net.layer:
        message.blobs.extend(blob_of(b) for b in weights.get(message.name, {}).values())
    return write_message(path, net)


def tensors(weights):
    return {
        f'{name}.{PARTS[number]}': torch.from_numpy(blob.copy())
        for name, blobs in weights.items()
        for number, blob in blobs.items()
    }


def pth(path, weights, proto):
    torch.save(tensors(weights), path)
    return path


def safetensors(path, weights, proto):
    save_file(tensors(weights), path)
    return path


def safetensors_with_network(path, weights, proto):
    save_file(tensors(weights), path, metadata={'prototxt': proto})
    return path


def hdf5(path, weights, proto):
    with h5py.File(path, 'w') as file:
        for name, blobs in weights.items():
            for number, blob in blobs.items():
                file[f'data/{name}/{number}'] = blob
    return path


FORMATS = [caffemodel, prototxt_with_blobs, pth, safetensors, safetensors_with_network, hdf5]
SUFFIXES = {pth: 'pth', hdf5: 'h5', safetensors: 'safetensors'}
SUFFIXES[safetensors_with_network] = 'safetensors'


@pytest.fixture(params=FORMATS, ids=lambda write: write.__name__)
def load(request, tmp_path):
    """Write weights in a format, and load them with a prototxt."""

    def load_weights(weights, proto, **options):
        (tmp_path / 'net.prototxt').write_text(proto)
        model = tmp_path / f'net.{SUFFIXES.get(request.param, "caffemodel")}'
        return loadcaffe.load(
            tmp_path / 'net.prototxt', request.param(model, weights, proto), **options
        )

    return load_weights


def test_layer_without_weights_is_named(load):
    with pytest.raises(loadcaffe.CaffeFormatError, match="'conv2'"):
        load(ONE, TWINS % ('', ''))


@pytest.mark.parametrize('params', ['param { } param { }', 'param { name: "" lr_mult: 1 }'])
def test_params_without_a_name_share_nothing(load, params):
    with pytest.raises(loadcaffe.CaffeFormatError, match="'conv2'"):
        load(ONE, TWINS % (params, params))


def test_named_params_share_weights(load):
    params = 'param { name: "w" } param { name: "b" }'
    network = load(ONE, TWINS % (params, params))
    assert names(network) == ['conv1', 'relu1', 'conv2']
    assert torch.equal(network.conv2.weight, torch.from_numpy(WEIGHT))
    assert torch.equal(network.conv2.bias, torch.from_numpy(BIAS))


def test_layers_that_share_a_weight_keep_their_own_biases(load):
    params = 'param { name: "w" } param { }'
    weights = {'conv1': {0: WEIGHT, 1: BIAS}, 'conv2': {0: WEIGHT, 1: BIAS + 7}}
    network = load(weights, TWINS % (params, params))
    assert network.conv1.bias.tolist() == [0, 1, 2]
    assert network.conv2.bias.tolist() == [7, 8, 9]


def test_hdf5_of_caffe_lacks_blobs_that_are_shared(tmp_path):
    """caffe: net.cpp, ToHDF5 writes a shared blob once; here the bias alone is conv2's own."""
    params = 'param { name: "w" } param { }'
    weights = {'conv1': {0: WEIGHT, 1: BIAS}, 'conv2': {1: BIAS + 7}}
    (tmp_path / 'net.prototxt').write_text(TWINS % (params, params))
    model = hdf5(tmp_path / 'net.h5', weights, '')
    network = loadcaffe.load(tmp_path / 'net.prototxt', model)
    assert torch.equal(network.conv2.weight, torch.from_numpy(WEIGHT))
    assert network.conv2.bias.tolist() == [7, 8, 9]
    (tmp_path / 'net.prototxt').write_text(TWINS % ('', ''))
    with pytest.raises(loadcaffe.CaffeFormatError, match="no weights for the layer 'conv2'"):
        loadcaffe.load(tmp_path / 'net.prototxt', model)


def test_of_shared_weights_the_last_in_the_file_count_as_in_caffe(load):
    params = 'param { name: "w" } param { name: "b" }'
    weights = {'conv1': {0: WEIGHT, 1: BIAS}, 'conv2': {0: WEIGHT + 1, 1: BIAS + 1}}
    network = load(weights, TWINS % (params, params), net='prototxt')
    assert torch.equal(network.conv1.weight, torch.from_numpy(WEIGHT + 1))


def test_shared_weights_of_different_sizes_are_refused(load):
    params = 'param { name: "w" } param { name: "b" }'
    weights = {'conv1': {0: WEIGHT, 1: BIAS}, 'conv2': {0: WEIGHT[:2], 1: BIAS[:2]}}
    with pytest.raises(loadcaffe.CaffeFormatError, match="shares the weights 'w'.*9 values"):
        load(weights, TWINS % (params, params), net='prototxt')


GATE = """
input: "data"
layer { name: "conv1" type: "Convolution" bottom: "data" top: "conv1"
        convolution_param { num_output: 3 kernel_size: 1 } }
layer { name: "mean" type: "Pooling" bottom: "conv1" top: "mean"
        pooling_param { pool: AVE global_pooling: true } }
layer { name: "gate" type: "Sigmoid" bottom: "mean" top: "gate" }
layer { name: "flat" type: "Flatten" bottom: "gate" top: "flat" }
layer { name: "scaled" type: "Scale" bottom: "conv1" bottom: "flat" top: "scaled"
        scale_param { axis: 0 } }
"""


def test_scale_of_two_bottoms_takes_no_weights_of_another_layer(load):
    network = load(ONE, GATE)
    x = image(2, 3, 4, 5)
    features = network.conv1(x)
    gate = features.mean((2, 3), keepdim=True).sigmoid()
    assert torch.allclose(network(x), features * gate, atol=1e-6)


def test_scale_of_two_bottoms_that_still_carries_a_factor_loads_with_a_notice(load, caplog):
    network = load(ONE | {'scaled': {0: BIAS}}, GATE)
    assert names(network)[-1] == 'scaled'
    x = image(2, 3, 4, 5)
    gate = network.conv1(x).mean((2, 3), keepdim=True).sigmoid()
    assert torch.allclose(network(x), network.conv1(x) * gate, atol=1e-6)
    assert "not used: weights of 'scaled'" in caplog.text


def test_weights_of_layers_without_any_are_told(load, caplog):
    proto = (TWINS % ('', '')).replace('"Convolution" bottom: "conv1"', '"ReLU" bottom: "conv1"')
    network = load(ONE | {'conv2': {0: WEIGHT}}, proto, net='prototxt')
    assert names(network) == ['conv1', 'relu1', 'conv2']
    assert "not used: weights of 'conv2'" in caplog.text


@pytest.mark.parametrize('suffix', ['caffemodel', 'safetensors'])
def test_poolings_and_relus_get_no_weights_when_written(tmp_path, suffix):
    prototxt = VGG.with_suffix('.prototxt')
    model = tmp_path / f'conv.{suffix}'
    for source in (VGG, model):
        out = tmp_path / f'out.{suffix}'
        assert (
            command.main(['--net', 'prototxt', str(prototxt), str(source), '--to', str(out)]) == 0
        )
        out.rename(model)
        layers = loadcaffe.formats.detection.read_model(model).layers
        assert {layer.type for layer in layers if layer.blobs} == {'Convolution'}


def test_shared_weights_can_be_written(tmp_path):
    params = [{'name': 'w'}, {'name': 'b'}]
    twins = [
        step(
            'Convolution', bottom, top, [blob_of(WEIGHT), blob_of(BIAS)],
            convolution_param={'kernel_size': [1]}, param=params,
        )
        for bottom, top in (('data', 'a'), ('data', 'b'))
    ]  # fmt: skip
    network = load_net(tmp_path, *twins, step('Eltwise', 'a b', 'sum'))
    for suffix in ('caffemodel', 'safetensors'):
        out = tmp_path / f'out.{suffix}'
        assert command.main(['no', str(tmp_path / 'net.caffemodel'), '--to', str(out)]) == 0
        x = image(1, 3, 2, 2)
        assert torch.equal(loadcaffe.load('no', out)(x), network(x))
