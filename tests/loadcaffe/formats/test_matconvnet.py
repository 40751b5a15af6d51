"""MatConvNet's networks."""

import numpy as np
import pytest
import torch
from caffe_networks import VGG, same_networks
from samples import DATA

import loadcaffe


def cell(values):
    array = np.empty((1, len(values)), object)
    for number, value in enumerate(values):
        array[0, number] = value
    return array


def matconvnet(network):
    """Return a chain of torch's modules as MatConvNet keeps it."""
    layers = []
    for module in network:
        struct = {'name': module.name}
        if isinstance(module, torch.nn.Conv2d):
            weight = module.weight.numpy()
            weight = weight[:, ::-1] if weight.shape[1] == 3 else weight  # RGB
            pair = cell([weight.transpose(2, 3, 1, 0), module.bias.numpy()[:, None]])
            struct |= {'type': 'conv', 'weights': pair, 'pad': np.ones((1, 4)), 'stride': 1.0}
        elif isinstance(module, torch.nn.ReLU):
            struct |= {'type': 'relu'}
        else:
            pair = np.full((1, 2), 2.0)
            struct |= {'type': 'pool', 'method': 'max', 'pool': pair, 'stride': pair, 'pad': 0.0}
        layers.append(struct)
    return {'layers': cell(layers), 'meta': {'normalization': {'imageSize': np.ones(3)}}}


@pytest.fixture(scope='module')
def vgg():
    return loadcaffe.load('no', VGG)


@pytest.mark.parametrize('packed', [False, True])
def test_mat_loads_the_network_of_the_caffemodel(tmp_path, vgg, packed):
    io = pytest.importorskip('scipy.io')
    io.savemat(tmp_path / 'vgg.mat', matconvnet(vgg[:37]), do_compression=packed)
    for prototxt in ('no', DATA / 'models' / 'mini_vgg19.prototxt'):
        assert same_networks(loadcaffe.load(prototxt, tmp_path / 'vgg.mat'), vgg[:37])


def test_mat_reads_what_scipy_reads(tmp_path):
    io = pytest.importorskip('scipy.io')
    variables = {
        'a': np.arange(6.0).reshape(2, 3),
        's': 'text',
        'c': cell([1, 'x']),
        'n': {'k': 2.5},
    }
    io.savemat(tmp_path / 'x.mat', variables)
    from loadcaffe.formats.matlab import read_mat

    read = read_mat(tmp_path / 'x.mat')
    assert np.array_equal(read['a'], variables['a'])
    assert (read['s'], read['c'][1], read['n']['k'].item()) == ('text', 'x', 2.5)


def test_mat_bomb_is_not_unpacked(tmp_path):
    io = pytest.importorskip('scipy.io')
    bomb = {'layers': cell([{'name': 'x', 'type': 'conv', 'weights': np.zeros((3000, 3000))}])}
    io.savemat(tmp_path / 'bomb.mat', bomb, do_compression=True)
    assert (tmp_path / 'bomb.mat').stat().st_size < 100_000
    with pytest.raises(loadcaffe.CaffeFormatError, match='bomb.mat: .*claimed'):
        loadcaffe.load('no', tmp_path / 'bomb.mat')


@pytest.mark.parametrize(
    'variables, problem',
    [
        ({'x': 1.0}, 'no cell of layers'),
        ({'layers': cell([{'name': 'a', 'type': 'custom'}])}, "type 'custom'"),
        ({'layers': cell([{'name': 'a', 'type': 'conv'}])}, 'is not as MatConvNet'),
        ({'layers': cell([{'name': 'a', 'type': 'pool', 'method': 'sum'}])}, "pools by 'sum'"),
    ],
)
def test_mat_refuses_other_networks(tmp_path, variables, problem):
    io = pytest.importorskip('scipy.io')
    io.savemat(tmp_path / 'x.mat', variables)
    with pytest.raises(loadcaffe.CaffeFormatError, match=f'x.mat: .*{problem}'):
        loadcaffe.load('no', tmp_path / 'x.mat')
