"""A package index on this machine, with one wheel that holds a small ONNX network."""

import hashlib
import io
import zipfile

import numpy as np

REQUIREMENT = 'drawn-network==1.0'
WHEEL = 'drawn_network-1.0-py3-none-any.whl'
MEMBER = 'drawn_network/models/network.onnx'
METADATA = """Metadata-Version: 2.1
Name: drawn-network
Version: 1.0
Requires-Python: >=99
"""
INIT = "raise SystemExit('the package was imported')\n"


def onnx_network():
    """Return an ONNX file of two convolutions, and the numbers in it, in their order."""
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(0)
    sizes, nodes, tensors, top = ((4, 3), (5, 4)), [], [], 'data'
    for number, (outputs, inputs) in enumerate(sizes, start=1):
        weight = rng.standard_normal((outputs, inputs, 3, 3), np.float32)
        bias = rng.standard_normal(outputs, np.float32)
        names = [f'weight{number}', f'bias{number}']
        tensors += map(numpy_helper.from_array, (weight, bias), names)
        nodes += [
            helper.make_node('Conv', [top, *names], [f'c{number}'], f'conv{number}', pads=[1] * 4),
            helper.make_node('Relu', [f'c{number}'], [f'r{number}'], f'relu{number}'),
        ]
        top = f'r{number}'
    values = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, channels, 8, 8])
        for name, channels in (('data', 3), (top, 5))
    ]
    graph = helper.make_graph(nodes, 'drawn', values[:1], values[1:], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 13)])
    floats = b''.join(numpy_helper.to_array(tensor).tobytes() for tensor in tensors)
    return model.SerializeToString(), floats


def write_wheel(path, network):
    """Write the wheel; importing its package would end a process."""
    info = 'drawn_network-1.0.dist-info'
    files = {
        'drawn_network/__init__.py': INIT,
        MEMBER: network,
        f'{info}/METADATA': METADATA,
        f'{info}/WHEEL': 'Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n',
        f'{info}/RECORD': '',
    }
    content = io.BytesIO()
    with zipfile.ZipFile(content, 'w') as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    path.write_bytes(content.getvalue())
    return hashlib.sha256(content.getvalue()).hexdigest()


def write_index(folder, network):
    """Write an index with the wheel in it; returns the wheel's SHA-256."""
    package = folder / 'simple' / 'drawn-network'
    package.mkdir(parents=True)
    sha256 = write_wheel(package / WHEEL, network)
    (package / 'index.html').write_text(f'<!DOCTYPE html><a href="{WHEEL}">{WHEEL}</a>')
    return sha256
