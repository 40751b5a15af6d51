"""Caffe's files against what the original program made of them."""

import logging

import numpy as np
import pytest
import torch
from torch import nn

import loadcaffe
from loadcaffe.formats import schema

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
    """What loadcaffe logged so far at INFO, as the original would have printed it."""
    caplog.set_level(logging.INFO, logger='loadcaffe')
    return lambda: '\n'.join(r.getMessage() for r in caplog.records if r.levelname == 'INFO')


def load(folder, name):
    return loadcaffe.load(folder / f'{name}.prototxt', folder / f'{name}.caffemodel')


def names(network):
    return [module.name for module in network]


def write(path, message):
    path.write_bytes(message.SerializeToString())
    return path


def blob(*shape, seed=0):
    values = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
    return schema.BlobProto(shape={'dim': shape}, data=values.ravel())


def v2(*layers):
    return schema.NetParameter(layer=layers)


def layer(kind, blobs=(), name='layer1', **param):
    return schema.LayerParameter(name=name, type=kind, blobs=blobs, **param)


def load_layers(folder, *layers):
    """The network of some V2 layers, and its file."""
    model = write(folder / 'net.caffemodel', v2(*layers))
    return loadcaffe.load(folder / 'net.prototxt', model)


# The recordings


def test_load_orders_and_names_lenet_v1_as_the_original(data):
    assert names(load(data / 'models', 'lenet_v1')) == (
        'conv1 pool1 norm1 conv2 tanh2 pool2 sig2 torch_view ip1 relu1 drop1 ip2 loss'.split()
    )


@pytest.mark.parametrize('name', ['lenet_v2', 'lenet_v2_legacyblobs'])
def test_load_drops_tanh_and_stops_at_softmax_in_v2_as_the_original(data, name):
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
def test_load_gives_the_recorded_modules(golden, name):
    recorded = (golden / 'unit' / 'loadcaffe' / f'{name}.names.txt').read_text().splitlines()
    expected = [(line.split('\t')[1], TORCH7_NAMES[line.split('\t')[2]]) for line in recorded]
    network = load(golden / 'models', name)
    assert [(module.name, type(module)) for module in network] == expected


def activation_error(network, recorded, name):
    """The worst difference of any layer, relative to that layer's largest value.

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
def test_load_gives_the_recorded_activations(golden, activations, name):
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
def test_activations_tell_a_wrong_network(golden, activations, spoil):
    network = load(golden / 'models', 'lenet_v1')
    spoil(network)
    assert activation_error(network, activations, 'lenet_v1') > 3e-6


def test_load_agrees_on_new_and_legacy_blobs(data):
    one, other = (load(data / 'models', name) for name in ('lenet_v2', 'lenet_v2_legacyblobs'))
    for name, parameter in one.named_parameters():
        assert torch.equal(parameter, other.get_parameter(name))


def test_v1_and_v2_of_the_same_network_agree(data, tmp_path, lines):
    net = loadcaffe.read(data / 'models' / 'mini_vgg19.caffemodel')
    assert net.version == 1
    for layer_ in net.layers:
        for values in layer_.blobs:
            layer_.param.blobs.add(shape={'dim': values.shape}, data=values.flatten().tolist())
    v2_model = write(tmp_path / 'v2.caffemodel', v2(*(layer_.param for layer_ in net.layers)))
    prototxt = data / 'models' / 'mini_vgg19.prototxt'
    one, other = load(data / 'models', 'mini_vgg19'), loadcaffe.load(prototxt, v2_model)
    assert names(other) == names(one)[:-1]  # prob: V2 stops at Softmax
    assert list(map(repr, other)) == list(map(repr, one))[:-1]
    for name, parameter in one.named_parameters():
        assert torch.equal(parameter, other.get_parameter(name))
    printed = lines().splitlines()
    assert printed[1:20] == printed[21:]


@pytest.mark.parametrize('name', SMALL)
def test_read_finds_the_same_layers_in_both_files(data, name):
    text = loadcaffe.read(data / 'models' / f'{name}.prototxt')
    binary = loadcaffe.read(data / 'models' / f'{name}.caffemodel')
    found = [
        [(one.name, one.type, one.printed_type) for one in net.layers] for net in (text, binary)
    ]
    assert found[0] == found[1]
    assert (text.name, text.version) == (binary.name, binary.version)
    for one, other in zip(text.layers, binary.layers, strict=True):
        assert one.param == other.param


# load


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
def test_load_says_that_it_could_not(tmp_path, lines, content, error):
    model = tmp_path / 'net.caffemodel'
    if content:
        model.write_bytes(content)
    with pytest.raises(error, match='net.caffemodel'):
        loadcaffe.load(tmp_path / 'net.prototxt', model)
    assert lines() == f"Couldn't load {model}"


def test_load_registers_safe_and_unique_names(tmp_path):
    given = ['a.b', 'a_b', 'a.b', '', 'forward', 'forward', 'x/y']
    network = load_layers(tmp_path, *(layer('ReLU', name=name) for name in given))
    assert names(network) == given
    assert list(dict(network.named_children())) == (
        ['a_b', 'a_b_2', 'a_b_3', 'layer', 'forward_2', 'forward_3', 'x/y']
    )


def test_load_takes_a_name_that_is_not_utf8(tmp_path):
    content = v2(layer('ReLU', name='AB')).SerializeToString().replace(b'AB', b'\xbe\xed')
    (tmp_path / 'net.caffemodel').write_bytes(content)
    assert names(loadcaffe.load('x', tmp_path / 'net.caffemodel')) == ['\\xbe\\xed']


def test_load_flattens_before_an_inner_product_as_the_original(tmp_path):
    conv = layer(
        'Convolution', [blob(4, 3, 2, 2), blob(4)], 'conv', convolution_param={'kernel_size': [2]}
    )
    wide = layer('InnerProduct', [blob(5, 16), blob(5)], 'wide')
    narrow = layer('InnerProduct', [blob(5, 4), blob(5)], 'narrow')
    after = layer('InnerProduct', [blob(2, 5), blob(2)], 'after')
    assert names(load_layers(tmp_path, conv, wide, after)) == [
        'conv',
        'torch_view',
        'wide',
        'after',
    ]
    # loadcaffe.cpp compares the inputs with the channels before, whatever the height and width.
    assert names(load_layers(tmp_path, conv, narrow)) == ['conv', 'narrow']


# The layers


def conv_layer(shape, blobs=2, **param):
    return layer(
        'Convolution',
        [blob(*shape), blob(shape[0], seed=1)][:blobs],
        convolution_param={'num_output': shape[0], **param},
    )


@pytest.mark.parametrize(
    'kernel, param, expected',
    [
        ((3, 3), {'kernel_size': [3], 'pad': [1], 'stride': [2]}, ((2, 2), (1, 1), (1, 1))),
        ((3, 5), {'kernel_size': [3, 5], 'pad': [1, 2]}, ((1, 1), (1, 2), (1, 1))),
        ((3, 3), {'kernel_size': [3], 'dilation': [2]}, ((1, 1), (0, 0), (2, 2))),
        (
            (3, 5),
            {'kernel_h': 3, 'kernel_w': 5, 'stride_h': 2, 'stride_w': 3},
            ((2, 3), (0, 0), (1, 1)),
        ),
        # The original takes a pair with one 0 for no pair at all: pad 0 both ways.
        ((3, 3), {'kernel_size': [3], 'pad_h': 1}, ((1, 1), (1, 0), (1, 1))),
        ((3, 3), {'kernel_size': [3], 'pad_w': 2, 'pad_h': 0}, ((1, 1), (0, 2), (1, 1))),
    ],
)
def test_convolution_takes_its_sizes_as_caffe(tmp_path, kernel, param, expected):
    (module,) = load_layers(tmp_path, conv_layer((4, 2, *kernel), **param))
    assert (module.stride, module.padding, module.dilation) == expected
    assert module.kernel_size == kernel


def test_convolution_in_groups_equals_one_for_each_group(tmp_path):
    (both,) = load_layers(tmp_path, conv_layer((6, 2, 3, 3), kernel_size=[3], group=2))
    image = torch.randn(1, 4, 7, 8, generator=torch.Generator().manual_seed(0))
    expected = torch.cat([
        nn.functional.conv2d(image[:, :2], both.weight[:3], both.bias[:3]),
        nn.functional.conv2d(image[:, 2:], both.weight[3:], both.bias[3:]),
    ], 1)  # fmt: skip
    # A group may sum in another order than a convolution of its own.
    torch.testing.assert_close(both(image), expected, rtol=1e-5, atol=1e-6)


def test_layers_without_bias_have_none(tmp_path):
    conv = conv_layer((4, 3, 2, 2), blobs=1, kernel_size=[2], bias_term=False)
    fc = layer('InnerProduct', [blob(5, 16)], inner_product_param={'bias_term': False})
    network = load_layers(tmp_path, conv, fc)
    assert network[0].bias is None and network[2].bias is None
    assert network(torch.ones(1, 3, 3, 3)).shape == (1, 5)


@pytest.mark.parametrize(
    'param, expected',
    [
        ({'kernel_size': 3, 'stride': 2}, 'MaxPool2d(kernel_size=(3, 3), stride=(2, 2), '
         'padding=(0, 0), dilation=1, ceil_mode=True)'),
        ({'kernel_size': 3}, 'MaxPool2d(kernel_size=(3, 3), stride=(1, 1), '
         'padding=(0, 0), dilation=1, ceil_mode=True)'),
        ({'pool': 1, 'kernel_h': 2, 'kernel_w': 3, 'pad_w': 1, 'stride': 2},
         'AvgPool2d(kernel_size=(2, 3), stride=(2, 2), padding=(0, 1))'),
        ({'pool': 1, 'global_pooling': True}, 'AdaptiveAvgPool2d(output_size=1)'),
        ({'global_pooling': True}, 'AdaptiveMaxPool2d(output_size=1)'),
    ],
)  # fmt: skip
def test_pooling_takes_its_sizes_as_caffe(tmp_path, param, expected):
    (module,) = load_layers(tmp_path, layer('Pooling', pooling_param=param))
    assert repr(module) == expected
    assert getattr(module, 'ceil_mode', True)


def test_relu_with_a_slope_leaks_as_in_caffe(tmp_path):
    (module,) = load_layers(tmp_path, layer('ReLU', relu_param={'negative_slope': 0.5}))
    assert module(torch.tensor([-2.0, 2.0])).tolist() == [-1.0, 2.0]


def test_lrn_keeps_the_precision_of_its_numbers(tmp_path):
    (module,) = load_layers(tmp_path, layer('LRN', lrn_param={'alpha': 1.25e-7, 'beta': 0.12345}))
    # The original writes alpha with 6 decimals, here 0, and beta with 4.
    assert (module.alpha, module.beta) == pytest.approx((1.25e-7, 0.12345), rel=1e-7)


@pytest.mark.parametrize(
    'given, words',
    [
        (conv_layer((4, 3, 3, 3), kernel_size=[5]), 'should be 4 x 3 x 5 x 5, is 4 x 3 x 3 x 3'),
        (conv_layer((4, 3, 3, 3), kernel_size=[3], num_output=5), 'should be 5 x 3 x 3 x 3'),
        (conv_layer((4, 3, 3, 3), blobs=1, kernel_size=[3]), 'should have 2 blobs, it has 1'),
        (conv_layer((4, 3, 3, 3), kernel_size=[3], bias_term=False), 'have 1 blobs, it has 2'),
        (conv_layer((4, 3, 3, 3), blobs=0, kernel_size=[3]), 'should have 2 blobs, it has 0'),
        (conv_layer((4, 3, 3, 3), kernel_size=[3], group=3), '4 outputs in 3 groups'),
        (conv_layer((4, 3, 3, 3)), r'kernel_size of \(height, width\) \(0, 0\)'),
        (conv_layer((4, 3, 3, 3), kernel_h=3), r'\(3, 0\)'),
        (conv_layer((4, 3, 3, 3), kernel_size=[3], stride_w=1), r'\(0, 1\)'),
        (conv_layer((4, 3, 3, 3), kernel_size=[3, 3, 3]), 'has 3 numbers as kernel_size'),
        (conv_layer((4, 3, 3, 3), kernel_size=[3], pad=[1 << 60]), 'has a pad of'),
        (conv_layer((4, 27), kernel_size=[3]), 'should be 4 x 27 x 3 x 3, is 4 x 27'),
        (conv_layer((0, 3, 3, 3), kernel_size=[3]), 'has no weights'),
        (conv_layer((4, 3, 3, 3), kernel_size=[3], axis=2), 'axis 2'),
        (layer('Convolution', [blob(4, 3, 1, 1), blob(3)], convolution_param={'kernel_size': [1]}),
         'bias should be 4, is 3'),
        (layer('InnerProduct', [blob(5, 4), blob(5)], inner_product_param={'num_output': 6}),
         'should be 6 x 4, is 5 x 4'),
        (layer('InnerProduct', [blob(0, 4), blob(0)]), 'has no weights'),
        (layer('InnerProduct', [blob(5, 4), blob(5)], inner_product_param={'transpose': True}),
         'bias should be 4, is 5'),
        (layer('Pooling', pooling_param={'pool': 2, 'kernel_size': 2}), 'stochastically'),
        (layer('Pooling', pooling_param={'kernel_size': 3, 'pad': 3}), 'less than that'),
        (layer('LRN', lrn_param={'local_size': 4}), 'local_size 4'),
        (layer('Dropout', dropout_param={'dropout_ratio': 1.5}), 'dropout_ratio 1.5'),
    ],
)  # fmt: skip
def test_load_refuses_a_layer_naming_it_and_the_file(tmp_path, given, words):
    with pytest.raises(
        loadcaffe.CaffeFormatError, match=rf"net\.caffemodel: layer 'layer1'.*{words}"
    ):
        load_layers(tmp_path, given)
