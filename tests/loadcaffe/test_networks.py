"""Networks beyond the original's: which file counts, branches, and layers as Caffe runs them."""

import logging

import numpy as np
import pytest
import torch
from test_loading import blob, layer, names, v2, write
from torch import nn

import loadcaffe
from loadcaffe.formats import schema
from loadcaffe.graph import Graph


@pytest.fixture(autouse=True)
def quiet(caplog):
    caplog.set_level(logging.WARNING, logger='loadcaffe')


def step(kind, bottom, top, blobs=(), name=None, **param):
    """A V2 layer that is wired. bottom, top: blob names, separated by spaces."""
    wires = {'bottom': bottom.split(), 'top': top.split()}
    return layer(kind, blobs, name or top.split()[0], **wires, **param)


def conv(bottom, top, inputs, outputs, kernel=1, **param):
    given = {'num_output': outputs, 'kernel_size': [kernel], **param}
    blobs = [blob(outputs, inputs, kernel, kernel, seed=outputs), blob(outputs, seed=1)]
    return step('Convolution', bottom, top, blobs, convolution_param=given)


def load_net(folder, *layers, prototxt=None, net='auto'):
    model = write(folder / 'net.caffemodel', v2(*layers))
    path = folder / 'net.prototxt'
    if prototxt is not None:
        path.write_text(prototxt)
    return loadcaffe.load(path, model, net=net)


def image(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64).float()


# Which file counts

FIRE = [
    conv('data', 'squeeze', 3, 4),
    conv('squeeze', 'left', 4, 5),
    conv('squeeze', 'right', 4, 6, 3, pad=[1]),
    step('Concat', 'left right', 'both'),
]


def test_load_runs_a_branched_network_in_order(tmp_path):
    network = load_net(tmp_path, *FIRE)
    assert isinstance(network, Graph)
    assert names(network) == ['squeeze', 'left', 'right', 'both']
    given = image(1, 3, 5, 6)
    squeezed = network.squeeze(given)
    expected = torch.cat([network.left(squeezed), network.right(squeezed)], 1)
    assert torch.equal(network(given), expected)
    assert torch.equal(network[:2](given), network.left(squeezed))
    with pytest.raises(IndexError, match='first layer'):
        network[1:]


def test_load_keeps_a_chain_of_new_layers_a_sequential(tmp_path):
    network = load_net(tmp_path, conv('data', 'conv1', 3, 4), step('AbsVal', 'conv1', 'conv1'))
    assert type(network) is nn.Sequential
    assert network(image(1, 3, 4, 4)).min() >= 0


def test_load_looks_through_splits_and_leaves_out_labels_and_losses(tmp_path):
    network = load_net(
        tmp_path,
        step('Data', '', 'data label'),
        step('Split', 'label', 'label_0 label_1'),
        step('Split', 'data', 'data_0 data_1'),
        conv('data_0', 'a', 3, 4),
        conv('data_1', 'b', 3, 4),
        step('Eltwise', 'a b', 'sum'),
        step('EuclideanLoss', 'sum label_0', 'loss'),
        step('Accuracy', 'sum label_1', 'accuracy'),
        step('Python', 'sum label_0', 'own_loss'),
    )
    assert names(network) == ['a', 'b', 'sum']


TRAINED = [
    step('Data', '', 'data label'),
    conv('data', 'conv1', 3, 4),
    step('SoftmaxWithLoss', 'conv1 label', 'loss'),
]
DEPLOY = """
input: "data" input_dim: 1 input_dim: 3 input_dim: 8 input_dim: 8
layer { name: "conv1" type: "Convolution" bottom: "data" top: "conv1"
        convolution_param { num_output: %d kernel_size: 1 } }
layer { name: "prob" type: "Softmax" bottom: "conv1" top: "prob" }
"""


def test_load_takes_the_deploy_net_of_a_training_net(tmp_path):
    assert names(load_net(tmp_path, *TRAINED, prototxt=DEPLOY % 4)) == ['conv1', 'prob']


def test_load_prints_what_the_original_would_of_a_training_net(tmp_path, caplog):
    caplog.set_level(logging.INFO, logger='loadcaffe')
    load_net(tmp_path, *TRAINED, prototxt=DEPLOY % 4)
    load_net(tmp_path, *TRAINED, net='caffemodel')
    deployed, trained = (record.message for record in caplog.records if 'warning' in record.message)
    assert deployed == trained == "warning: module 'data [type Data]' not found"


def test_names_of_layers_are_the_models_where_a_deploy_net_has_others(tmp_path):
    chain = [conv('data', 'conv1', 3, 4), step('ReLU', 'conv1', 'relu1')]
    deploy = (DEPLOY % 4).replace('"prob" type: "Softmax"', '"rectified" type: "ReLU"')
    assert names(load_net(tmp_path, *chain, prototxt=deploy)) == ['conv1', 'relu1']


def test_load_refuses_weights_that_do_not_fit_their_deploy_net(tmp_path):
    with pytest.raises(loadcaffe.CaffeFormatError, match='net.caffemodel.*should be 5 x 3 x 1 x 1'):
        load_net(tmp_path, *TRAINED, prototxt=DEPLOY % 5)


@pytest.mark.parametrize(
    'net, expected', [('caffemodel', ['conv1']), ('prototxt', ['conv1', 'prob'])]
)
def test_load_takes_the_net_it_is_told(tmp_path, net, expected):
    assert names(load_net(tmp_path, *TRAINED, prototxt=DEPLOY % 4, net=net)) == expected


def test_load_keeps_tanh_where_a_deploy_net_has_it(tmp_path):
    chain = [conv('data', 'conv1', 3, 4), step('TanH', 'conv1', 'tanh1')]
    assert names(load_net(tmp_path, *chain)) == ['conv1']  # as recorded
    deploy = (DEPLOY % 4).replace('"prob" type: "Softmax"', '"tanh1" type: "TanH"')
    assert names(load_net(tmp_path, *chain, prototxt=deploy)) == ['conv1', 'tanh1']


def test_load_ignores_a_deploy_net_of_other_weights_with_a_warning(tmp_path, caplog):
    deploy = (DEPLOY % 4).replace('conv1', 'conv9')
    assert names(load_net(tmp_path, *FIRE, prototxt=deploy)) == ['squeeze', 'left', 'right', 'both']
    (record,) = caplog.records
    assert "no weights for its layer 'conv9'" in record.getMessage()
    with pytest.raises(loadcaffe.CaffeFormatError, match="no weights for the layer 'conv9'"):
        load_net(tmp_path, *FIRE, prototxt=deploy, net='prototxt')


def test_load_runs_what_is_there_in_phase_test(tmp_path):
    prototxt = """
    layer { name: "in" type: "Data" top: "data" include { phase: TRAIN } }
    layer { name: "in" type: "ImageData" top: "data" top: "label" include { phase: TEST } }
    layer { name: "no" type: "Power" bottom: "data" top: "data" exclude { phase: TEST } }
    layer { name: "st" type: "Power" bottom: "data" top: "data" include { stage: "deploy" } }
    layer { name: "a" type: "AbsVal" bottom: "data" top: "data" include { min_level: 0 } }
    layer { name: "d" type: "Dropout" bottom: "data" top: "data" }
    """
    network = load_net(tmp_path, *FIRE, prototxt=prototxt)
    assert names(network) == ['a', 'd']
    assert network(torch.tensor([[-2.0]])).tolist() == [[2.0]]


def test_load_shares_weights_by_the_name_of_their_param(tmp_path):
    prototxt = 'input: "data"' + ''.join(
        f'layer {{ name: "{name}" type: "Convolution" bottom: "data" top: "{name}"'
        ' param { name: "w" } param { name: "b" }'
        ' convolution_param { num_output: 4 kernel_size: 1 } }'
        for name in ('squeeze', 'twin')
    )
    network = load_net(tmp_path, *FIRE, prototxt=prototxt, net='prototxt')
    assert torch.equal(network.squeeze.weight, network.twin.weight)


@pytest.mark.parametrize(
    'layers, words',
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
def test_load_refuses_what_it_cannot_run_naming_the_layer(tmp_path, layers, words):
    with pytest.raises(loadcaffe.CaffeFormatError, match=f'net.caffemodel: .*{words}'):
        load_net(tmp_path, *layers)


def test_load_asks_for_the_prototxt_of_a_fork(tmp_path):
    foreign = step('CropCenter', 'data', 'crop').SerializeToString()
    foreign += b'\xa2\x1f\x02\x08\x02'  # field 500, whatever the fork means by it
    content = b'\xa2\x06' + bytes([len(foreign)]) + foreign
    (tmp_path / 'net.caffemodel').write_bytes(content)
    with pytest.raises(loadcaffe.CaffeFormatError, match='name its deploy prototxt'):
        loadcaffe.load('no', tmp_path / 'net.caffemodel')


# V0


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


def test_v0_networks_read_as_their_successors(tmp_path):
    (tmp_path / 'v0.prototxt').write_text(V0)
    net = loadcaffe.read(tmp_path / 'v0.prototxt')
    assert (net.version, [one.type for one in net.layers]) == (
        0,
        ['Convolution', 'ReLU', 'Pooling'],
    )
    from google.protobuf import text_format

    message = text_format.Parse(V0, schema.NetParameter())
    write(tmp_path / 'v0.caffemodel', message)
    network = loadcaffe.load('no', tmp_path / 'v0.caffemodel')
    assert names(network) == ['conv1', 'relu1', 'pool1']
    assert (network[0].padding, network[0].stride, network[0].bias) == ((2, 2), (2, 2), None)
    assert network[0].weight.unique().tolist() == [0.5]
    assert isinstance(network[2], nn.AvgPool2d)


# Layers, against Caffe's formulas written out in numpy


def run(folder, kind, *inputs, blobs=(), tops='top', **param):
    """One layer's outputs; its inputs are slices of what the network is given."""
    count = len(inputs)
    slices = (
        [
            step(
                'Slice',
                'data',
                ' '.join(f'in{i}' for i in range(count)),
                slice_param={'slice_point': list(np.cumsum([one.shape[1] for one in inputs])[:-1])},
            )
        ]
        if count > 1
        else []
    )
    bottoms = ' '.join(f'in{i}' for i in range(count)) if count > 1 else 'data'
    network = load_net(folder, *slices, step(kind, bottoms, tops, blobs, **param))
    return network(torch.cat(inputs, 1))


X = image(2, 6, 5, 7)


def numpy_of(tensor):
    return tensor.numpy().astype(np.float64)


def tensor_blob(values):
    values = np.asarray(values, np.float32)
    return schema.BlobProto(shape={'dim': values.shape}, data=values.ravel())


def ones_like_channels(values):
    return numpy_of(torch.tensor(values))[:, None, None]


C = np.linspace(-1, 2, 6)  # one number for each channel
MEAN, VARIANCE = C, np.linspace(0.5, 3, 6)
A, B = X[:, :3], X[:, 3:]
W = np.random.default_rng(0).standard_normal((6, 2, 3, 3)).astype(np.float32)

CASES = {
    'AbsVal': ([X], {}, np.abs),
    'BNLL': ([X], {}, lambda x: np.log1p(np.exp(x))),
    'ELU': ([X], {'elu_param': {'alpha': 0.5}}, lambda x: np.where(x > 0, x, 0.5 * np.expm1(x))),
    'Exp': (
        [X],
        {'exp_param': {'base': 2, 'scale': 0.5, 'shift': 1}},
        lambda x: 2 ** (1 + 0.5 * x),
    ),
    'Log': (
        [X.abs()],
        {'log_param': {'base': 10, 'scale': 2, 'shift': 3}},
        lambda x: np.log10(3 + 2 * x),
    ),
    'Power': (
        [X.abs()],
        {'power_param': {'power': 1.5, 'scale': 2, 'shift': 3}},
        lambda x: (3 + 2 * x) ** 1.5,
    ),
    'Threshold': ([X], {'threshold_param': {'threshold': 0.3}}, lambda x: x > 0.3),
    'Clip': ([X], {'clip_param': {'min': -0.5, 'max': 0.7}}, lambda x: np.clip(x, -0.5, 0.7)),
    'Swish': ([X], {'swish_param': {'beta': 2}}, lambda x: x / (1 + np.exp(-2 * x))),
    'ReLU6': ([X * 9], {}, lambda x: np.clip(x, 0, 6)),
    'PReLU': (
        [X],
        {'blobs': [tensor_blob(C)]},
        lambda x: np.maximum(x, 0) + ones_like_channels(C) * np.minimum(x, 0),
    ),
    'BatchNorm': (
        [X],
        # The first two are sums, over as many batches as the third says.
        {'blobs': [tensor_blob(MEAN * 4), tensor_blob(VARIANCE * 4), tensor_blob([4])]},
        lambda x: (x - ones_like_channels(MEAN)) / np.sqrt(ones_like_channels(VARIANCE) + 1e-5),
    ),
    'Scale': (
        [X],
        {'blobs': [tensor_blob(C), tensor_blob(MEAN + 3)], 'scale_param': {'bias_term': True}},
        lambda x: x * ones_like_channels(C) + ones_like_channels(MEAN + 3),
    ),
    'Bias': ([X], {'blobs': [tensor_blob(C)]}, lambda x: x + ones_like_channels(C)),
    'MVN': (
        [X],
        {},
        lambda x: (x - x.mean((2, 3), keepdims=True)) / (x.std((2, 3), keepdims=True) + 1e-9),
    ),
    'Normalize': (
        [X],
        {
            'blobs': [tensor_blob(C)],
            'norm_param': {'across_spatial': False, 'channel_shared': False},
        },
        lambda x: x / np.sqrt((x**2).sum(1, keepdims=True) + 1e-10) * ones_like_channels(C),
    ),
    'Concat': ([A, B], {'concat_param': {'axis': 2}}, lambda a, b: np.concatenate([a, b], 2)),
    'Eltwise': (
        [A, B],
        {'eltwise_param': {'operation': 1, 'coeff': [2, -1]}},
        lambda a, b: 2 * a - b,
    ),
    'Flatten': ([X], {}, lambda x: x.reshape(2, -1)),
    'Reshape': (
        [X],
        {'reshape_param': {'shape': {'dim': [0, 3, -1, 7]}}},
        lambda x: x.reshape(2, 3, 10, 7),
    ),
    'Permute': ([X], {'permute_param': {'order': [0, 2, 3, 1]}}, lambda x: x.transpose(0, 2, 3, 1)),
    'Tile': ([X], {'tile_param': {'axis': 1, 'tiles': 3}}, lambda x: np.tile(x, (1, 3, 1, 1))),
    'Reduction': (
        [X],
        {'reduction_param': {'operation': 3, 'axis': 1, 'coeff': 0.5}},
        lambda x: 0.5 * (x**2).sum((1, 2, 3)),
    ),
    'ArgMax': ([X], {'argmax_param': {'axis': 1}}, lambda x: x.argmax(1)[:, None]),
}


@pytest.mark.parametrize('kind', CASES)
def test_layer_computes_what_caffe_does(tmp_path, kind):
    inputs, given, formula = CASES[kind]
    found = run(tmp_path, kind, *inputs, **given)
    expected = np.asarray(formula(*map(numpy_of, inputs)), np.float64)
    assert tuple(found.shape) == expected.shape
    # float32 sums and functions against float64
    assert np.abs(found.numpy() - expected).max() < 2e-6 * max(np.abs(expected).max(), 1)


@pytest.mark.parametrize('operation, formula', [(0, np.multiply), (1, np.add), (2, np.maximum)])
def test_eltwise_combines_as_caffe(tmp_path, operation, formula):
    found = run(tmp_path, 'Eltwise', A, B, eltwise_param={'operation': operation})
    assert np.array_equal(found.numpy(), formula(A.numpy(), B.numpy()))


def test_scale_takes_its_factor_from_a_second_input(tmp_path):
    network = load_net(
        tmp_path,
        step('Pooling', 'data', 'mean', pooling_param={'pool': 1, 'global_pooling': True}),
        step('Flatten', 'mean', 'flat'),
        step('Scale', 'data flat', 'scaled', scale_param={'axis': 0}),
    )
    assert torch.allclose(network(X), X * X.mean((2, 3), keepdim=True), rtol=1e-5)


def test_crop_cuts_to_the_second_input(tmp_path):
    network = load_net(
        tmp_path,
        step('Pooling', 'data', 'small', pooling_param={'kernel_size': 3}),
        step('Crop', 'data small', 'cut', crop_param={'offset': [1, 2]}),
    )
    assert torch.equal(network(X), X[:, :, 1:4, 2:7])


def test_slice_gives_its_parts_to_others(tmp_path):
    network = load_net(
        tmp_path,
        step('Slice', 'data', 'a b', slice_param={'slice_point': [2]}),
        step('AbsVal', 'b', 'out'),
    )
    assert torch.equal(network(X), X[:, 2:].abs())


def test_lrn_within_channels_divides_by_the_whole_window(tmp_path):
    found = run(
        tmp_path, 'LRN', X, lrn_param={'norm_region': 1, 'local_size': 3, 'alpha': 2, 'beta': 0.75}
    )
    padded = np.pad(numpy_of(X) ** 2, ((0, 0), (0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (2, 3))
    expected = numpy_of(X) * (1 + 2 * windows.sum((-2, -1)) / 9) ** -0.75
    assert np.abs(found.numpy() - expected).max() < 1e-6


def caffe_pooling(x, average, kernel, stride, pad, floor):
    """pooling_layer.cpp, loop by loop, for one axis order (N, C, H, W)."""
    sizes = []
    for size, k, s, p in zip(x.shape[2:], kernel, stride, pad, strict=True):
        count = (size + 2 * p - k) / s
        count = int(np.floor(count) if floor else np.ceil(count)) + 1
        if any(pad) and (count - 1) * s >= size + p:
            count -= 1
        sizes.append(count)
    out = np.empty((*x.shape[:2], *sizes))
    for i in range(sizes[0]):
        for j in range(sizes[1]):
            top, left = i * stride[0] - pad[0], j * stride[1] - pad[1]
            bottom, right = (
                min(top + kernel[0], x.shape[2] + pad[0]),
                min(left + kernel[1], x.shape[3] + pad[1]),
            )
            area = (bottom - top) * (right - left)
            part = x[
                :, :, max(top, 0) : min(bottom, x.shape[2]), max(left, 0) : min(right, x.shape[3])
            ]
            out[:, :, i, j] = part.sum((2, 3)) / area if average else part.max((2, 3))
    return out


@pytest.mark.parametrize('average', [False, True])
@pytest.mark.parametrize('floor', [False, True])
@pytest.mark.parametrize(
    'kernel, stride, pad',
    [
        ((3, 3), (2, 2), (0, 0)),
        ((2, 2), (2, 2), (1, 1)),
        ((3, 2), (2, 1), (1, 0)),
        ((3, 3), (2, 3), (2, 2)),  # more than half of the kernel
        ((4, 5), (3, 2), (3, 1)),
    ],
)
def test_pooling_rounds_and_clips_as_caffe(tmp_path, average, floor, kernel, stride, pad):
    param = dict(zip(('kernel_h', 'kernel_w'), kernel, strict=True))
    param |= dict(zip(('stride_h', 'stride_w', 'pad_h', 'pad_w'), stride + pad, strict=True))
    x = image(1, 2, 8, 11)
    param |= {'pool': int(average), 'round_mode': int(floor)}
    found = run(tmp_path, 'Pooling', x, pooling_param=param)
    expected = caffe_pooling(numpy_of(x), average, kernel, stride, pad, floor)
    assert tuple(found.shape) == expected.shape
    assert np.abs(found.numpy() - expected).max() < 1e-6


@pytest.mark.parametrize('groups', [1, 2])
def test_deconvolution_spreads_each_input_over_its_window(tmp_path, groups):
    found = run(
        tmp_path,
        'Deconvolution',
        X,
        blobs=[tensor_blob(W), tensor_blob(np.arange(2 * groups))],
        convolution_param={
            'num_output': 2 * groups,
            'kernel_size': [3],
            'stride': [2],
            'pad': [1],
            'group': groups,
        },
    )
    x, own = numpy_of(X), 6 // groups
    out = np.zeros((2, 2 * groups, 11, 15))
    for group in range(groups):
        for c in range(group * own, (group + 1) * own):
            for i in range(5):
                for j in range(7):
                    for o in range(2):
                        window = out[:, group * 2 + o, 2 * i : 2 * i + 3, 2 * j : 2 * j + 3]
                        window += x[:, c, i, j, None, None] * W[c, o]
    expected = out[:, :, 1:-1, 1:-1] + np.arange(2 * groups)[:, None, None]
    assert np.abs(found.numpy() - expected).max() < 1e-5


def test_depthwise_convolution_has_a_group_for_each_channel(tmp_path):
    weights = [blob(6, 1, 3, 3), blob(6)]
    given = {'num_output': 6, 'kernel_size': [3]}
    network = load_net(
        tmp_path, step('DepthwiseConvolution', 'data', 'dw', weights, convolution_param=given)
    )
    assert network[0].groups == 6


def test_text_only_layers_of_forks(tmp_path):
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


def test_pooling_with_places_is_undone_by_upsample(tmp_path):
    network = load_net(
        tmp_path,
        *FIRE[:1],
        prototxt="""input: "data"
    layer { name: "pool" type: "Pooling" bottom: "data" top: "pool" top: "places"
            pooling_param { kernel_size: 2 stride: 2 } }
    layer { name: "up" type: "Upsample" bottom: "pool" bottom: "places" top: "up"
            upsample_param { scale: 2 } }""",
        net='prototxt',
    )
    x = image(1, 2, 4, 6)
    restored = network(x)
    kept = restored != 0
    assert kept.sum() == 12 and torch.equal(restored[kept], x[kept])


def test_bn_of_segnet_and_pspnet(tmp_path):
    two = run(tmp_path, 'BN', X, blobs=[tensor_blob(C.reshape(1, 6, 1, 1)), tensor_blob(MEAN)])
    expected = numpy_of(X) * ones_like_channels(C) + ones_like_channels(MEAN)
    assert np.abs(two.numpy() - expected).max() < 1e-5
    blobs = [tensor_blob(one) for one in (C, MEAN, MEAN, VARIANCE)]
    four = run(tmp_path, 'BN', X, blobs=blobs)
    normal = (numpy_of(X) - ones_like_channels(MEAN)) / np.sqrt(ones_like_channels(VARIANCE) + 1e-5)
    expected = normal * ones_like_channels(C) + ones_like_channels(MEAN)
    assert np.abs(four.numpy() - expected).max() < 1e-5


def test_weights_of_a_graph_are_frozen(tmp_path):
    network = load_net(tmp_path, *FIRE)
    assert not any(parameter.requires_grad for parameter in network.parameters())
