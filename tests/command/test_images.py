"""The images of a run, read and scaled as flags say."""

import os
import unicodedata

import numpy as np
import pytest
import torch
from PIL import Image
from stored_images import NASTY, nasty, opened, random_image, stored
from written import files, pixels

from neural_style.command.images import load_image
from neural_style.transfer.image_files import read


def test_style_image_is_optional_without_style_layers(command, capsys):
    assert command("-style_image '' -style_layers ''") == 0
    assert 'Capturing style target' not in capsys.readouterr().out
    assert files() == ['out.png']
    assert command("-style_image '' -style_layers '' -style_tint 1") == 1
    assert '-style_image : name at least one picture' in capsys.readouterr().err


def test_style_size_by_width_gives_styles_the_width_of_the_content(traced_command, data):
    for scale, expected_width in (('1', 48), ('0.5', 24)):
        _, keywords = traced_command('-style_size_by', 'width', '-style_scale', scale)
        height, width = keywords['style_images'][0].shape[1:]
        source = pixels(data / 'inputs' / 'strokes.jpg').shape
        assert (height, width) == (int(expected_width * source[0] / source[1]), expected_width)


def test_paper_mask_may_be_a_picture(traced_command):
    half = np.zeros((36, 48), np.uint8)
    half[:, 24:] = 255
    Image.fromarray(half).save('mask.png')
    status, _ = traced_command(
        '-paper_mask', 'mask.png', '-luminance_only', '1', '-style_tint', '1'
    )
    assert status == 0
    out = pixels('out.png')
    assert out[:, 24:].std(axis=(0, 1)).max() < 1, 'bare paper'
    assert out[:, :24].std() > 3


def test_exif_orientation_turns_the_output(small_command, data):
    path = data / 'inputs' / 'scene_exif6.jpg'
    shapes = []
    for value in (0, 1):
        assert small_command('-content_image', path, '-exif_orientation', value) == 0
        shapes.append(opened('out.png').size)
    assert shapes == [(32, 24), (24, 32)]


def test_keep_alpha_writes_the_transparency_of_the_content(small_command, tmp_path):
    original = random_image(mode='RGBA', size=(32, 24))
    path = stored(tmp_path, original, name='content.png')
    assert small_command('-content_image', path, '-keep_alpha', 1) == 0
    kept = opened('out.png')
    assert small_command('-content_image', path, '-output_image', 'plain.png') == 0
    assert kept.mode == 'RGBA'
    assert np.array_equal(np.asarray(kept)[..., 3], np.asarray(original)[..., 3])
    assert np.array_equal(np.asarray(kept)[..., :3], np.asarray(opened('plain.png')))


def test_keep_alpha_of_opaque_content_changes_nothing(small_command):
    assert small_command('-keep_alpha', 1) == 0
    assert opened('out.png').mode == 'RGB'


@pytest.mark.parametrize('typed, kept', [('NFC', 'NFD'), ('NFD', 'NFC')])
def test_accented_names_are_found_however_they_are_stored(tmp_path, typed, kept):
    path = stored(tmp_path, random_image(), name=unicodedata.normalize(kept, 'tübingen.png'))
    name = unicodedata.normalize(typed, str(path))
    assert torch.equal(load_image('-content_image', name), read(path))


@pytest.mark.parametrize('name, entry', nasty())
def test_command_treats_the_corpus_as_expected(small_command, capsys, name, entry):
    def succeeds(*flags):
        status = small_command(*flags)
        stderr = capsys.readouterr().err
        written = os.listdir()
        assert written == ['out.png'] if status == 0 else written == []
        assert status == 0 or stderr.startswith('neural_style: -')
        if status == 0:
            os.remove('out.png')
        return status == 0

    path, expect = NASTY / name, entry.get('expect', 'ok')
    if expect.startswith('ok') and 'refusal' not in expect:
        assert succeeds('-content_image', path, '-style_image', path)
    else:
        results = [succeeds('-content_image', path), succeeds('-style_image', path)]
        assert expect != 'error' or not any(results)
