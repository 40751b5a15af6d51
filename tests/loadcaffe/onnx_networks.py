"""ONNX networks that the tests write to files and load; importing this skips without onnx."""

import numpy as np
import pytest

onnx = pytest.importorskip('onnx', reason='needs the package onnx: the extra [onnx]')
from onnx import helper, numpy_helper  # noqa: E402

SHAPE = (3, 3, 8, 8)


def random(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def onnx_model(nodes, weights=None, shape=SHAPE, opset=15):
    """Return a model from the input `x` to the last node's first output.

    nodes: (operator, inputs, outputs, attributes), names separated by spaces. weights: by name.
    """
    made = [
        helper.make_node(operator, inputs.split(), outputs.split(), name=f'n_{outputs}', **options)
        for operator, inputs, outputs, options in nodes
    ]
    graph = helper.make_graph(
        made,
        'net',
        [helper.make_tensor_value_info('x', 1, shape)],
        [helper.make_tensor_value_info(made[-1].output[0], 1, None)],
        [numpy_helper.from_array(np.asarray(w), name) for name, w in (weights or {}).items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid('', opset)])


def save_onnx(folder, *arguments, **options):
    path = folder / 'net.onnx'
    path.write_bytes(onnx_model(*arguments, **options).SerializeToString())
    return path


def small_vgg(blocks=(2, 2, 3, 3, 3), width=4, tail=()):
    """Return the nodes and weights of a narrow VGG, whose input is (N, H, W, C)."""
    nodes, weights = [('Transpose', 'x', 'image', {'perm': [0, 3, 1, 2]})], {}
    blob, inputs = 'image', 3
    for block, count in enumerate(blocks):
        for number in range(count):
            name = f'b{block}_{number}'
            weights[f'{name}.w'] = random(width, inputs, 3, 3, seed=block * 10 + number)
            weights[f'{name}.b'] = random(width, seed=number)
            window = {'kernel_shape': [3, 3], 'pads': [1] * 4}
            nodes.append(('Conv', f'{blob} {name}.w {name}.b', f'{name}.c', window))
            nodes.append(('Relu', f'{name}.c', f'{name}.r', {}))
            blob, inputs = f'{name}.r', width
        nodes.append(('MaxPool', blob, f'p{block}', {'kernel_shape': [2, 2], 'strides': [2, 2]}))
        blob = f'p{block}'
    return [*nodes, *tail], weights
