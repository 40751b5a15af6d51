"""Trained styles as ONNX models."""

import pytest
import torch

from neural_style.fast.onnx_trained import trained_model
from neural_style.fast.trained import TrainedPainter, TrainedStyle
from neural_style.fast.transformation import Shape, TransformationNetwork

onnx = pytest.importorskip('onnx', reason='needs the extra [onnx]')


def style(count):
    torch.manual_seed(0)
    network = TransformationNetwork(Shape(width=16, blocks=2, styles=count)).requires_grad_(False)
    for name, value in network.named_parameters():
        if name.endswith(('scale', 'shift')):
            value.add_(torch.randn_like(value) / 3)
    network.paint.weight.mul_(10)
    return TrainedStyle(network.eval(), ['x'] * count)


def test_model_is_valid():
    model = trained_model(style(2))
    onnx.checker.check_model(model, full_check=True)
    assert [value.name for value in model.graph.input] == ['image', 'weights']


@pytest.mark.parametrize('count', [1, 2])
def test_picture_of_onnxruntime_is_the_same_at_any_size(count):
    onnxruntime = pytest.importorskip('onnxruntime')
    trained = style(count)
    session = onnxruntime.InferenceSession(trained_model(trained).SerializeToString())
    weights = {'weights': torch.tensor([0.3, 0.7]).numpy()} if count == 2 else {}
    for size in ((45, 38), (1, 1), (3, 40), (64, 64)):
        image = torch.rand(3, *size)
        (painted,) = session.run(None, {'image': image[None].numpy(), **weights})
        expected = TrainedPainter(trained).paint(image, [0.3, 0.7] if count == 2 else None)
        assert expected.std() > 0.01
        assert (torch.from_numpy(painted[0]) - expected).abs().max() < 1e-3
