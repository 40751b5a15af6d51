"""ONNX's operations as Caffe's layers, beside ONNX's own reference in numpy."""

import numpy as np
import pytest
import torch

import loadcaffe

pytest.importorskip('onnx', reason='needs the package onnx: the extra [onnx]')
from onnx.reference import ReferenceEvaluator  # noqa: E402
from onnx_networks import SHAPE, onnx_model, random, save_onnx  # noqa: E402

CONV = random(4, 3, 3, 3)
BATCH_NORM = {'s': random(3), 'b': random(3, seed=1), 'm': random(3, seed=2), 'v': np.ones(3, 'f4')}
# Name -> nodes, and weights.
OPERATIONS = {
    'conv': ([('Conv', 'x w b', 'y', {'pads': [1, 2, 1, 2], 'strides': [2, 1],
                                      'dilations': [1, 2]})], {'w': CONV, 'b': random(4)}),
    'conv same': ([('Conv', 'x w', 'y', {'auto_pad': 'SAME_UPPER'})], {'w': CONV}),
    'conv groups': ([('Conv', 'x w', 'y', {'group': 3})], {'w': random(6, 1, 3, 3)}),
    'deconvolution': ([('ConvTranspose', 'x w b', 'y', {'strides': [2, 2], 'pads': [1] * 4})],
                      {'w': random(3, 5, 4, 4), 'b': random(5)}),
    'relu': ([('Relu', 'x', 'y', {})], {}),
    'leaky relu': ([('LeakyRelu', 'x', 'y', {'alpha': 0.3})], {}),
    'prelu': ([('PRelu', 'x w', 'y', {})], {'w': random(3, 1, 1)}),
    'sigmoid': ([('Sigmoid', 'x', 'y', {})], {}),
    'tanh': ([('Tanh', 'x', 'y', {})], {}),
    'elu': ([('Elu', 'x', 'y', {'alpha': 0.5})], {}),
    'abs': ([('Abs', 'x', 'y', {})], {}),
    'exp': ([('Exp', 'x', 'y', {})], {}),
    'log of exp': ([('Exp', 'x', 'e', {}), ('Log', 'e', 'y', {})], {}),
    'clip': ([('Clip', 'x low high', 'y', {})], {'low': np.float32(-1), 'high': np.float32(0.5)}),
    'max pool': ([('MaxPool', 'x', 'y', {'kernel_shape': [3, 3], 'strides': [2, 2]})], {}),
    'max pool ceil': ([('MaxPool', 'x', 'y', {'kernel_shape': [3, 3], 'strides': [2, 2],
                                              'ceil_mode': 1})], {}),
    'max pool padded': ([('MaxPool', 'x', 'y', {'kernel_shape': [3, 3], 'strides': [2, 2],
                                                'pads': [1] * 4})], {}),
    'average pool': ([('AveragePool', 'x', 'y', {'kernel_shape': [3, 2], 'strides': [2, 2]})], {}),
    'average pool padded': ([('AveragePool', 'x', 'y', {'kernel_shape': [3, 3], 'pads': [1] * 4,
                                                        'count_include_pad': 1})], {}),
    'global average': ([('GlobalAveragePool', 'x', 'y', {})], {}),
    'global maximum': ([('GlobalMaxPool', 'x', 'y', {})], {}),
    'batch norm': ([('BatchNormalization', 'x s b m v', 'y', {'epsilon': 0.01})], BATCH_NORM),
    'lrn': ([('LRN', 'x', 'y', {'size': 3, 'alpha': 0.5, 'beta': 0.6, 'bias': 2.0})], {}),
    'concat': ([('Relu', 'x', 'r', {}), ('Concat', 'x r', 'y', {'axis': 1})], {}),
    'add': ([('Relu', 'x', 'r', {}), ('Add', 'x r', 'y', {})], {}),
    'sum': ([('Relu', 'x', 'r', {}), ('Sum', 'x r r', 'y', {})], {}),
    'multiply': ([('Relu', 'x', 'r', {}), ('Mul', 'x r', 'y', {})], {}),
    'maximum': ([('Tanh', 'x', 'r', {}), ('Max', 'x r', 'y', {})], {}),
    'add a number': ([('Add', 'x w', 'y', {})], {'w': np.float32(2)}),
    'add to channels': ([('Add', 'w x', 'y', {})], {'w': random(1, 3, 1, 1)}),
    'add to columns': ([('Add', 'x w', 'y', {})], {'w': random(8)}),
    'multiply channels': ([('Mul', 'x w', 'y', {})], {'w': random(3, 1, 1)}),
    'gemm': ([('Flatten', 'x', 'f', {}), ('Gemm', 'f w b', 'y', {'transB': 1})],
             {'w': random(5, 192), 'b': random(5)}),
    'gemm not transposed': ([('Flatten', 'x', 'f', {}), ('Gemm', 'f w', 'y', {})],
                            {'w': random(192, 5)}),
    'dense of keras': ([('Transpose', 'x', 't', {'perm': [0, 2, 3, 1]}),
                        ('Reshape', 't s', 'r', {}), ('MatMul', 'r w', 'm', {}),
                        ('Add', 'm b', 'y', {})],
                       {'s': np.array([-1, 192]), 'w': random(192, 5), 'b': random(5)}),
    'softmax': ([('Softmax', 'x', 'y', {'axis': 1})], {}),
    'softmax of the last axis': ([('Softmax', 'x', 'y', {})], {}),
    'dropout and identity': ([('Dropout', 'x', 'd', {}), ('Identity', 'd', 'i', {}),
                              ('Relu', 'i', 'y', {})], {}),
    'half floats': ([('Conv', 'x h', 'y', {})], {'h': np.float16(CONV)}),
    'doubles': ([('Conv', 'x h', 'y', {})], {'h': np.float64(CONV)}),
}  # fmt: skip


@pytest.mark.parametrize('name', OPERATIONS)
def test_onnx_operation_is_as_the_reference(tmp_path, name):
    nodes, weights = OPERATIONS[name]
    network = loadcaffe.load('no', save_onnx(tmp_path, nodes, weights))
    x = random(*SHAPE, seed=9)
    wide = {
        name: weight.astype('f4') if name == 'h' else weight for name, weight in weights.items()
    }
    (expected,) = ReferenceEvaluator(onnx_model(nodes, wide)).run(None, {'x': x})
    torch.testing.assert_close(network(torch.tensor(x)), torch.tensor(expected))


# What Caffe's layers cannot do -> how the message goes on.
UNSUPPORTED = {
    'operator': (('Erf', 'x', 'y', {}), 'ONNX Erf'),
    'uneven padding': (('Conv', 'x w', 'y', {'pads': [0, 0, 1, 1]}), r'ONNX Conv with pads \[0'),
    'same padding with a stride': (
        ('Conv', 'x w', 'y', {'auto_pad': 'SAME_UPPER', 'strides': [2, 2]}),
        'ONNX Conv with auto_pad SAME_UPPER',
    ),
    'negative padding': (('Conv', 'x w', 'y', {'pads': [-1] * 4}), 'ONNX Conv with a number'),
    'computed weights': (('Conv', 'x x', 'y', {}), 'ONNX Conv with input 1 not a constant'),
    'dilated pooling': (
        ('MaxPool', 'x', 'y', {'kernel_shape': [2, 2], 'dilations': [2, 2]}),
        'ONNX MaxPool with dilations',
    ),
    'average without padding': (
        ('AveragePool', 'x', 'y', {'kernel_shape': [3, 3], 'pads': [1] * 4}),
        'ONNX AveragePool with an average that leaves out',
    ),
    'unknown attribute': (('Relu', 'x', 'y', {'slope': 1.0}), 'ONNX Relu with slope'),
    'factor of a product': (
        ('Gemm', 'x m', 'y', {'alpha': 2.0}), 'ONNX Gemm with alpha, beta or transA'
    ),
    'another domain': (('Relu', 'x', 'y', {'domain': 'my.domain'}), 'ONNX my.domain.Relu'),
}  # fmt: skip


@pytest.mark.parametrize('name', UNSUPPORTED)
def test_onnx_node_that_is_not_supported_is_named(tmp_path, name):
    node, problem = UNSUPPORTED[name]
    path = save_onnx(tmp_path, [node, ('Conv', 'y w', 'z', {})], {'w': CONV, 'm': random(8, 8)})
    match = rf"net\.onnx: layer 'n_y' has the type '{problem}.*', which loadcaffe does not read"
    with pytest.raises(loadcaffe.CaffeFormatError, match=match):
        loadcaffe.load('no', path)
