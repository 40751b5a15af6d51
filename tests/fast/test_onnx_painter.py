"""The network for any style as an ONNX model."""

import numpy as np
import pytest
import torch

from neural_style.fast import onnx_painter, painting
from neural_style.fast.onnx_graph import Graph, typed
from neural_style.fast.onnx_painter import painter_model
from neural_style.fast.onnx_statistics import optimal_transport as onnx_transport
from neural_style.fast.statistics import optimal_transport

onnx = pytest.importorskip('onnx', reason='needs the extra [onnx]')
onnxruntime = pytest.importorskip('onnxruntime')


def run(model, **inputs):
    """Run a model on tensors; returns its output."""
    arrays = {name: tensor.numpy() for name, tensor in inputs.items()}
    session = onnxruntime.InferenceSession(model.SerializeToString())
    return torch.from_numpy(session.run(None, arrays)[0])


@pytest.fixture(scope='module')
def model():
    return painter_model()


def difference(model, painter, content, style, strength=1.0):
    """Return how far apart the pictures of onnxruntime and of a painter are, at most."""
    expected = painter.paint(content, painter.style(style), strength)
    assert expected.std() > 0.001
    inputs = {'content': content[None].float(), 'style': style[None].float()}
    painted = run(model, **inputs, strength=torch.tensor([strength]).float())[0]
    return float((painted - expected).abs().max())


def test_model_is_valid(model):
    onnx.checker.check_model(model, full_check=True)
    assert [value.name for value in model.graph.input] == ['content', 'style', 'strength']


@pytest.mark.parametrize('strength', [0, 0.3, 1])
def test_picture_of_onnxruntime_is_the_same(model, painter, content, swirls, strength):
    assert difference(model, painter, content, swirls, strength) < 1e-3


@pytest.mark.parametrize(
    'size, style_size',
    [((45, 38), (31, 77)), ((3, 40), (2, 2)), ((41, 23), (1, 1)), ((1, 1), (37, 16))],
)
def test_any_size_is_painted_the_same(model, painter, content, swirls, size, style_size):
    content = content[:, : size[0], : size[1]]
    style = swirls[:, : style_size[0], : style_size[1]]
    assert difference(model, painter, content, style, 1) < 1e-3
    assert difference(model, painter, content, style, 0.5) < 1e-3


def test_content_as_its_own_style_is_the_same(model, painter, content):
    assert difference(model, painter, content, content) < 1e-3


def test_style_of_one_colour_is_the_same(model, painter, content):
    style = torch.tensor([0.9, 0.2, 0.1])[:, None, None].expand(3, 40, 30)
    assert difference(model, painter, content, style) < 1e-3


def test_code_of_a_large_content_is_that_of_a_reduced_one(painter, content, swirls, monkeypatch):
    for module in (painting, onnx_painter):
        monkeypatch.setattr(module, 'SIDE_OF_CODE', 37)
    assert difference(painter_model(), painter, content, swirls, 0.4) < 1e-4


@pytest.mark.parametrize('smallest', [1, 1e-3, 1e-6])
def test_transport_is_the_exact_root(smallest):
    generator = torch.Generator().manual_seed(0)
    matrices = []
    for _ in range(2):
        vectors = torch.linalg.qr(torch.randn(40, 40, generator=generator).double())[0]
        values = torch.logspace(0, np.log10(smallest), 40).double()
        matrices.append(vectors * values @ vectors.T)
    graph = Graph()
    inputs = [graph.value('content'), graph.value('style')]
    result = onnx_transport(*inputs, 40)
    descriptions = [typed(value, [40, 40], np.float64) for value in inputs]
    model = graph.model('transport', descriptions, [typed(result, [40, 40], np.float64)])
    expected = optimal_transport(*(matrix[None] for matrix in matrices))[0]
    transport = run(model, content=matrices[0], style=matrices[1])
    assert (transport - expected).norm() < 1e-9 * expected.norm()
