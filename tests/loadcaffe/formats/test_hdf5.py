"""Weights in HDF5."""

import numpy as np
import pytest
from caffe_networks import DEPLOY, names

import loadcaffe
from loadcaffe.formats import hdf5

h5py = pytest.importorskip('h5py')


def hdf5_file(path, dtype='<f4', **options):
    with h5py.File(path, 'w', **options) as file:
        for number in range(20):  # more than one node of the B-tree holds
            file.create_group(f'data/relu{number}')
        weight = np.arange(12, dtype=dtype).reshape(4, 3, 1, 1)
        file.create_dataset('data/conv1/0', data=weight)
        file.create_dataset('data/conv1/1', data=np.arange(4, dtype=dtype))
        file.create_dataset('data/fire2/squeeze/0', data=weight)
    return path


@pytest.mark.parametrize('dtype', ['<f4', '>f4', '<f8', '<f2'])
@pytest.mark.parametrize('libver', ['earliest', None])
def test_hdf5_weights_go_to_the_layers_of_the_prototxt(tmp_path, dtype, libver):
    model = hdf5_file(tmp_path / 'net.caffemodel.h5', dtype, libver=libver)
    (tmp_path / 'net.prototxt').write_text(DEPLOY % 4)
    network = loadcaffe.load(tmp_path / 'net.prototxt', model)
    assert names(network) == ['conv1', 'prob']
    assert network.conv1.weight.flatten().tolist() == list(range(12))
    assert network.conv1.bias.tolist() == [0, 1, 2, 3]


def test_hdf5_of_a_newer_layout_is_refused_with_a_remedy(tmp_path):
    model = hdf5_file(tmp_path / 'net.h5', libver='latest')
    with pytest.raises(loadcaffe.CaffeFormatError, match="net.h5: .*newer layout.*'earliest'"):
        hdf5.read_hdf5(model)
    with h5py.File(model) as newer, h5py.File(tmp_path / 'old.h5', 'w', libver='earliest') as old:
        for name in ('conv1/0', 'conv1/1', 'fire2/squeeze/0'):
            old.create_dataset(f'data/{name}', data=newer[f'data/{name}'])
    assert set(hdf5.read_hdf5(tmp_path / 'old.h5').blobs) == {'conv1', 'fire2/squeeze'}


def test_hdf5_reads_layers_whose_names_have_slashes(tmp_path):
    weights = hdf5.read_hdf5(hdf5_file(tmp_path / 'net.h5'))
    assert set(weights.blobs) == {'conv1', 'fire2/squeeze'}


def test_hdf5_needs_a_prototxt(tmp_path):
    model = hdf5_file(tmp_path / 'net.h5')
    with pytest.raises(loadcaffe.CaffeFormatError, match=r'net\.h5: .*name the deploy prototxt'):
        loadcaffe.load(tmp_path / 'none.prototxt', model)


@pytest.mark.parametrize('how', [{'chunks': (2, 1)}, {'compression': 'gzip'}])
@pytest.mark.parametrize('libver', ['earliest', 'latest'])
def test_hdf5_refuses_what_caffe_does_not_write(tmp_path, how, libver):
    with h5py.File(tmp_path / 'net.h5', 'w', libver=libver) as file:
        file.create_dataset('data/conv1/0', data=np.zeros((40, 30), 'f4'), **how)
    with pytest.raises(loadcaffe.CaffeFormatError, match='net.h5: '):
        hdf5.read_hdf5(tmp_path / 'net.h5')


def test_hdf5_follows_no_link_out_of_the_file(tmp_path):
    hdf5_file(tmp_path / 'other.h5')
    for libver in ('earliest', 'latest'):
        with h5py.File(tmp_path / 'net.h5', 'w', libver=libver) as file:
            file['data'] = h5py.ExternalLink('other.h5', '/data')
        with pytest.raises(loadcaffe.CaffeFormatError, match='net.h5'):
            hdf5.read_hdf5(tmp_path / 'net.h5')
