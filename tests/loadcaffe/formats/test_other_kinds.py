"""Files of other programs in the place of a caffemodel or a prototxt."""

import io
import pickle
import tarfile
import zipfile

import numpy as np
import pytest
from caffe_networks import FIRE, blob, field, v2_net

import loadcaffe


def solverstate():
    """caffe.proto: SolverState: iter 1, learned_net 2, history 3, current_step 4."""
    history = field(3, blob(2, 3).SerializeToString()) * 2
    return b'\x08\x90\x4e' + field(2, b'snapshots/vgg_iter_10000.caffemodel') + history


def onnx(producer):
    """onnx.proto: ModelProto: ir_version 1, producer_name 2, graph 7, opset_import 8."""
    graph = field(1, field(1, b'x') + field(4, b'Conv'))
    opset = field(8, b'\x10\x0d')
    return b'\x08\x08' + field(2, producer) + field(7, graph) + opset


def graph_of_tensorflow():
    """graph.proto: GraphDef: node 1; NodeDef: name 1, op 2."""
    return field(1, field(1, b'input') + field(2, b'Placeholder')) * 2


def npy(save=np.save):
    file = io.BytesIO()
    save(file, np.ones((3, 224, 224), np.float32))
    return file.getvalue()


def tar():
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode='w') as archive:
        archive.addfile(tarfile.TarInfo('VGG.caffemodel'), io.BytesIO())
    return file.getvalue()


def zip_():
    file = io.BytesIO()
    with zipfile.ZipFile(file, 'w') as archive:
        archive.writestr('VGG.caffemodel', b'...')
    return file.getvalue()


def torchscript():
    file = io.BytesIO()
    with zipfile.ZipFile(file, 'w') as archive:
        archive.writestr('net/data.pkl', pickle.dumps(1, 2))
        archive.writestr('net/code/__torch__.py', 'class Net(Module): ...')
    return file.getvalue()


def hdf5(*names):
    h5py = pytest.importorskip('h5py')
    file = io.BytesIO()
    with h5py.File(file, 'w') as content:
        for name in names:
            content.create_group(name)
    return file.getvalue()


T7 = b'\4\0\0\0\1\0\0\0\3\0\0\0V 1\r\0\0\0nn.Sequential'
MEAN = b'\x08\1\x10\3\x18\2\x20\2' + field(5, bytes(48))
KINDS = {
    'solverstate': (solverstate, r'a training state \(.solverstate\).*beside it'),
    'solverstate of a few bytes': (lambda: b'\x08\1' + field(3, b'\x2a\0'), 'a training state'),
    't7': (lambda: T7, r'a Torch7 file \(.t7\)'),
    't7 of a table': (lambda: b'\3\0\0\0\1\0\0\0\2\0\0\0', r'a Torch7 file'),
    't7 in ASCII': (lambda: b'4\n1\n3\nV 1\n13\nnn.Sequential\n', r'a Torch7 file'),
    'npy': (npy, r'a NumPy array \(.npy\)'),
    'npz': (lambda: npy(np.savez), r'NumPy arrays \(.npz\)'),
    'tar': (tar, r'an archive \(.tar\): unpack it'),
    'zip': (zip_, r'an archive \(.zip\): unpack it'),
    'tensorflow': (graph_of_tensorflow, r'a graph of TensorFlow \(.pb\)'),
    'mean image': (lambda: MEAN, r'a mean image \(.binaryproto\)'),
    'picture': (lambda: b'\x89PNG\r\n\x1a\n', 'a picture'),
    'pickle': (lambda: pickle.dumps({'weights': [1]}), 'a Python pickle'),
    'json': (lambda: b'{"nodes": [{"op": "null", "name": "data"}]}', 'JSON'),
    'darknet': (lambda: b'[net]\nbatch=1\n', r'Darknet \(.cfg\)'),
    'matlab 7.3': (lambda: b'MATLAB 7.3 MAT-file, Platform: GLNXA64', "save it with '-v7'"),
}
# Kinds that are read in the place of a caffemodel.
NETWORKS = {
    'onnx': (lambda: onnx(b'pytorch'), r'an ONNX model \(.onnx\)'),
    'onnx of others': (lambda: onnx(b'my exporter'), r'an ONNX model'),
}
# Kinds that share a format with networks, and are told by what is in them.
INNER_KINDS = {
    'torchscript': (torchscript, r'a TorchScript program: save its state_dict'),
    'solverstate.h5': (lambda: hdf5('iter', 'learned_net', 'history'), 'a training state'),
    'keras': (lambda: hdf5('model_weights', 'optimizer_weights'), 'of Keras'),
}


@pytest.mark.parametrize('format_name', [*KINDS, *INNER_KINDS])
def test_file_of_another_kind_is_named_as_that(tmp_path, format_name):
    make, problem = (KINDS | INNER_KINDS)[format_name]
    (tmp_path / 'VGG.caffemodel').write_bytes(make())
    with pytest.raises(loadcaffe.CaffeFormatError, match=rf'VGG\.caffemodel: .*{problem}'):
        loadcaffe.load('no', tmp_path / 'VGG.caffemodel')


@pytest.mark.parametrize('format_name', [*KINDS, *NETWORKS])
def test_file_of_another_kind_is_named_in_the_place_of_a_prototxt(tmp_path, format_name):
    make, problem = (KINDS | NETWORKS)[format_name]
    (tmp_path / 'VGG.prototxt').write_bytes(make())
    (tmp_path / 'net.caffemodel').write_bytes(v2_net(*FIRE).SerializeToString())
    with pytest.raises(loadcaffe.CaffeFormatError, match=rf'VGG\.prototxt: .*{problem}'):
        loadcaffe.load(tmp_path / 'VGG.prototxt', tmp_path / 'net.caffemodel', net='prototxt')


def test_caffemodel_in_the_place_of_a_prototxt_is_named(tmp_path):
    model = tmp_path / 'net.caffemodel'
    model.write_bytes(v2_net(*FIRE).SerializeToString())
    with pytest.raises(loadcaffe.CaffeFormatError, match='is it the caffemodel'):
        loadcaffe.load(model, model, net='prototxt')


def test_prototxt_of_a_solver_is_named(tmp_path):
    (tmp_path / 'solver.prototxt').write_text('net: "train_val.prototxt"\nbase_lr: 0.01\n')
    with pytest.raises(loadcaffe.CaffeFormatError, match="it is a solver's: name the prototxt of"):
        loadcaffe.read(tmp_path / 'solver.prototxt')


@pytest.mark.parametrize('path', ['net\0.caffemodel', 'net\ud800.caffemodel'])
def test_path_that_no_file_can_have_is_refused(tmp_path, path, caplog):
    caplog.set_level('ERROR', 'loadcaffe')  # xdist can't report a warning with a lone surrogate
    with pytest.raises(loadcaffe.CaffeFormatError, match='not a path'):
        loadcaffe.load('no', path)
    (tmp_path / 'net.caffemodel').write_bytes(v2_net(*FIRE).SerializeToString())
    assert len(loadcaffe.load(path, tmp_path / 'net.caffemodel')) == len(FIRE)
    with pytest.raises(loadcaffe.CaffeFormatError, match='not a path'):
        loadcaffe.read(path)
