"""Weights in HDF5."""

import numpy as np
import pytest
from caffe_networks import DEPLOY, names

import loadcaffe
from loadcaffe.formats import hdf5


def hdf5_file(path, kind='<f4', **file):
    h5py = pytest.importorskip('h5py')
    with h5py.File(path, 'w', **file) as content:
        for number in range(20):  # more than one node of the B-tree holds
            content.create_group(f'data/relu{number}')
        weight = np.arange(12, dtype=kind).reshape(4, 3, 1, 1)
        content.create_dataset('data/conv1/0', data=weight)
        content.create_dataset('data/conv1/1', data=np.arange(4, dtype=kind))
        content.create_dataset('data/fire2/squeeze/0', data=weight)
    return path


@pytest.mark.parametrize('kind', ['<f4', '>f4', '<f8', '<f2'])
@pytest.mark.parametrize('libver', ['earliest', 'latest'])
def test_hdf5_weights_go_to_the_layers_of_the_prototxt(tmp_path, kind, libver):
    model = hdf5_file(tmp_path / 'net.caffemodel.h5', kind, libver=libver)
    (tmp_path / 'net.prototxt').write_text(DEPLOY % 4)
    network = loadcaffe.load(tmp_path / 'net.prototxt', model)
    assert names(network) == ['conv1', 'prob']
    assert network.conv1.weight.flatten().tolist() == list(range(12))
    assert network.conv1.bias.tolist() == [0, 1, 2, 3]


def test_hdf5_reads_layers_whose_names_have_slashes(tmp_path):
    found = hdf5.read_hdf5(hdf5_file(tmp_path / 'net.h5')).layers
    assert {one.name for one in found if one.blobs} == {'conv1', 'fire2/squeeze'}


def test_hdf5_needs_a_prototxt(tmp_path):
    model = hdf5_file(tmp_path / 'net.h5')
    with pytest.raises(loadcaffe.CaffeFormatError, match=r'net\.h5: .*name the deploy prototxt'):
        loadcaffe.load(tmp_path / 'none.prototxt', model)


@pytest.mark.parametrize('how', [{'chunks': (2, 1)}, {'compression': 'gzip'}])
@pytest.mark.parametrize('libver', ['earliest', 'latest'])
def test_hdf5_refuses_what_caffe_does_not_write(tmp_path, how, libver):
    h5py = pytest.importorskip('h5py')
    with h5py.File(tmp_path / 'net.h5', 'w', libver=libver) as file:
        file.create_dataset('data/conv1/0', data=np.zeros((40, 30), 'f4'), **how)
    try:
        (found,) = hdf5.read_hdf5(tmp_path / 'net.h5').layers
    except loadcaffe.CaffeFormatError as error:
        assert 'net.h5' in str(error)
    else:
        assert found.blobs[0].shape == (40, 30)


def test_hdf5_follows_no_link_out_of_the_file(tmp_path):
    h5py = pytest.importorskip('h5py')
    hdf5_file(tmp_path / 'other.h5')
    for libver in ('earliest', 'latest'):
        with h5py.File(tmp_path / 'net.h5', 'w', libver=libver) as file:
            file['data'] = h5py.ExternalLink('other.h5', '/data')
        with pytest.raises(loadcaffe.CaffeFormatError, match='net.h5'):
            hdf5.read_hdf5(tmp_path / 'net.h5')
