"""Weights in HDF5."""

import numpy as np
import pytest
import torch
from caffe_networks import DEPLOY, names

import loadcaffe
from loadcaffe.formats import hdf5, hdf5_newer

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
@pytest.mark.parametrize('libver', ['earliest', None, 'latest'])
def test_hdf5_weights_go_to_the_layers_of_the_prototxt(tmp_path, dtype, libver):
    model = hdf5_file(tmp_path / 'net.caffemodel.h5', dtype, libver=libver)
    (tmp_path / 'net.prototxt').write_text(DEPLOY % 4)
    network = loadcaffe.load(tmp_path / 'net.prototxt', model)
    assert names(network) == ['conv1', 'prob']
    assert network.conv1.weight.flatten().tolist() == list(range(12))
    assert network.conv1.bias.tolist() == [0, 1, 2, 3]


def test_hdf5_of_a_newer_layout_is_read_as_that_of_caffe(tmp_path):
    classic = hdf5.read_hdf5(hdf5_file(tmp_path / 'classic.h5', libver='earliest'))
    newer = hdf5.read_hdf5(hdf5_file(tmp_path / 'newer.h5', libver='latest'))
    assert newer.blobs.keys() == classic.blobs.keys() == {'conv1', 'fire2/squeeze'}
    for name, blobs in classic.blobs.items():
        assert all(torch.equal(newer.blobs[name][number], blob) for number, blob in blobs.items())


def test_hdf5_links_to_one_blob_share_its_memory(tmp_path):
    for libver in ('earliest', 'latest'):
        path = tmp_path / f'{libver}.h5'
        with h5py.File(path, 'w', libver=libver) as file:
            blob = file.create_dataset('data/a/0', data=np.ones(1000, 'f4'))
            for number in range(500):
                file.create_group(f'data/b{number}')['0'] = blob
        blobs = hdf5.read_hdf5(path).blobs
        assert len(blobs) == 501 and len({blob[0].data_ptr() for blob in blobs.values()}) == 1


def test_hdf5_of_a_newer_layout_counts_links_before_it_follows_them(tmp_path):
    with h5py.File(tmp_path / 'net.h5', 'w', libver='latest') as file:
        group = file.create_group('data/a')
        for number in range(hdf5_newer.MAX_LINKS + 1):
            group[f'{number}x'] = group
    with pytest.raises(loadcaffe.CaffeFormatError, match=r'net\.h5: .*more than 12000 groups and'):
        hdf5.read_hdf5(tmp_path / 'net.h5')


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


@pytest.mark.parametrize('libver', ['earliest', 'latest'])
def test_hdf5_reads_no_numbers_of_other_files(tmp_path, libver):
    (tmp_path / 'numbers').write_bytes(bytes(48))
    with h5py.File(tmp_path / 'net.h5', 'w', libver=libver) as file:
        numbers = [(str(tmp_path / 'numbers'), 0, 48)]
        file.create_dataset('data/conv1/0', (4, 3, 1, 1), 'f4', external=numbers)
    with pytest.raises(loadcaffe.CaffeFormatError, match='net.h5: '):
        hdf5.read_hdf5(tmp_path / 'net.h5')


def test_hdf5_follows_no_link_out_of_the_file(tmp_path):
    hdf5_file(tmp_path / 'other.h5')
    for libver in ('earliest', 'latest'):
        with h5py.File(tmp_path / 'net.h5', 'w', libver=libver) as file:
            file['data'] = h5py.ExternalLink('other.h5', '/data')
        with pytest.raises(loadcaffe.CaffeFormatError, match='net.h5'):
            hdf5.read_hdf5(tmp_path / 'net.h5')
