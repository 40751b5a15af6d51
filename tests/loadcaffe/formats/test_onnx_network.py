"""Networks in ONNX."""

import sys

import numpy as np
import pytest
import torch
from caffe_networks import names

import loadcaffe
from loadcaffe import __main__ as command
from loadcaffe.formats.onnx_network import read_onnx

onnx = pytest.importorskip('onnx', reason='needs the package onnx: the extra [onnx]')
from onnx_networks import onnx_model, random, save_onnx, small_vgg  # noqa: E402

VGG_16 = [
    'conv1_1', 'relu1_1', 'conv1_2', 'relu1_2', 'pool1',
    'conv2_1', 'relu2_1', 'conv2_2', 'relu2_2', 'pool2',
    'conv3_1', 'relu3_1', 'conv3_2', 'relu3_2', 'conv3_3', 'relu3_3', 'pool3',
    'conv4_1', 'relu4_1', 'conv4_2', 'relu4_2', 'conv4_3', 'relu4_3', 'pool4',
    'conv5_1', 'relu5_1', 'conv5_2', 'relu5_2', 'conv5_3', 'relu5_3', 'pool5',
]  # fmt: skip
# The end of a classifier of Keras: a shape that is computed, and a fully connected layer.
CLASSIFIER = [
    ('Transpose', 'p4', 'nhwc', {'perm': [0, 2, 3, 1]}),
    ('Shape', 'p4', 'shape', {}),
    ('Slice', 'shape zero one', 'batch', {}),
    ('Concat', 'batch minus', 'flat', {'axis': 0}),
    ('Reshape', 'nhwc flat', 'row', {}),
    ('MatMul', 'row fc', 'logits', {}),
    ('Softmax', 'logits', 'prob', {}),
]
CONSTANTS = {
    'zero': np.array([0]),
    'one': np.array([1]),
    'minus': np.array([-1]),
    'fc': random(4, 2),
}


def vgg_file(folder, blocks=(2, 2, 3, 3, 3), tail=()):
    nodes, weights = small_vgg(blocks, tail=tail)
    return save_onnx(folder, nodes, weights | CONSTANTS, shape=('n', 32, 32, 3)), weights


def test_onnx_of_vgg_shapes_has_the_names_of_vgg(tmp_path):
    path, weights = vgg_file(tmp_path)
    network = loadcaffe.load('no', path)
    assert names(network) == VGG_16
    assert read_onnx(path).name == 'VGG_ILSVRC_16_layers'
    assert torch.equal(network.conv5_3.weight, torch.tensor(weights['b4_2.w']))
    path, _ = vgg_file(tmp_path, (2, 2, 4, 4, 4))
    assert names(loadcaffe.load('no', path))[-2:] == ['relu5_4', 'pool5']


def test_onnx_of_other_shapes_keeps_its_names(tmp_path):
    nodes, weights = small_vgg((2, 2, 3, 3, 2))
    network = loadcaffe.load('no', save_onnx(tmp_path, nodes, weights, shape=(1, 32, 32, 3)))
    assert names(network)[:3] == ['n_b0_0.c', 'n_b0_0.r', 'n_b0_1.c']


def test_convolutional_part_of_onnx_leaves_the_classifier_out(tmp_path, capsys, caplog):
    path, weights = vgg_file(tmp_path, tail=CLASSIFIER)
    out = tmp_path / 'conv.caffemodel'
    assert command.main(['no', str(path), '--conv-only', str(out)]) == 0
    assert "left out: 'n_shape', 'n_batch', 'n_flat' and 3 more" in caplog.text
    written = loadcaffe.read(out)
    assert [layer.name for layer in written.layers] == VGG_16 and written.version == 1
    network = loadcaffe.load('no', out)
    assert torch.equal(network.conv1_1.weight, torch.tensor(weights['b0_0.w']))


def test_onnx_layers_beyond_those_asked_for_are_left_out(tmp_path, caplog):
    path, _ = vgg_file(tmp_path, tail=CLASSIFIER)
    with pytest.raises(
        loadcaffe.CaffeFormatError, match="layer 'n_shape' has the type 'ONNX Shape'"
    ):
        loadcaffe.load('no', path)
    network = loadcaffe.load('no', path, layers=['relu4_2'])
    assert names(network)[: len(VGG_16)] == VGG_16
    assert "left out: 'n_shape'" in caplog.text


def test_onnx_image_is_channels_first(tmp_path):
    path, _ = vgg_file(tmp_path)
    assert read_onnx(path).input_dim == [1, 3, 32, 32]
    assert loadcaffe.load('no', path)(torch.zeros(1, 3, 32, 32)).shape == (1, 4, 1, 1)


def test_onnx_reads_constants_that_are_nodes(tmp_path):
    weight = random(4, 3, 1, 1)
    value = onnx.numpy_helper.from_array(weight)
    nodes = [('Constant', '', 'w', {'value': value}), ('Conv', 'x w', 'y', {})]
    network = loadcaffe.load('no', save_onnx(tmp_path, nodes))
    assert torch.equal(network[0].weight, torch.tensor(weight))


def test_onnx_reads_floats_that_are_not_raw(tmp_path):
    model = onnx_model([('Conv', 'x w', 'y', {})])
    values = random(12)
    model.graph.initializer.append(onnx.helper.make_tensor('w', 1, (4, 3, 1, 1), values))
    half = onnx.helper.make_tensor('w', 10, (4, 3, 1, 1), values)
    (tmp_path / 'net.onnx').write_bytes(model.SerializeToString())
    network = loadcaffe.load('no', tmp_path / 'net.onnx')
    assert torch.equal(network[0].weight.flatten(), torch.tensor(values))
    model.graph.initializer[0].CopyFrom(half)
    (tmp_path / 'net.onnx').write_bytes(model.SerializeToString())
    network = loadcaffe.load('no', tmp_path / 'net.onnx')
    assert torch.equal(network[0].weight.flatten(), torch.tensor(values).half().float())


def test_onnx_of_two_files_is_refused_with_a_remedy(tmp_path):
    nodes, weights = [('Conv', 'x w', 'y', {})], {'w': random(64, 3, 3, 3)}
    path = tmp_path / 'net.onnx'
    onnx.save(
        onnx_model(nodes, weights), path, save_as_external_data=True, location='w', size_threshold=0
    )
    with pytest.raises(
        loadcaffe.CaffeFormatError, match="net.onnx: .*'w' are in another file.*one"
    ):
        loadcaffe.load('no', path)


def test_onnx_of_torchvision_is_refused(tmp_path):
    nodes, weights = small_vgg()
    weights['b0_0.w'].flat[:3] = (-0.5537, 0.1427, 0.5290)
    path = save_onnx(tmp_path, nodes, weights, shape=(1, 32, 32, 3))
    with pytest.raises(loadcaffe.CaffeFormatError, match="torchvision's weights"):
        loadcaffe.load('no', path)


def test_onnx_names_the_extra_where_the_package_is_missing(tmp_path, monkeypatch):
    path, _ = vgg_file(tmp_path)
    monkeypatch.setitem(sys.modules, 'onnx', None)
    with pytest.raises(
        loadcaffe.CaffeFormatError, match=r'net\.onnx: .*neural-style-caffe\[onnx\]'
    ):
        loadcaffe.load('no', path)


@pytest.mark.parametrize('end', [40, 300, -1])
def test_onnx_that_is_cut_off_is_refused(tmp_path, end):
    path, _ = vgg_file(tmp_path)
    path.write_bytes(path.read_bytes()[:end])
    with pytest.raises(loadcaffe.CaffeFormatError, match='net.onnx: truncated or damaged'):
        loadcaffe.load('no', path)
