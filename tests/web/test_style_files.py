"""Styles in files on the page: what is taken, and what stands for it."""

import os
import shutil

import pytest
import torch
from PIL import Image
from style_samples import trained

from neural_style.command.trained_styles import shipped_styles
from neural_style.files.tensors import write_tensors
from neural_style.web import style_files
from neural_style.web.stand_ins import stands_for

MEGABYTE = 1 << 20


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv('GRADIO_TEMP_DIR', str(tmp_path / 'page'))


def test_trained_style_is_taken_and_shown_by_a_card(tmp_path):
    path = trained(tmp_path / 'mine, new.safetensors', 'mine', 'other')
    style_files.check(path, MEGABYTE)
    picture = style_files.stand_in_for(path)
    assert stands_for(picture).endswith('mine, new.safetensors')
    with Image.open(picture) as card:
        assert card.size == style_files.SIZE and len(card.getcolors(1 << 20)) > 2
    assert 'mine, new: it paints at once' in style_files.describe(stands_for(picture))


def test_long_names_fit_on_the_card():
    card = style_files.draw_card('Trained style', ['long ' * 50] * 20)
    rim = card.crop((style_files.SIZE[0] - style_files.MARGIN, 0, *style_files.SIZE))
    assert len(rim.getcolors()) == 1


def test_every_style_that_comes_with_the_program_has_a_sample():
    assert style_files.samples().keys() == set(shipped_styles().values())
    for path, sample in style_files.samples().items():
        picture = style_files.stand_in_for(path)
        with open(picture, 'rb') as shown, open(sample, 'rb') as expected:
            assert shown.read() == expected.read()
        assert style_files.paints_at_once(stands_for(picture))


def test_a_file_with_the_name_of_a_shipped_style_has_a_card_of_its_own(tmp_path):
    name, shipped = next(iter(shipped_styles().items()))
    path = shutil.copy(shipped, tmp_path / f'{name}.safetensors')
    with Image.open(style_files.stand_in_for(path)) as card:
        assert card.getpixel((1, 1)) == pytest.approx((246, 244, 240), abs=2)


@pytest.mark.parametrize(
    'content',
    [
        b'',
        b'hello',
        b'\xff' * 100,
        (10**9).to_bytes(8, 'little') + b'{}',
        b'\2' + b'\0' * 7 + b'{}',
    ],
)
def test_files_that_are_no_styles_are_refused_without_their_path(tmp_path, content):
    path = tmp_path / 'x.safetensors'
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r'-style_image x\.safetensors: ') as error:
        style_files.check(str(path), MEGABYTE)
    assert str(tmp_path) not in str(error.value)


def test_weights_of_another_network_are_refused(tmp_path):
    path = tmp_path / 'x.safetensors'
    write_tensors(path, {'x': torch.zeros(1)}, {'neural_style.trained_style': '{"format": 1}'})
    with pytest.raises(ValueError, match='not a trained style'):
        style_files.check(str(path), MEGABYTE)


def test_large_files_are_refused(tmp_path):
    path = trained(tmp_path / 'x.safetensors', 'x')
    with open(path, 'ab') as file:
        os.truncate(file.fileno(), MEGABYTE + 1)
    with pytest.raises(ValueError, match='up to 1 are taken'):
        style_files.check(path, MEGABYTE)


def test_pictures_are_no_styles():
    assert not style_files.is_style_file('x.jpg') and not style_files.is_style_file(None)
    assert style_files.describe('x.jpg') == style_files.describe(None) == ''
