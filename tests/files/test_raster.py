"""Rasters give the same numbers a few rows at a time as all at once."""

import numpy as np
import PIL.Image
import pytest
import torch
from PIL import ImageOps

from neural_style.files import raster as rasters
from neural_style.torch7 import image
from neural_style.transfer.image_files import ORIENTATION, read_raster

NAMES = ['scene.jpg', 'harbour_cmyk.jpg', 'harbour_palette.png', 'grey_gray16.png']
NAMES += [
    'strokes_rgb16.png',
    'harbour_alpha.png',
    'harbour_la.png',
    'scene.bmp',
    'scene_exif6.jpg',
]


@pytest.mark.parametrize('name', NAMES)
def test_scaling_a_raster_in_chunks_changes_no_bit(data, monkeypatch, name):
    picture = read_raster(data / 'inputs' / name, alpha=True, exif_orientation=True)
    for size in (7, 40.5, 1000):
        expected = image.scale(picture.tensor(), size)
        with monkeypatch.context() as patch:
            patch.setattr(rasters, 'CHUNK_PIXELS', 3 * picture.shape[2])
            assert len(picture.chunks()) > 3
            assert torch.equal(image.scale(picture, size), expected)


@pytest.mark.parametrize('orientation', [*range(10), None, 'up', (6,)])
def test_turned_shows_pillow_images_and_arrays_upright(orientation):
    pixels = np.random.default_rng(1).integers(0, 256, (3, 5, 3), np.uint8)
    exif = PIL.Image.Exif()
    if orientation in range(1, 9):
        exif[ORIENTATION] = orientation
    picture = PIL.Image.fromarray(pixels)
    picture.getexif().update(exif)
    expected = np.asarray(ImageOps.exif_transpose(picture))
    assert np.array_equal(rasters.turned(pixels, orientation), expected)
    assert np.array_equal(np.asarray(rasters.turned(picture, orientation)), expected)


def test_rasters_are_stacked_and_mapped():
    first, second = torch.rand(3, 4, 5), torch.rand(1, 4, 5)
    both = rasters.stacked(rasters.of_tensor(first), rasters.of_tensor(second))
    assert both.shape == (4, 4, 5)
    assert torch.equal(both.tensor(), torch.cat([first, second]))
    sums = rasters.mapped(both, lambda rows: rows.sum(0, keepdim=True), 1)
    assert sums.shape == (1, 4, 5)
    assert torch.equal(sums.rows(1, 3), torch.cat([first, second]).sum(0, keepdim=True)[:, 1:3])
