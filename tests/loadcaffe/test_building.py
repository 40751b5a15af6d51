"""Which layers of a network are built, and what is told of the others."""

import pytest
import torch
from caffe_networks import (
    DEPLOY,
    FIRE,
    blob,
    conv,
    field,
    image,
    load_net,
    names,
    step,
    v2_net,
)

import loadcaffe
from loadcaffe import __main__ as command

TRUNK = [
    conv('data', 'conv1', 3, 4, 3, pad=[1]),
    step('ReLU', 'conv1', 'conv1', name='relu1'),
    step('Pooling', 'conv1', 'pool1', pooling_param={'kernel_size': 2, 'stride': 2}),
    conv('pool1', 'conv2', 4, 5),
    step('ReLU', 'conv2', 'conv2', name='relu2'),
]
# Of SSD: boxes around every pixel, their places and classes.
SSD = [
    *TRUNK,
    step('Normalize', 'conv2', 'norm', [blob(5)]),
    conv('norm', 'loc', 5, 8, 3, pad=[1]),
    step('Permute', 'loc', 'loc_perm', permute_param={'order': [0, 2, 3, 1]}),
    step('Flatten', 'loc_perm', 'loc_flat'),
    step('PriorBox', 'norm data', 'priorbox'),
    step('Concat', 'priorbox', 'mbox_priorbox', concat_param={'axis': 2}),
    step('DetectionOutput', 'loc_flat mbox_priorbox', 'detection_out'),
]
# Of Faster R-CNN: a second network works on the parts of the features that the first one chooses.
FASTER = [
    step('Input', '', 'data'),
    step('Input', '', 'im_info'),
    *TRUNK,
    conv('conv2', 'rpn', 5, 6),
    step('Python', 'rpn im_info', 'rois'),
    step('ROIPooling', 'conv2 rois', 'pool5'),
    conv('pool5', 'conv3', 5, 7),
    step('InnerProduct', 'conv3', 'fc', [blob(2, 7), blob(2)]),
]
YOLO = [*TRUNK, conv('conv2', 'boxes', 5, 6), step('Region', 'boxes', 'detected')]


@pytest.mark.parametrize(
    'net, expected, left_out',
    [
        (
            SSD,
            ['norm', 'loc', 'loc_perm', 'loc_flat'],
            "'priorbox', 'mbox_priorbox', 'detection_out'",
        ),
        (FASTER, ['rpn'], "'pool5', 'conv3', 'fc'"),
        (YOLO, ['boxes'], "'detected'"),
    ],
    ids=['SSD', 'Faster R-CNN', 'YOLO'],
)
def test_trunk_of_a_detection_network_loads(tmp_path, caplog, net, expected, left_out):
    network = load_net(tmp_path, *net)
    assert names(network) == ['conv1', 'relu1', 'pool1', 'conv2', 'relu2', *expected]
    (notice,) = (record.message for record in caplog.records if 'left out' in record.message)
    assert f'left out: {left_out}: layer ' in notice
    x = image(1, 3, 6, 8)
    trunk = torch.nn.Sequential(*list(network)[:5])
    assert torch.equal(trunk(x), torch.nn.Sequential(*load_net(tmp_path, *TRUNK))(x))


@pytest.mark.parametrize('net', [SSD, FASTER, YOLO], ids=['SSD', 'Faster R-CNN', 'YOLO'])
@pytest.mark.parametrize('suffix', ['caffemodel', 'safetensors'])
def test_trunk_of_a_detection_network_can_be_written(tmp_path, capsys, net, suffix):
    load_net(tmp_path, *net)
    out = tmp_path / f'trunk.{suffix}'
    assert command.main(['no', str(tmp_path / 'net.caffemodel'), '--conv-only', str(out)]) == 0
    written = loadcaffe.load('no', out)
    assert names(written)[:5] == ['conv1', 'relu1', 'pool1', 'conv2', 'relu2']
    assert not {'detected', 'pool5', 'priorbox', 'fc'} & set(names(written))


UNKNOWN = [conv('data', 'a', 3, 4), step('Mish', 'a', 'mish'), conv('mish', 'b', 4, 5)]


def test_unknown_layer_within_a_network_is_refused(tmp_path):
    with pytest.raises(loadcaffe.CaffeFormatError, match="'mish' has the type 'Mish'"):
        load_net(tmp_path, *UNKNOWN)


def test_unknown_layer_with_weights_is_refused(tmp_path):
    with pytest.raises(loadcaffe.CaffeFormatError, match="'own' has the type 'Own'"):
        load_net(tmp_path, conv('data', 'a', 3, 4), step('Own', 'a', 'own', [blob(3)]))


def test_unknown_layer_at_the_end_is_left_out_with_a_notice(tmp_path, caplog):
    assert names(load_net(tmp_path, *UNKNOWN[:2])) == ['a']
    assert "left out: 'mish': layer 'mish' has the type 'Mish'" in caplog.text


def test_layers_that_are_not_used_may_be_unknown(tmp_path, caplog):
    load = load_net(tmp_path, *FIRE) and loadcaffe.load
    write = tmp_path / 'unknown.caffemodel'
    write.write_bytes(v2_net(*UNKNOWN).SerializeToString())
    assert names(load('no', write, layers=['a'])) == ['a']
    assert "left out: 'mish', 'b': layer 'mish' has the type 'Mish'" in caplog.text
    with pytest.raises(loadcaffe.CaffeFormatError, match="'mish' has the type 'Mish'"):
        load('no', write, layers=['a', 'b'])
    with pytest.raises(loadcaffe.CaffeFormatError, match="'mish' has the type 'Mish'"):
        load('no', write, layers=['of another network'])


CLASSIFIER = """
input: "data"
layer { name: "conv1" type: "Convolution" bottom: "data" top: "conv1"
        convolution_param { num_output: 4 kernel_size: 1 } }
layer { name: "fc" type: "InnerProduct" bottom: "conv1" top: "fc"
        inner_product_param { num_output: 2 } }
"""


def test_layers_that_are_not_used_may_lack_weights(tmp_path, caplog):
    (tmp_path / 'net.prototxt').write_text(CLASSIFIER)
    torch.save(
        {'conv1.weight': torch.ones(4, 3, 1, 1), 'conv1.bias': torch.ones(4)}, tmp_path / 'net.pth'
    )
    files = tmp_path / 'net.prototxt', tmp_path / 'net.pth'
    with pytest.raises(loadcaffe.CaffeFormatError, match="no weights for the layer 'fc'"):
        loadcaffe.load(*files)
    assert names(loadcaffe.load(*files, layers=['conv1'])) == ['conv1']
    assert "left out: 'fc': no weights for the layer 'fc'" in caplog.text
    out = tmp_path / 'conv.safetensors'
    assert command.main([*map(str, files), '--conv-only', str(out)]) == 0
    assert names(loadcaffe.load('no', out)) == ['conv1']


def test_prototxt_counts_if_it_has_the_weights_that_are_used(tmp_path, caplog):
    deploy = (
        (DEPLOY % 4).replace('conv1', 'squeeze')
        + """
    layer { name: "new" type: "InnerProduct" bottom: "squeeze" top: "new" }"""
    )
    (tmp_path / 'net.prototxt').write_text(deploy)
    assert names(load_net(tmp_path, *FIRE, prototxt=deploy)) == ['squeeze', 'left', 'right', 'both']
    model = tmp_path / 'net.caffemodel'
    network = loadcaffe.load(tmp_path / 'net.prototxt', model, layers=['squeeze'])
    assert names(network) == ['squeeze', 'prob']


@pytest.mark.parametrize(
    'content, problem',
    [
        (b'\x08\x07', 'pooling_param: pool 7'),  # a value that the enumeration lacks
        (b'\xa0\x06\x01', 'pooling_param: field 100'),
    ],
)
def test_parameters_of_a_fork_in_a_caffemodel_are_refused(tmp_path, content, problem):
    pooling = step('Pooling', 'data', 'pool', pooling_param={'kernel_size': 2})
    message = field(
        100,
        field(1, b'pool') + field(2, b'Pooling') + field(3, b'data') + field(4, b'pool')
        + field(121, pooling.pooling_param.SerializeToString() + content),
    )  # fmt: skip
    (tmp_path / 'net.caffemodel').write_bytes(message)
    with pytest.raises(loadcaffe.CaffeFormatError, match=f"layer 'pool'.*does not know: {problem}"):
        loadcaffe.load('no', tmp_path / 'net.caffemodel')


def test_parameters_of_a_fork_in_a_prototxt_are_refused(tmp_path):
    prototxt = """input: "data"
    layer { name: "pool" type: "Pooling" bottom: "data" top: "pool"
            pooling_param { kernel_size: 2 torch_pooling: true } }"""
    with pytest.raises(loadcaffe.CaffeFormatError, match='know: pooling_param: torch_pooling'):
        load_net(tmp_path, *FIRE, prototxt=prototxt)
