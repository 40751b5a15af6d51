"""Painting at once."""

from pathlib import Path

import numpy as np
import pytest
import torch
from samples import ROOT

from neural_style import load, scale
from neural_style.errors import SettingError
from neural_style.fast import bands, paint, painting
from neural_style.fast.bands import reflected
from neural_style.fast.decoder import Decoder
from neural_style.fast.fused import FusedDecoder
from neural_style.fast.painting import MARGIN, blended, fine_strength
from neural_style.fast.statistics import Statistics, transport_map
from neural_style.fast.weights import WEIGHTS, load_weights, save_weights
from neural_style.files.tensors import write_tensors

INPUTS = ROOT / 'examples' / 'inputs'


def gram_distance(painter, image, style):
    """Return the relative distance of Gram matrices at relu3_1."""
    grams = [painter.style(x)['relu3_1'].second_moment() for x in (image, style)]
    return float((grams[0] - grams[1]).norm() / grams[1].norm())


def test_picture_has_the_size_of_the_content(painter, content, swirls):
    picture = painter.paint(content, painter.style(swirls))
    assert picture.shape == content.shape
    assert 0 <= picture.min() and picture.max() <= 1


@pytest.mark.parametrize('size', [(1, 1), (3, 40), (41, 23)])
def test_any_size_is_painted(painter, swirls, size):
    picture = painter.paint(torch.rand(3, *size), painter.style(swirls))
    assert picture.shape == (3, *size)
    assert picture.isfinite().all()


def test_strength_says_how_much_of_the_style_there_is(painter, content, swirls):
    style = painter.style(swirls)
    pictures = [painter.paint(content, style, strength) for strength in (0, 0.5, 1)]
    far = [gram_distance(painter, picture, swirls) for picture in pictures]
    assert far[0] > far[1] > far[2]
    assert far[2] < 0.6 * gram_distance(painter, content, swirls)
    changed = [float((picture - content).square().mean()) for picture in pictures]
    assert changed[0] < changed[1] < changed[2]


def test_bands_paint_the_same_picture(painter, content, swirls, monkeypatch):
    style = painter.style(swirls)
    whole = painter.paint(content, style)
    monkeypatch.setattr(bands, 'BAND_POSITIONS', 1)
    assert torch.allclose(painter.paint(content, style), whole, atol=1e-4)


def test_fused_stages_paint_what_the_decoder_paints(painter, swirls):
    content, style = scale(load(INPUTS / 'harbour.jpg'), 192), painter.style(swirls)
    image = painter.input(reflected(content, MARGIN))
    with torch.inference_mode():
        z = painter.encoder(image)
        expected, _ = painter.decoder(z['relu4_1'], z['relu3_1'], style)
    height, width = content.shape[1:]
    inner = expected[0, :, MARGIN : MARGIN + height, MARGIN : MARGIN + width].clamp(0, 1)
    # convolutions pad before a map or after it: what differs at the rim changes statistics a little
    assert (painter.paint(content, style) - inner).abs().mean() < 0.01


@torch.inference_mode()
def test_fused_stages_are_those_of_the_decoder(painter, swirls):
    style = painter.style(swirls)
    z = painter.encoder(painter.input(scale(load(INPUTS / 'harbour.jpg'), 192)))
    decoder, fused = painter.decoder, FusedDecoder(painter.decoder, painter.decoder.describe(style))
    maps = {name: transport_map(Statistics.of(z[name]), style[name]) for name in z}
    moved = {name: maps[name](z[name]) for name in z}
    results = [fused.coarse(maps['relu4_1'], maps['relu3_1'])(z['relu4_1'], z['relu3_1'])]
    expected = [decoder.coarse(moved['relu4_1'], moved['relu3_1'], fused.code)]
    for name, stage, whole in (
        ('relu3_1', fused.middle, decoder.middle),
        ('relu2_1', fused.fine, decoder.fine),
        ('relu1_1', fused.finish, decoder.finish),
    ):
        results.append(stage(maps[name])(z[name]))
        expected.append(whole(moved[name], fused.code))
    for i, name in enumerate(('relu3_1', 'relu2_1', 'relu1_1')):
        results[i] = fused.predicted(name, results[i])[1](results[i])
    # convolutions pad before a map or after it: the rim differs
    for result, exact in zip(results, expected, strict=True):
        rim = result.shape[2] // 3
        inner = (..., slice(rim, -rim), slice(rim, -rim))
        assert torch.allclose(result[inner], exact[inner], atol=1e-4 * exact.std())


def test_blend_lies_between_its_styles(painter, content, swirls):
    other = scale(load(INPUTS / 'waves.jpg'), 96)
    styles = [painter.style(swirls), painter.style(other)]
    first, middle = (
        painter.paint(content, blended(styles, weights)) for weights in ([1, 0], [0.5, 0.5])
    )
    assert torch.allclose(first, painter.paint(content, styles[0]), atol=1e-4)
    assert gram_distance(painter, middle, other) < gram_distance(painter, first, other)


def test_paint_takes_images_as_stylize_does(painter, content, swirls):
    expected = painter.paint(content, painter.style(swirls))
    array = np.ascontiguousarray(content.permute(1, 2, 0).numpy())
    assert torch.allclose(paint(array, [swirls], painter=painter).float(), expected, atol=1e-5)


@pytest.mark.parametrize(
    'arguments, message',
    [
        ({'strength': 1.5}, 'from 0 to 1'),
        ({'style_blend_weights': [1, 2]}, '2 weights for 1 style images'),
        ({'style_blend_weights': [0]}, 'sum to 0'),
        ({'styles': []}, 'at least one'),
    ],
)
def test_unusable_settings_are_refused(painter, content, swirls, arguments, message):
    arguments = {'styles': [swirls], 'painter': painter} | arguments
    with pytest.raises(SettingError, match=message):
        paint(content, **arguments)


def test_weights_are_read_as_they_were_saved(tmp_path):
    encoder, decoder = load_weights()
    save_weights(tmp_path / 'w.safetensors', encoder, decoder)
    assert (tmp_path / 'w.safetensors').read_bytes() == Path(WEIGHTS).read_bytes()


def test_other_files_are_no_weights(tmp_path):
    write_tensors(tmp_path / 'x.safetensors', Decoder().state_dict(), {})
    with pytest.raises(ValueError, match='not weights of the fast network'):
        load_weights(tmp_path / 'x.safetensors')
    with pytest.raises(FileNotFoundError):
        load_weights(tmp_path / 'missing.safetensors')


@pytest.mark.parametrize('size', [(37, 16), (20, 9), (37, 1)])
def test_tiny_styles_do_not_amplify_rounding(painter, content, swirls, size):
    style = painter.style(swirls[:, : size[0], : size[1]])
    difference = painter.paint(content + 1e-7, style) - painter.paint(content, style)
    assert difference.abs().max() < 5e-3


def test_tiny_styles_are_guided(painter, swirls):
    image, guide = swirls[:, :20, :12].clone(), torch.zeros(1, 20, 12)
    image[:, :, :6] = 0.5
    guide[:, :, :2] = 1
    mean = painter.style(image, guide)['relu1_1'].mean
    assert torch.allclose(
        mean, painter.style(torch.full((3, 64, 64), 0.5))['relu1_1'].mean, atol=0.1
    )


def test_strength_falls_later_at_fine_layers(painter, content, swirls, monkeypatch):
    strengths = []

    def transport(statistics, style, strength):
        strengths.append(strength)
        return transport_map(statistics, style, strength)

    monkeypatch.setattr(painting, 'transport_map', transport)
    painter.paint(content, painter.style(swirls), 0.5)
    assert strengths == [0.5, 0.5, 0.875, 0.875, 0.875]
    assert fine_strength(1.0) == 1 and fine_strength(0.0) == 0
