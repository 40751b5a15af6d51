"""Trained styles: painting with them, and their files."""

import json

import pytest
import torch

from neural_style.errors import SettingError
from neural_style.fast import bands, paint
from neural_style.fast.bands import reflected
from neural_style.fast.smoothing import Smoothing
from neural_style.fast.trained import (
    MARGIN,
    METADATA,
    TrainedPainter,
    TrainedStyle,
    is_trained_style,
)
from neural_style.fast.transformation import Shape, TransformationNetwork
from neural_style.files.tensors import read_tensors, write_tensors
from neural_style.transfer.inputs import checked_weights


@pytest.fixture
def trained():
    """Return a network for two styles that is not trained, with scales and shifts of all sizes."""
    torch.manual_seed(0)
    network = TransformationNetwork(Shape(width=16, blocks=2, styles=2)).requires_grad_(False)
    for name, value in network.named_parameters():
        if name.endswith(('scale', 'shift')):
            value.add_(torch.randn_like(value) / 3)
    network.paint.weight.mul_(10)
    return TrainedStyle(network.eval(), ['a', 'b'])


@pytest.fixture
def content():
    return torch.rand(3, 45, 38, generator=torch.Generator().manual_seed(1))


def test_painter_paints_what_the_network_that_is_trained_does(trained, content):
    mixture = torch.tensor([0.3, 0.7])
    image = trained.network(reflected(content, MARGIN)[None], mixture)[0]
    expected = image[:, MARGIN : MARGIN + 45, MARGIN : MARGIN + 38].clamp(0, 1)
    painted = TrainedPainter(trained).paint(content, mixture.tolist())
    assert expected.std() > 0.05
    assert (painted - expected).abs().max() < 1e-5


def test_bands_leave_no_seams(trained, content, monkeypatch):
    painter = TrainedPainter(trained)
    whole = painter.paint(content)
    monkeypatch.setattr(bands, 'BAND_POSITIONS', 1)
    assert (painter.paint(content) - whole).abs().max() < 1e-5


@pytest.mark.parametrize('size', [(1, 1), (3, 40), (41, 23)])
def test_any_size_is_painted(trained, size):
    picture = TrainedPainter(trained).paint(torch.rand(3, *size))
    assert picture.shape == (3, *size) and picture.isfinite().all()


def test_strength_0_is_the_content(trained, content):
    painter = TrainedPainter(trained)
    half = (painter.paint(content) + content) / 2
    assert torch.equal(painter.paint(content, strength=0), content)
    assert torch.allclose(painter.paint(content, strength=0.5), half, atol=1e-6)


def test_styles_are_blended_by_their_weights(trained, content):
    painter = TrainedPainter(trained)
    first, second, both = (painter.paint(content, w) for w in ([1, 0], [0, 1], [0.5, 0.5]))
    assert (first - second).abs().mean() > 0.01
    assert torch.equal(both, painter.paint(content))


def test_weights_of_another_number_of_styles_are_refused():
    assert checked_weights(None, 2) == [0.5, 0.5]
    for weights in ([1.0], [1.0, -1.0]):
        with pytest.raises(SettingError):
            checked_weights(weights, 2)


def test_statistics_of_frames_are_smoothed(trained, content):
    painter, smoothing = TrainedPainter(trained), Smoothing()
    frames = [content, (content * 1.05).clamp(0, 1)]
    alone = [painter.paint(frame) for frame in frames]
    smooth = [painter.paint(frame, smoothing=smoothing) for frame in frames]
    assert torch.equal(smooth[0], alone[0])
    assert not torch.equal(smooth[1], alone[1])
    steps = [(pair[1] - pair[0]).abs().mean() for pair in (smooth, alone)]
    assert steps[0] != steps[1]


def test_file_keeps_the_style_in_half_precision(trained, content, tmp_path):
    path = tmp_path / 's.safetensors'
    trained.save(path)
    again = TrainedStyle.load(path)
    assert is_trained_style(path) and again.names == ['a', 'b']
    assert again.network.shape == trained.network.shape
    difference = TrainedPainter(again).paint(content) - TrainedPainter(trained).paint(content)
    assert difference.abs().max() < 0.02


def damaged(path, name):
    """Damage a file of a trained style as a name says."""
    tensors, metadata = read_tensors(path)
    content = json.loads(metadata[METADATA])
    if name == 'truncated':
        path.write_bytes(path.read_bytes()[:-100])
        return
    if name == 'no number':
        tensors['paint.bias'][0] = torch.nan
    elif name == 'missing tensor':
        del tensors['paint.bias']
    elif name == 'other shape':
        tensors['paint.bias'] = tensors['paint.bias'][:2].clone()
    elif name == 'integers':
        tensors['paint.bias'] = tensors['paint.bias'].to(torch.int64)
    elif name == 'another version':
        content['format'] = 2
    elif name == 'hostile width':
        content['shape']['width'] = 1 << 40
    elif name == 'no shape':
        content['shape'] = [1]
    elif name == 'no object':
        content = 5
    write_tensors(path, tensors, {METADATA: json.dumps(content)})


@pytest.mark.parametrize(
    'name, message',
    [
        ('truncated', 'damaged, or not a .safetensors file'),
        ('no number', 'damaged: its weights are not those of its network'),
        ('missing tensor', 'damaged: its weights are not those of its network'),
        ('other shape', 'damaged: its weights are not those of its network'),
        ('integers', 'damaged: its weights are not those of its network'),
        ('another version', 'a trained style of another version of the program'),
        ('hostile width', 'not a trained style of this program'),
        ('no shape', 'not a trained style of this program'),
        ('no object', 'not a trained style of this program'),
    ],
)
def test_damaged_file_is_refused(trained, tmp_path, name, message):
    path = tmp_path / 's.safetensors'
    trained.save(path)
    damaged(path, name)
    with pytest.raises(ValueError, match=f's.safetensors: {message}'):
        TrainedStyle.load(path)


def test_style_is_painted_by_its_path(trained, content, tmp_path):
    trained.save(tmp_path / 's.safetensors')
    painted = [
        paint(content, style, style_blend_weights=[1, 0])
        for style in (tmp_path / 's.safetensors', TrainedStyle.load(tmp_path / 's.safetensors'))
    ]
    assert painted[0].shape == content.shape and torch.equal(*painted)
    with pytest.raises(SettingError, match='whole picture'):
        paint(content, trained, content_regions=torch.ones(1, 45, 38))


def test_layers_have_multiples_of_8_channels():
    assert Shape(128).channels == (32, 64, 128)
    assert Shape(48).channels == (8, 24, 48)
    assert Shape(8).channels == (8, 8, 8)
