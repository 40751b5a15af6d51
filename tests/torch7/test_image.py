"""torch7/image.py against Torch7's image package: scale and colours.  All comparisons are exact."""

import re

import numpy as np
import pytest
import torch
from samples import needs_fma

from neural_style.torch7 import image


def test_scale_equals_the_recordings(golden, recordings):
    recorded, compared = recordings('image_scale'), 0
    for name in recorded.files:
        source, _, target = name.partition('__')
        if not target:
            continue
        if f'src_{source}' in recorded.files:
            picture = torch.from_numpy(recorded[f'src_{source}'])
        else:
            picture = image.load(golden / 'inputs' / source)
        if target.startswith('max'):
            scaled = image.scale(picture, float(target[3:]))
        else:
            width, height = re.fullmatch(r'w(\d+)_h(\d+)', target).groups()
            scaled = image.scale_to(picture, int(width), int(height))
        assert scaled.dtype == torch.float64
        assert np.array_equal(scaled.numpy(), recorded[name]), name
        compared += 1
    assert compared == 47


def test_scale_gives_the_recorded_sizes(recordings, monkeypatch):
    monkeypatch.setattr(image, 'scale_to', lambda _, width, height: [width, height])
    for width, height, longer, *expected in recordings('image_scale')['size_table_w_h_max_ow_oh']:
        assert image.scale(torch.empty(1, int(height), int(width)), longer) == expected


@pytest.mark.parametrize(
    'height, width, size, expected',
    [(48, 64, 33, (24, 33)), (48, 64, 50.7, (38, 50)), (97, 131, 130, (96, 130))]
    + [(64, 48, 512, (512, 384)), (2, 640, 100, (1, 100)), (48, 64, 0, (1, 1))],
)
def test_scale_truncates_the_sides(height, width, size, expected):
    assert image.scale(torch.zeros(3, height, width), size).shape == (3, *expected)


@pytest.mark.parametrize('size', [float('nan'), float('inf')])
def test_scale_refuses_nan_and_infinite_sizes(size):
    with pytest.raises(ValueError, match='size'):
        image.scale(torch.zeros(3, 4, 4), size)


def test_scale_to_refuses_no_pixels():
    with pytest.raises(ValueError, match='0 x 4'):
        image.scale_to(torch.zeros(3, 4, 4), 0, 4)


def test_scale_to_the_same_size_changes_nothing():
    picture = torch.rand(5, 6, 7, dtype=torch.float64)
    scaled = image.scale_to(picture, 7, 6)
    assert torch.equal(scaled, picture)
    assert scaled.data_ptr() != picture.data_ptr()


def test_scale_to_enlarges_with_aligned_corners():
    line = torch.tensor([[[0.0, 1.0, 4.0]]])
    assert image.scale_to(line, 5, 1).tolist() == [[[0, 0.5, 1, 2.5, 4]]]


def test_scale_to_reduces_by_the_mean_of_a_box():
    line = torch.tensor([[[0.0, 1.0, 4.0, 7.0]]])
    assert image.scale_to(line, 2, 1).tolist() == [[[0.5, 5.5]]]
    assert image.scale_to(line, 1, 1).tolist() == [[[3]]]


def test_scale_to_treats_channels_and_axes_alike():
    picture = torch.rand(4, 9, 9, dtype=torch.float64)
    scaled = image.scale_to(picture, 13, 9)
    assert torch.equal(scaled[2:3], image.scale_to(picture[2:3], 13, 9))
    assert torch.equal(scaled, image.scale_to(picture.mT, 9, 13).mT)


@pytest.mark.parametrize('length, size', [(8192, 8191), (8191, 8192), (8192, 3), (3, 8192)])
def test_scale_to_keeps_a_constant_line_at_large_sizes(length, size):
    scaled = image.scale_to(torch.full((1, 1, length), 0.25), size, 1)
    # Weights f and 1 - f are each rounded to float32: their sum may miss 1 by half its last bit.
    assert torch.allclose(scaled, torch.full_like(scaled, 0.25), rtol=2**-24, atol=0)


@needs_fma
def test_yuv_equals_the_recordings(recordings):
    recorded = {name: torch.from_numpy(value) for name, value in recordings('color').items()}
    yuv = image.rgb2yuv(recorded['content'])
    assert torch.equal(yuv, recorded['rgb2yuv_content'])
    assert torch.equal(image.yuv2rgb(yuv), recorded['yuv2rgb_rgb2yuv'])
    assert torch.equal(image.yuv2rgb(recorded['content']), recorded['yuv2rgb_of_content'])


def test_yuv_weights_are_the_originals():
    pixels = torch.eye(3, dtype=torch.float64).view(3, 1, 3)
    assert image.rgb2yuv(pixels).view(3, 3).tolist() == [
        [0.299, 0.587, 0.114],
        [-0.14713, -0.28886, 0.436],
        [0.615, -0.51499, -0.10001],
    ]
    assert image.yuv2rgb(pixels).view(3, 3).tolist() == [
        [1, 0, 1.13983],
        [1, -0.39465, -0.58060],
        [1, 2.03211, 0],
    ]
