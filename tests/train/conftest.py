"""Fixtures of trainings: a folder of photographs, and the command on small pictures."""

import shutil

import numpy as np
import pytest
from PIL import Image

from neural_style.train.__main__ import main


@pytest.fixture
def photos(tmp_path):
    """Make a folder of three small photographs."""
    folder = tmp_path / 'photos'
    folder.mkdir()
    for number in range(3):
        pixels = np.random.default_rng(number).integers(0, 256, (40, 50, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f'{number}.png')
    return folder


@pytest.fixture
def train_flags(data, photos, tmp_path, monkeypatch):
    """Return the flags of a training for two steps on 32 pixels, in the current folder."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(data / 'inputs' / 'strokes.jpg', 'strokes.jpg')
    stem = data / 'models' / 'mini_vgg19_conv'
    return (
        '-style_image strokes.jpg -photos photos -output s.safetensors -gpu -1 -image_size 32'
        f' -width 8 -num_iterations 2 -proto_file {stem}.prototxt -model_file {stem}.caffemodel'
        ' -content_layers relu2_1 -style_layers relu1_1,relu2_1'
    ).split()


@pytest.fixture
def train(train_flags):
    """Train a style for two steps on 32 pixels; takes flags as text."""
    return lambda flags='': main([*train_flags, *flags.split()])
