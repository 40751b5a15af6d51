"""The tab of the camera: which styles are painted with."""

import pytest
import torch
from samples import DATA
from style_samples import trained

from neural_style.command.trained_styles import shipped_styles
from neural_style.losses.targets import Targets
from neural_style.transfer.saved_style import SavedStyle
from neural_style.web.live import Cameras

pytest.importorskip('gradio', reason='needs the extra [web]')
from neural_style.web import live_tab  # noqa: E402, it needs Gradio

MEGABYTE = 1 << 20


def choice(path, cameras=None):
    return live_tab.choice(cameras or Cameras(1), path and str(path), MEGABYTE)


def test_choice_names_the_style_and_no_path(tmp_path):
    cameras = Cameras(1)
    path = trained(tmp_path / 'x.safetensors', 'x')
    text = choice(path, cameras)
    assert f'data-style="{cameras.offer(path)}"' in text
    assert 'data-weight' not in text and str(tmp_path) not in text
    assert choice(None) == ''


def test_each_of_several_styles_has_a_weight(tmp_path):
    text = choice(trained(tmp_path / 'x.safetensors', '<b>', 'two'))
    assert text.count('data-weight') == 2
    assert '&lt;b&gt;' in text and '<b>' not in text


def test_painting_is_taken_and_called_slower():
    assert live_tab.SLOWER in choice(DATA / 'inputs' / 'strokes.jpg')


def test_what_cannot_be_painted_live_is_told_in_its_place(tmp_path):
    saved, broken = tmp_path / 'saved.safetensors', tmp_path / 'broken.safetensors'
    targets = {64: Targets(style={'relu1_1': [torch.eye(2)]})}
    SavedStyle(targets, {'style_layers': 'relu1_1'}).save(saved)
    broken.write_bytes(b'<hello>')
    (tmp_path / 'fake.jpg').write_text('hello')
    for path, message in (
        (saved, live_tab.SAVED),
        (broken, 'broken.safetensors: '),
        (tmp_path / 'fake.jpg', 'no picture'),
    ):
        text = choice(path)
        assert message in text and 'role="alert"' in text
        assert 'data-style' not in text and str(tmp_path) not in text


def test_a_shipped_style_is_there_at_the_beginning():
    assert live_tab.FIRST in shipped_styles()
