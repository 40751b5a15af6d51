"""Pictures of more pixels than Pillow takes, and the memory that reading takes."""

import numpy as np
import PIL.Image
import pytest
import torch
from stored_images import bytes_of, random_image, stored

from neural_style.command import images
from neural_style.files import pillow
from neural_style.torch7 import image
from neural_style.transfer.image_files import read, read_raster


@pytest.fixture
def low_limits(monkeypatch):
    """Let a picture of more than 5000 pixels count as one of 200 megapixels."""
    monkeypatch.setattr(pillow, 'MAX_PIXELS', 5000)
    monkeypatch.setattr(PIL.Image, 'MAX_IMAGE_PIXELS', 2500)


def smooth(size):
    return PIL.Image.linear_gradient('L').convert('RGB').resize(size)


@pytest.mark.parametrize('image_format', ['PNG', 'BMP', 'TIFF', 'WEBP', 'PPM'])
def test_pictures_above_pillows_limit_are_read(tmp_path, low_limits, image_format):
    options = {'lossless': True} if image_format == 'WEBP' else {}
    original = random_image(size=(100, 80))
    path = stored(tmp_path, original, image_format, **options)
    expected = np.asarray(original).transpose(2, 0, 1)
    assert np.array_equal(bytes_of(read(path)), expected)


@pytest.mark.parametrize(
    ('needed', 'size'), [(10, (20, 10)), (21, (40, 20)), (41, (80, 40)), (81, (160, 80))]
)
def test_a_large_jpeg_is_reduced_while_it_is_read(tmp_path, low_limits, needed, size):
    path = stored(tmp_path, smooth((160, 80)), 'JPEG')
    picture = read_raster(path, needed=needed)
    assert picture.shape == (3, *size[::-1])
    whole = image.scale(read(path), 10)
    assert (image.scale(picture, 10) - whole).abs().max() < 0.02


def test_a_jpeg_of_usual_size_is_not_reduced(tmp_path):
    path = stored(tmp_path, random_image(size=(160, 80)), 'JPEG')
    assert torch.equal(read_raster(path, needed=10).tensor(), image.load(path))


def test_the_limit_is_named_with_the_size(tmp_path, monkeypatch):
    monkeypatch.setattr(pillow, 'MAX_SOURCE_PIXELS', 5000)
    path = stored(tmp_path, random_image(size=(100, 80)))
    with pytest.raises(ValueError, match='picture: too many pixels: 100 x 80; 5,000 are the limit'):
        read(path)


def test_a_decompression_bomb_is_named_with_its_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(pillow, 'MAX_PIXELS_UNCHECKED', 100_000)
    path = stored(tmp_path, PIL.Image.new('1', (1000, 1000)))
    with pytest.raises(ValueError, match='1000 x 1000 in [0-9]+ bytes; 1000 a byte are the limit'):
        read(path)


def test_a_picture_that_memory_cannot_hold_is_refused_with_a_remedy(
    small_command, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(images, 'UNCHECKED_BYTES', 1000)
    path = stored(tmp_path, random_image(size=(100, 80)), name='large.png')
    assert small_command('-content_image', path, '-memory', '1M') == 1
    err = capsys.readouterr().err
    assert f'-content_image: {path}: 100 x 80 pixels take 0M to be read, and 0M are left' in err
    assert 'scale it down first' in err and '-image_size' not in err


def test_the_plan_counts_what_reading_takes(small_command, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(images, 'UNCHECKED_BYTES', 1000)
    monkeypatch.setattr(images, 'decoded_bytes', lambda picture, needed: 3 << 30)
    path = stored(tmp_path, random_image(size=(100, 80)), name='large.png')
    assert small_command('-content_image', path, '-memory', '9G', '-dry_run') == 0
    assert 'G while the pictures were read' in capsys.readouterr().out


def test_out_of_memory_while_reading_names_the_picture(small_command, capsys, monkeypatch):
    def load(*arguments, **keywords):
        raise MemoryError

    monkeypatch.setattr(images.image_files, 'read_raster', load)
    assert small_command() == 1
    err = capsys.readouterr().err
    assert 'scene.jpg: out of memory while it is read: scale it down first' in err


def test_bytes_for_decoding_depend_on_mode_and_format(tmp_path, low_limits):
    def count(picture, image_format, needed=1e9, **options):
        path = stored(tmp_path, picture, image_format, **options)
        with pillow.open_image(path) as file:
            return pillow.decoded_bytes(pillow.open_with_pillow(file, (image_format,)), needed)

    rgb = random_image(size=(100, 80))
    assert count(rgb, 'PNG') == 4 * 8000
    assert count(rgb.convert('L'), 'PNG') == 8000
    assert count(rgb, 'JPEG') == 4 * 8000
    assert count(rgb, 'JPEG', needed=10) == 4 * 8000 // 64
    assert count(rgb, 'JPEG', needed=10, progressive=True) == 4 * 8000 // 64 + 6 * 8000
