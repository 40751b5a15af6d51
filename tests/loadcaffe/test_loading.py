"""Loading Caffe's files, against what the original program made of them."""

import logging

import numpy as np
import pytest
import torch
from caffe_networks import blob, layer, load_net, names, step, v2_net, write_message
from torch import nn

import loadcaffe

SMALL = ['lenet_v1', 'lenet_v2', 'lenet_v2_legacyblobs', 'mini_vgg19', 'mini_vgg19_conv']


RECORDED = [*SMALL, 'vgg_normalised_conv3_1']


LENET_V1_LINES = """\
Successfully loaded {}
MODULE data UNDEFINED
warning: module 'data [type 5]' not found
MODULE accuracy UNDEFINED
warning: module 'accuracy [type 1]' not found
conv1: 6 3 5 5
conv2: 8 6 5 3
ip1: 1 1 224 20
ip2: 1 1 20 10"""


LENET_V2_LINES = """\
Successfully loaded {}
warning: module 'data [type Data]' not found
warning: module 'tanh2 [type TanH]' not found
conv1: 6 3 5 5
conv2: 8 6 3 3
ip1: 1 1 128 20
ip2: 1 1 20 10"""


TORCH7_NAMES = {
    'nn.SpatialConvolution': nn.Conv2d,
    'nn.SpatialMaxPooling': nn.MaxPool2d,
    'nn.SpatialAveragePooling': nn.AvgPool2d,
    'nn.SpatialCrossMapLRN': nn.LocalResponseNorm,
    'nn.Tanh': nn.Tanh,
    'nn.Sigmoid': nn.Sigmoid,
    'nn.ReLU': nn.ReLU,
    'nn.Linear': nn.Linear,
    'nn.View': nn.Flatten,
    'nn.Dropout': nn.Dropout,
    'nn.SoftMax': nn.Softmax,
}


@pytest.fixture
def lines(caplog):
    """Return what loadcaffe logged so far at INFO, as the original would have printed it."""
    caplog.set_level(logging.INFO, logger='loadcaffe')
    return lambda: '\n'.join(r.getMessage() for r in caplog.records if r.levelname == 'INFO')


def load(folder, name):
    return loadcaffe.load(folder / f'{name}.prototxt', folder / f'{name}.caffemodel')


def test_lenet_v1_has_the_names_and_order_of_the_original(data):
    assert names(load(data / 'models', 'lenet_v1')) == (
        'conv1 pool1 norm1 conv2 tanh2 pool2 sig2 torch_view ip1 relu1 drop1 ip2 loss'.split()
    )


@pytest.mark.parametrize('name', ['lenet_v2', 'lenet_v2_legacyblobs'])
def test_v2_drops_tanh_and_stops_at_softmax_as_the_original(data, name):
    assert names(load(data / 'models', name)) == (
        'conv1 pool1 norm1 conv2 relu2 pool2 sig2 torch_view ip1 relu1 drop1 ip2'.split()
    )


@pytest.mark.parametrize(
    'name, expected',
    [
        ('lenet_v1', LENET_V1_LINES),
        ('lenet_v2', LENET_V2_LINES),
        ('lenet_v2_legacyblobs', LENET_V2_LINES),
    ],
)
def test_load_logs_what_the_original_prints(data, lines, name, expected):
    load(data / 'models', name)
    assert lines() == expected.format(data / 'models' / f'{name}.caffemodel')


@pytest.mark.parametrize('name', RECORDED)
def test_load_logs_the_recorded_lines(golden, lines, monkeypatch, name):
    monkeypatch.chdir(golden)  # the recorded path is relative
    loadcaffe.load(f'models/{name}.prototxt', f'models/{name}.caffemodel')
    recorded = golden / 'unit' / 'loadcaffe' / f'{name}.load_stdout.txt'
    assert lines() + '\n' == recorded.read_text()


@pytest.mark.parametrize('name', RECORDED)
def test_modules_equal_the_recorded_ones(golden, name):
    recorded = (golden / 'unit' / 'loadcaffe' / f'{name}.names.txt').read_text().splitlines()
    expected = [(line.split('\t')[1], TORCH7_NAMES[line.split('\t')[2]]) for line in recorded]
    network = load(golden / 'models', name)
    assert [(module.name, type(module)) for module in network] == expected


def activation_error(network, recorded, name):
    """Return the worst difference of any layer, relative to that layer's largest value.

    Each layer gets the output of the one before, of ours, so errors may add up.
    """
    features = torch.from_numpy(recorded[f'{name}__input'])[None]
    worst = 0.0
    for i, module in enumerate(network.eval(), 1):
        features = module(features.clone())  # a ReLU in place would change what we compare
        key = f'{name}__{i:02d}_{module.name}'
        if key not in recorded:  # fc6 of mini_vgg19 wants a larger image
            assert key == 'mini_vgg19__39_fc6'
            break
        assert features[0].shape == recorded[key].shape
        error = np.abs(features[0].numpy() - recorded[key]).max()
        worst = max(worst, error / np.abs(recorded[key]).max())
    return worst


@pytest.fixture(scope='module')
def activations(golden):
    with np.load(golden / 'unit' / 'activations.npz') as recorded:
        return dict(recorded)


@pytest.mark.parametrize('name', RECORDED)
def test_activations_equal_the_recorded_ones(golden, activations, name):
    network = load(golden / 'models', name)
    if 'mini_vgg19' == name:
        network = network[:38]
    # 1.1e-6 seen: float32 sums of up to 1152 products in another order, over up to 37 layers.
    assert activation_error(network, activations, name) < 3e-6


@pytest.mark.parametrize(
    'spoil',
    [
        lambda net: net.conv2.weight.mul_(1.0001),
        lambda net: setattr(net.norm1, 'alpha', net.norm1.alpha * 1.5),
        lambda net: setattr(net.pool2, 'count_include_pad', False),
        lambda net: net.ip2.bias.add_(1e-4),
    ],
)
def test_activations_of_a_wrong_network_differ(golden, activations, spoil):
    network = load(golden / 'models', 'lenet_v1')
    spoil(network)
    assert activation_error(network, activations, 'lenet_v1') > 3e-6


def test_new_and_legacy_blobs_hold_the_same_weights(data):
    network, twin = (load(data / 'models', name) for name in ('lenet_v2', 'lenet_v2_legacyblobs'))
    for name, parameter in network.named_parameters():
        assert torch.equal(parameter, twin.get_parameter(name))


def test_v1_and_v2_of_the_same_network_load_alike(data, tmp_path, lines):
    net = loadcaffe.read(data / 'models' / 'mini_vgg19.caffemodel')
    assert net.version == 1
    for layer_ in net.layers:
        for values in layer_.blobs:
            layer_.param.blobs.add(shape={'dim': values.shape}, data=values.flatten().tolist())
    v2_model = write_message(
        tmp_path / 'v2.caffemodel', v2_net(*(layer_.param for layer_ in net.layers))
    )
    prototxt = data / 'models' / 'mini_vgg19.prototxt'
    network, twin = load(data / 'models', 'mini_vgg19'), loadcaffe.load(prototxt, v2_model)
    assert names(twin) == names(network)[:-1]  # prob: V2 stops at Softmax
    assert list(map(repr, twin)) == list(map(repr, network))[:-1]
    for name, parameter in network.named_parameters():
        assert torch.equal(parameter, twin.get_parameter(name))
    printed = lines().splitlines()
    assert printed[1:20] == printed[21:]


@pytest.mark.parametrize('name', SMALL)
def test_read_finds_the_same_layers_in_both_files(data, name):
    text = loadcaffe.read(data / 'models' / f'{name}.prototxt')
    binary = loadcaffe.read(data / 'models' / f'{name}.caffemodel')
    described = [
        [(layer_.name, layer_.type, layer_.printed_type) for layer_ in net.layers]
        for net in (text, binary)
    ]
    assert described[0] == described[1]
    assert (text.name, text.version) == (binary.name, binary.version)
    for network, twin in zip(text.layers, binary.layers, strict=True):
        assert network.param == twin.param


def test_load_ignores_the_prototxt(data, tmp_path, caplog):
    model = data / 'models' / 'lenet_v1.caffemodel'
    expected = names(load(data / 'models', 'lenet_v1'))
    assert not caplog.records
    (tmp_path / 'broken.prototxt').write_text('layer { name: ')
    for prototxt in (tmp_path / 'missing.prototxt', tmp_path / 'broken.prototxt', tmp_path, model):
        caplog.clear()
        assert names(loadcaffe.load(prototxt, model)) == expected
        (record,) = caplog.records
        assert record.levelname == 'WARNING' and str(prototxt) in record.getMessage()
    caplog.clear()
    assert names(loadcaffe.load(data / 'models' / 'lenet_v2.prototxt', model)) == expected
    assert not caplog.records


def test_load_freezes_weights_and_leaves_the_random_numbers_alone(data):
    before = torch.get_rng_state()
    network = load(data / 'models', 'mini_vgg19')
    assert not any(parameter.requires_grad for parameter in network.parameters())
    assert all(parameter.device.type == 'cpu' for parameter in network.parameters())
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize('content, error', [(None, FileNotFoundError), (b'\xff' * 9, ValueError)])
def test_load_logs_that_it_could_not(tmp_path, lines, content, error):
    model = tmp_path / 'net.caffemodel'
    if content:
        model.write_bytes(content)
    with pytest.raises(error, match='net.caffemodel'):
        loadcaffe.load(tmp_path / 'net.prototxt', model)
    assert lines() == f"Couldn't load {model}"


def test_load_registers_safe_and_unique_names(tmp_path):
    wanted = ['a.b', 'a_b', 'a.b', '', 'forward', 'forward', 'x/y']
    network = load_net(tmp_path, *(layer('ReLU', name=name) for name in wanted))
    assert names(network) == wanted
    assert list(dict(network.named_children())) == (
        ['a_b', 'a_b_2', 'a_b_3', 'layer', 'forward_2', 'forward_3', 'x/y']
    )


def test_load_accepts_a_name_that_is_not_utf8(tmp_path):
    content = v2_net(layer('ReLU', name='AB')).SerializeToString().replace(b'AB', b'\xbe\xed')
    (tmp_path / 'net.caffemodel').write_bytes(content)
    assert names(loadcaffe.load('x', tmp_path / 'net.caffemodel')) == ['\\xbe\\xed']


def test_load_flattens_before_an_inner_product_as_the_original(tmp_path):
    conv = layer(
        'Convolution', [blob(4, 3, 2, 2), blob(4)], 'conv', convolution_param={'kernel_size': [2]}
    )
    wide = layer('InnerProduct', [blob(5, 16), blob(5)], 'wide')
    narrow = layer('InnerProduct', [blob(5, 4), blob(5)], 'narrow')
    after = layer('InnerProduct', [blob(2, 5), blob(2)], 'after')
    assert names(load_net(tmp_path, conv, wide, after)) == [
        'conv',
        'torch_view',
        'wide',
        'after',
    ]
    # loadcaffe.cpp compares the inputs with the channels before, whatever the height and width.
    assert names(load_net(tmp_path, conv, narrow)) == ['conv', 'narrow']


def test_fork_specific_layer_needs_its_prototxt(tmp_path):
    foreign = step('CropCenter', 'data', 'crop').SerializeToString()
    foreign += b'\xa2\x1f\x02\x08\x02'  # field 500, whatever the fork means by it
    content = b'\xa2\x06' + bytes([len(foreign)]) + foreign
    (tmp_path / 'net.caffemodel').write_bytes(content)
    with pytest.raises(loadcaffe.CaffeFormatError, match='name its deploy prototxt'):
        loadcaffe.load('no', tmp_path / 'net.caffemodel')


@pytest.mark.parametrize(
    'layers, problem',
    [
        ([step('ROIPooling', 'data', 'pool5')], "type 'ROIPooling', which loadcaffe does not read"),
        ([step('LSTM', 'data', 'lstm')], "type 'LSTM', which"),
        ([step('AbsVal', 'data rois', 'pool5', name='x')], "blob 'rois', which is not made from"),
        ([step('AbsVal', 'data', 'a'), step('BNLL', 'data', 'a', name='b')], "'a' a second time"),
        ([step('Crop', 'data', 'cropped')], 'has 1 bottoms; it takes 2'),
        ([step('AbsVal', 'data', 'a b')], 'has 2 tops'),
        ([step('PReLU', 'data', 'a')], 'should have 1 blobs, it has 0'),
        ([step('BatchNorm', 'data', 'a', [blob(3), blob(3)])], 'should have 3 blobs, it has 2'),
        ([step('BatchNorm', 'data', 'a', [blob(3), blob(4), blob(1)])], 'different lengths'),
        ([step('Scale', 'data', 'a', [blob(3)], scale_param={'bias_term': True})], 'have 2 blobs'),
        ([step('Slice', 'data', 'a b', slice_param={'slice_point': [1, 2]})], '2 slice points'),
        ([step('Eltwise', 'data data', 'a', eltwise_param={'coeff': [1]})], '1 coefficients'),
        ([step('Log', 'data', 'a', log_param={'base': -2})], 'has base -2'),
        ([step('Tile', 'data', 'a', tile_param={'tiles': 1 << 20})], 'has 1048576 tiles'),
        ([step('Deconvolution', 'data', 'a', [blob(4, 3, 2, 2)],
               convolution_param={'kernel_size': [2], 'group': 3, 'bias_term': False})],
         '3 groups'),
        ([step('Input', '', 'data'), step('Accuracy', 'data', 'a')], 'no layer works on an image'),
    ],
)  # fmt: skip
def test_layer_that_cannot_run_is_refused_by_name(tmp_path, layers, problem):
    with pytest.raises(loadcaffe.CaffeFormatError, match=f'net.caffemodel: .*{problem}'):
        load_net(tmp_path, *layers)
