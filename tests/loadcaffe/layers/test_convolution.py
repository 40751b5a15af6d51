"""Convolutions, deconvolutions and inner products."""

import numpy as np
import pytest
import torch
from caffe_networks import (
    X,
    blob,
    blob_of,
    conv,
    image,
    layer,
    load_net,
    numpy_of,
    run_layer,
    step,
)
from torch import nn

import loadcaffe


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
def test_convolution_geometry_follows_caffe(tmp_path, kernel, param, expected):
    (module,) = load_net(tmp_path, conv_layer((4, 2, *kernel), **param))
    assert (module.stride, module.padding, module.dilation) == expected
    assert module.kernel_size == kernel


def test_convolution_in_groups_equals_one_for_each_group(tmp_path):
    (both,) = load_net(tmp_path, conv_layer((6, 2, 3, 3), kernel_size=[3], group=2))
    image = torch.randn(1, 4, 7, 8, generator=torch.Generator().manual_seed(0))
    expected = torch.cat([
        nn.functional.conv2d(image[:, :2], both.weight[:3], both.bias[:3]),
        nn.functional.conv2d(image[:, 2:], both.weight[3:], both.bias[3:]),
    ], 1)  # fmt: skip
    # A group may sum in another order than a convolution of its inputs.
    torch.testing.assert_close(both(image), expected, rtol=1e-5, atol=1e-6)


def test_layers_without_bias_have_none(tmp_path):
    conv = conv_layer((4, 3, 2, 2), blobs=1, kernel_size=[2], bias_term=False)
    fc = layer('InnerProduct', [blob(5, 16)], inner_product_param={'bias_term': False})
    network = load_net(tmp_path, conv, fc)
    assert network[0].bias is None and network[2].bias is None
    assert network(torch.ones(1, 3, 3, 3)).shape == (1, 5)


@pytest.mark.parametrize(
    'faulty, problem',
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
def test_load_refuses_a_layer_naming_it_and_the_file(tmp_path, faulty, problem):
    with pytest.raises(
        loadcaffe.CaffeFormatError, match=rf"net\.caffemodel: layer 'layer1'.*{problem}"
    ):
        load_net(tmp_path, faulty)


W = np.random.default_rng(0).standard_normal((6, 2, 3, 3)).astype(np.float32)


@pytest.mark.parametrize('groups', [1, 2])
def test_deconvolution_spreads_each_input_over_its_window(tmp_path, groups):
    output = run_layer(
        tmp_path,
        'Deconvolution',
        X,
        blobs=[blob_of(W), blob_of(np.arange(2 * groups))],
        convolution_param={
            'num_output': 2 * groups,
            'kernel_size': [3],
            'stride': [2],
            'pad': [1],
            'group': groups,
        },
    )
    x, inputs = numpy_of(X), 6 // groups
    out = np.zeros((2, 2 * groups, 11, 15))
    for group in range(groups):
        for c in range(group * inputs, (group + 1) * inputs):
            for i in range(5):
                for j in range(7):
                    for o in range(2):
                        window = out[:, group * 2 + o, 2 * i : 2 * i + 3, 2 * j : 2 * j + 3]
                        window += x[:, c, i, j, None, None] * W[c, o]
    expected = out[:, :, 1:-1, 1:-1] + np.arange(2 * groups)[:, None, None]
    assert np.abs(output.numpy() - expected).max() < 1e-5


UPSCORE = """input: "data"
layer { name: "score" type: "Convolution" bottom: "data" top: "score"
        convolution_param { num_output: 4 kernel_size: 1 } }
layer { name: "up1" type: "Deconvolution" bottom: "score" top: "up1" %s
        convolution_param { num_output: 4 kernel_size: 4 stride: 2 pad: 1 bias_term: false %s } }
layer { name: "up2" type: "Deconvolution" bottom: "up1" top: "up2" %s
        convolution_param { num_output: 4 kernel_size: 4 stride: 2 pad: 1 bias_term: false %s } }
"""
SCORE = conv('data', 'score', 3, 4)
UP = step('Deconvolution', 'score', 'up1', [blob(4, 4, 4, 4)])


def test_deconvolution_without_weights_is_bilinear_if_its_filler_is(tmp_path, caplog):
    filler = 'group: 4 weight_filler { type: "bilinear" }'
    network = load_net(tmp_path, SCORE, prototxt=UPSCORE % ('', filler, '', filler))
    assert "bilinear, as their fillers say: 'up1', 'up2'" in caplog.text
    x = image(1, 3, 5, 6)
    features = network.score(x)
    doubled = nn.functional.interpolate(features, scale_factor=2, mode='bilinear')
    # At the rim a deconvolution sees zeros beyond the image.
    inside = (..., slice(1, -1), slice(1, -1))
    assert torch.allclose(network.up1(features)[inside], doubled[inside], atol=1e-6)
    assert network(x).shape == (1, 4, 20, 24)


@pytest.mark.parametrize('size', [2, 3, 4, 5, 8])
def test_bilinear_weights_are_those_of_caffe(tmp_path, size):
    """caffe: filler.hpp, BilinearFiller, number by number."""
    prototxt = f"""input: "data"
    layer {{ name: "up" type: "Deconvolution" bottom: "data" top: "up" convolution_param {{
            num_output: 2 kernel_size: {size} bias_term: true weight_filler {{ type: "bilinear" }}
            bias_filler {{ type: "constant" value: 0.5 }} }} }}"""
    network = load_net(tmp_path, SCORE, prototxt=prototxt, net='prototxt')
    half, weights = int(np.ceil(size / 2)), np.empty((size, size))
    centre = (size - 1) / (2 * half)
    for i in range(size * size):
        x, y = i % size, i // size
        weights[y, x] = (1 - abs(x / half - centre)) * (1 - abs(y / half - centre))
    output = network(torch.tensor([1.0, 2.0, 4.0])[None, :, None, None])
    assert np.abs(output.numpy() - (7 * weights + 0.5)).max() < 1e-6


def test_deconvolutions_share_their_weights_by_name_alone(tmp_path):
    shared = 'param { name: "up" }'
    network = load_net(tmp_path, SCORE, UP, prototxt=UPSCORE % (shared, '', shared, ''))
    assert torch.equal(network.up1.weight, network.up2.weight)
    with pytest.raises(loadcaffe.CaffeFormatError, match="no weights for the layer 'up2'"):
        load_net(tmp_path, SCORE, UP, prototxt=UPSCORE % ('', '', '', ''), net='prototxt')
    filler = 'weight_filler { type: "gaussian" }'
    with pytest.raises(loadcaffe.CaffeFormatError, match="no weights for the layer 'up2'"):
        load_net(tmp_path, SCORE, UP, prototxt=UPSCORE % ('', '', '', filler), net='prototxt')


def test_depthwise_convolution_has_a_group_for_each_channel(tmp_path):
    weights = [blob(6, 1, 3, 3), blob(6)]
    param = {'num_output': 6, 'kernel_size': [3]}
    network = load_net(
        tmp_path, step('DepthwiseConvolution', 'data', 'dw', weights, convolution_param=param)
    )
    assert network[0].groups == 6


def test_depthwise_convolution_of_forks_takes_its_channels_from_the_weights(tmp_path):
    weights = [blob(6, 1, 3, 3), blob(6)]
    param = {'num_output': 3, 'group': 3, 'kernel_size': [3]}  # as in MnasNet's prototxt
    dw = step('ConvolutionDepthwise', 'data', 'dw', weights, convolution_param=param)
    (module,) = load_net(tmp_path, dw)
    assert (module.in_channels, module.out_channels, module.groups) == (6, 6, 6)
    dw = step(
        'ConvolutionDepthwise', 'data', 'dw', [blob(6, 2, 3, 3), blob(6)], convolution_param=param
    )
    with pytest.raises(loadcaffe.CaffeFormatError, match="'dw' has weights of"):
        load_net(tmp_path, dw)
