"""Regions painted at once."""

import pytest
import torch
from samples import ROOT

from neural_style import load, scale
from neural_style.errors import SettingError
from neural_style.fast import paint
from neural_style.fast.regions import softened

INPUTS = ROOT / 'examples' / 'inputs'
LEFT = torch.zeros(1, 72, 96)
LEFT[:, :, :48] = 1


@pytest.fixture(scope='module')
def waves():
    return scale(load(INPUTS / 'waves.jpg'), 96)


def distance(image, style):
    """Return how far apart the mean colours of two images are."""
    return float((image.mean((1, 2)) - style.mean((1, 2))).abs().mean())


def test_each_region_has_its_style(painter, content, swirls, waves):
    picture = paint(content, [swirls, waves], content_regions=[LEFT, 1 - LEFT], painter=painter)
    assert picture.shape == content.shape
    assert distance(picture[:, :, :40], swirls) < 0.1 < distance(picture[:, :, :40], waves)
    assert distance(picture[:, :, 56:], waves) < 0.1 < distance(picture[:, :, 56:], swirls)


def test_region_takes_its_style_from_a_region(painter, content, swirls):
    masks = [torch.zeros(1, *swirls.shape[1:]) for _ in range(2)]
    masks[0][:, :30], masks[1][:, 40:] = 1, 1
    regions = {'content_regions': [LEFT, 1 - LEFT], 'style_regions': [masks]}
    one = paint(content, swirls, **regions, painter=painter)
    regions['style_regions'] = [masks[::-1]]
    other = paint(content, swirls, **regions, painter=painter)
    means = [x[:, :, :40].mean((1, 2)) for x in (one, other)]
    assert (means[0] - means[1]).abs().max() > 0.05


def test_region_of_weight_0_stays_as_it_is(painter, content, swirls):
    regions = {'content_regions': [LEFT, 1 - LEFT], 'region_weights': [1, 0]}
    picture = paint(content, swirls, **regions, painter=painter)
    assert torch.allclose(picture[:, :, 50:], content[:, :, 50:], atol=1e-6)
    assert (picture[:, :, :46] - content[:, :, :46]).abs().mean() > 0.05


def test_a_single_region_is_the_picture_without_regions(painter, content, swirls):
    everything = torch.ones_like(LEFT)
    whole = paint(content, swirls, painter=painter)
    region = paint(content, swirls, content_regions=[everything], painter=painter)
    assert torch.allclose(region, whole, atol=1e-4)


def test_content_and_style_are_encoded_once(painter, content, swirls, monkeypatch):
    encoded = []
    features = painter.encoder.features

    def counted(images, *more):
        encoded.append(tuple(images.shape[2:]))
        return features(images, *more)

    monkeypatch.setattr(painter.encoder, 'features', counted)
    masks = [torch.zeros(1, *swirls.shape[1:]) for _ in range(2)]
    masks[0][:, :30], masks[1][:, 40:] = 1, 1
    regions = {'content_regions': [LEFT, 1 - LEFT], 'style_regions': [masks]}
    paint(content, swirls, strength=0.5, **regions, painter=painter)
    # the style, the content with its margins, and the content for its own style
    assert encoded == [(75, 96), (136, 160), (72, 96)]


def test_calls_share_a_content_and_paint_the_same_bits(painter, content, swirls, waves):
    encoded = painter.encode(content)
    guide = torch.zeros(1, *swirls.shape[1:])
    guide[:, :30] = 1
    styles = [*painter.styles(swirls, [None, guide]), painter.style(waves)]
    assert torch.equal(styles[1]['relu3_1'].mean, painter.style(swirls, guide)['relu3_1'].mean)
    for style, strength in zip(styles, (1, 0.5, 0.7), strict=True):
        picture = painter.paint(encoded, style, strength, guide=LEFT)
        assert torch.equal(picture, painter.paint(content, style, strength, guide=LEFT))


def test_region_without_a_pixel_is_named(painter, content, swirls):
    masks = [LEFT, torch.zeros_like(LEFT)]
    with pytest.raises(SettingError, match=r'content_regions\[1\].*empty'):
        paint(content, swirls, content_regions=masks, painter=painter)


def test_soft_masks_share_every_pixel():
    masks = torch.zeros(2, 1, 40, 400)
    masks[0, :, :, :200], masks[1, :, :, 190:] = 1, 1
    soft = softened(masks)
    assert torch.allclose(soft.sum(0), torch.ones(1, 40, 400))
    assert 0.3 < soft[0, 0, 20, 195] < 0.7 and soft[0, 0, 20, 0] == 1
