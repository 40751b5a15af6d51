"""The painter of cameras: frames in, painted frames out."""

import io
import json

import numpy as np
import pytest
import torch
from PIL import Image
from samples import DATA
from style_samples import trained

from neural_style.command.preview import encode
from neural_style.fast.trained import TrainedPainter, TrainedStyle
from neural_style.web import live_painter
from neural_style.web.live_painter import LivePainter, decode, work


def jpeg(size=(96, 64), file_format='JPEG', turn=0):
    picture = Image.open(DATA / 'inputs' / 'scene.jpg').rotate(turn).resize(size)
    file = io.BytesIO()
    picture.save(file, file_format, quality=95)
    return file.getvalue()


def request(style, camera='camera-1', strength=1.0, weights=()):
    return {
        'camera': camera,
        'max_size': 512,
        'style': str(style),
        'strength': strength,
        'weights': list(weights),
    }


def pixels(frame):
    return np.asarray(Image.open(io.BytesIO(frame))).astype(int)


def difference(one, other):
    return abs(pixels(one) - pixels(other)).mean()


def test_frame_is_painted_with_a_trained_style(tmp_path):
    path = trained(tmp_path / 'x.safetensors', 'x')
    painted = LivePainter().paint(request(path), jpeg())
    expected = TrainedPainter(TrainedStyle.load(path)).paint(decode(jpeg(), 512))
    assert pixels(painted).shape == (64, 96, 3)
    assert painted == encode(expected)


def test_style_is_loaded_once(tmp_path, monkeypatch):
    path = trained(tmp_path / 'x.safetensors', 'x')
    loaded, load = [], TrainedStyle.load
    monkeypatch.setattr(
        live_painter.TrainedStyle, 'load', lambda path: loaded.append(path) or load(path)
    )
    painter = LivePainter()
    for camera in ('camera-1', 'camera-2', 'camera-1'):
        painter.paint(request(path, camera), jpeg())
    assert loaded == [path]


def test_styles_of_a_file_are_mixed_and_strength_counts(tmp_path):
    path = trained(tmp_path / 'x.safetensors', 'one', 'two')

    def paint(**settings):
        return LivePainter().paint(request(path, **settings), jpeg())

    assert difference(paint(weights=(1, 0)), paint(weights=(0, 1))) > 1
    assert paint(weights=(2, 2)) == paint()
    assert difference(paint(strength=0.0), jpeg()) < 3 < difference(paint(), jpeg())
    with pytest.raises(ValueError, match='a weight above 0'):
        paint(weights=(0, 0))


def test_statistics_are_smoothed_over_the_frames_of_a_camera(tmp_path):
    path = trained(tmp_path / 'x.safetensors', 'x')
    painter = LivePainter()
    alone = painter.paint(request(path, 'camera-1'), jpeg(turn=10))
    painter.paint(request(path, 'camera-2'), jpeg())
    assert painter.paint(request(path, 'camera-2'), jpeg(turn=10)) != alone
    for camera in ('camera-3', 'camera-2'):
        painter.paint(request(path, camera), jpeg((64, 64)))  # of another size
        assert painter.paint(request(path, camera), jpeg(turn=10)) == alone


def test_statistics_of_few_cameras_are_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(live_painter, 'CAMERAS_KEPT', 1)
    path = trained(tmp_path / 'x.safetensors', 'x')
    painter = LivePainter()
    painted = [
        painter.paint(request(path, camera), jpeg(turn=turn))
        for camera, turn in (('a', 0), ('b', 0), ('a', 10), ('c', 10))
    ]
    assert painted[2] == painted[3]


def test_frame_is_painted_in_the_style_of_a_painting():
    style = DATA / 'inputs' / 'strokes.jpg'
    painter = LivePainter()
    painted = painter.paint(request(style), jpeg())
    assert pixels(painted).shape == (64, 96, 3) and difference(painted, jpeg()) > 10
    weaker = painter.paint(request(style, 'camera-2', strength=0.3), jpeg())
    assert difference(weaker, jpeg()) < difference(painted, jpeg())


@pytest.mark.parametrize('size', [(1, 1), (512, 1), (3, 200), (512, 512)])
def test_frames_of_all_shapes_are_painted(tmp_path, size):
    path = trained(tmp_path / 'x.safetensors', 'x')
    assert pixels(LivePainter().paint(request(path), jpeg(size))).shape == (size[1], size[0], 3)


@pytest.mark.parametrize(
    ('frame', 'message'),
    [
        (b'', 'no JPEG'),
        (b'hello', 'no JPEG'),
        (jpeg()[:300], 'no JPEG'),
        (jpeg(file_format='PNG'), 'no JPEG'),
        (jpeg((513, 4)), '513 x 4 pixels; up to 512'),
        (jpeg((8, 2000)), '8 x 2000 pixels'),
    ],
    ids=['empty', 'text', 'cut off', 'png', 'wide', 'high'],
)
def test_broken_and_large_frames_are_refused(frame, message):
    with pytest.raises(ValueError, match=message):
        decode(frame, 512)


def test_grey_frames_have_three_channels():
    file = io.BytesIO()
    Image.new('L', (8, 8), 128).save(file, 'JPEG')
    assert torch.allclose(decode(file.getvalue(), 8), torch.tensor(128 / 255), atol=1e-6)


def test_requests_are_answered_in_their_order(tmp_path):
    path = trained(tmp_path / 'x.safetensors', 'x')
    asked = [(path, jpeg()), (path, b'no\nframe'), (tmp_path / 'gone.jpg', jpeg()), (path, jpeg())]
    lines = [
        json.dumps({**request(style), 'bytes': len(frame)}).encode() + b'\n' + frame
        for style, frame in asked
    ]
    answers = io.BytesIO()
    work(LivePainter(), io.BytesIO(b''.join(lines)), answers)
    answers.seek(0)
    heads, painted = [], []
    for line in answers:
        heads.append(json.loads(line))
        painted.append(answers.read(heads[-1]['bytes']))
    assert [bool(head['problem']) for head in heads] == [False, True, True, False]
    assert [bool(picture) for picture in painted] == [True, False, False, True]
