"""Pictures of flat colours, with anti-aliased edges and as JPEGs, and pictures that are none."""

import io

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw
from samples import ROOT

from neural_style.errors import SettingError
from neural_style.transfer.flat_colors import closest, flat_picture

RED, PURPLE, BLUE = (255, 0, 0), (128, 0, 128), (0, 0, 255)


def drawing(smooth):
    """Draw a blue disc on red, and apart from it a purple square: the mixture of both."""
    scale = 4 if smooth else 1
    image = Image.new('RGB', (192 * scale, 144 * scale), RED)
    pen = ImageDraw.Draw(image)
    pen.ellipse([20 * scale, 20 * scale, 100 * scale, 100 * scale], fill=BLUE)
    pen.rectangle([140 * scale, 60 * scale, 170 * scale, 110 * scale], fill=PURPLE)
    return image.resize((192, 144), Image.Resampling.BOX)


def as_jpeg(image, quality):
    buffer = io.BytesIO()
    image.save(buffer, 'JPEG', quality=quality)
    return Image.open(buffer)


def found(image):
    pixels = torch.from_numpy(np.array(image.convert('RGB'))).permute(2, 0, 1)
    return flat_picture('content_regions', 'r.png', pixels)


def test_colors_are_in_the_order_in_which_they_appear():
    picture = found(drawing(False))
    assert picture.colors == [RED, BLUE, PURPLE]
    assert picture.color_names == ['#ff0000', '#0000ff', '#800080']
    exact = np.array(drawing(False))
    for number, color in enumerate(picture.colors):
        assert np.array_equal(picture.labels.numpy() == number, (exact == color).all(2))
    assert sum(picture.shares()) == pytest.approx(1)


@pytest.mark.parametrize('quality', [None, 95, 75, 30])
def test_edges_get_one_of_the_colors_beside_them(quality):
    """Red and blue mix to purple, which is a colour of its own elsewhere."""
    image = drawing(True) if quality is None else as_jpeg(drawing(True), quality)
    picture, exact = found(image), found(drawing(False))
    names = dict(zip(picture.color_names, picture.colors, strict=True))
    assert [closest(color, exact.colors) for color in names.values()] == [0, 1, 2]
    differing = picture.labels != exact.labels
    assert float(differing.double().mean()) < 0.02
    assert not (picture.labels[:, :130] == 2).any(), 'no purple rim around the disc'


@pytest.mark.parametrize('size', [1, 2, 40])
def test_a_single_color_is_a_region(size):
    picture = found(Image.new('RGB', (size, size), (3, 4, 5)))
    assert picture.colors == [(3, 4, 5)] and not picture.labels.any()


def test_soft_steps_between_two_colors_are_edges():
    levels = np.clip(np.linspace(-2, 3, 200), 0, 1) * 255
    picture = found(Image.fromarray(np.tile(levels.astype(np.uint8), (90, 1))))
    assert picture.colors == [(0, 0, 0), (255, 255, 255)]
    assert picture.shares() == pytest.approx([0.5, 0.5], abs=0.01)


def test_colors_that_are_nearly_the_same_belong_together():
    assert closest((250, 3, 5), [BLUE, RED]) == 1
    assert closest((200, 0, 0), [BLUE, RED]) is None


def test_too_many_flat_colors_are_refused():
    levels = range(0, 240, 48)
    colors = [(red, green, blue) for red in levels for green in levels for blue in levels]
    image = Image.new('RGB', (5 * 5 * 12, 5 * 12))
    for number, color in enumerate(colors):
        image.paste(color, (number // 5 * 12, number % 5 * 12, number // 5 * 12 + 12, 60))
    with pytest.raises(SettingError, match='r.png: there are more than 64 flat colours'):
        found(image)


@pytest.mark.parametrize('kind', ['photograph', 'gradient', 'noise'])
def test_other_pictures_are_refused(kind):
    image = {
        'photograph': lambda: Image.open(ROOT / 'examples' / 'inputs' / 'harbour.jpg'),
        'gradient': lambda: Image.linear_gradient('L'),
        'noise': lambda: Image.effect_noise((90, 90), 60),
    }[kind]()
    with pytest.raises(SettingError, match='r.png: this is no picture of flat colours'):
        found(image)
