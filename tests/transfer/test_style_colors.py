"""The colours of style images, region by region."""

import pytest
import torch
from samples import noise

from neural_style import Settings
from neural_style.transfer.color import grey
from neural_style.transfer.color_transfer import METHODS, match_colors, match_luminance
from neural_style.transfer.style_colors import recolored_style

CONTENT, STYLE = noise(3, 30, 40, seed=1) ** 2, noise(3, 24, 20, seed=2)


def half(height, width, dtype=torch.bool):
    """Return a mask of the left half of an image."""
    mask = torch.zeros(1, height, width, dtype=dtype)
    mask[:, :, : width // 2] = 1
    return mask


LEFT, CONTENT_LEFT = half(24, 20), half(30, 40)


@pytest.mark.parametrize('method', METHODS)
def test_each_region_takes_the_colours_of_its_partner(method):
    settings = Settings(color='match', color_transfer=method)
    # crossed over: the left of the style takes the colours of the right of the content
    got = recolored_style(STYLE, CONTENT, settings, [LEFT, ~LEFT], [~CONTENT_LEFT, CONTENT_LEFT])
    left = match_colors(STYLE[:, :, :10], CONTENT[:, :, 20:], method)
    right = match_colors(STYLE[:, :, 10:], CONTENT[:, :, :20], method)
    torch.testing.assert_close(got, torch.cat([left, right], 2), rtol=0, atol=1e-12)


def test_luminance_is_matched_region_by_region():
    content, style = grey(CONTENT), grey(STYLE)
    settings = Settings(color='luminance')
    got = recolored_style(style, content, settings, [LEFT, ~LEFT], [CONTENT_LEFT, ~CONTENT_LEFT])
    left = match_luminance(style[:1, :, :10], content[:1, :, :20])
    torch.testing.assert_close(got[:1, :, :10], left, rtol=0, atol=1e-12)
    assert torch.equal(got[0], got[2])


def test_what_serves_no_region_stays():
    settings = Settings(color='match')
    got = recolored_style(STYLE, CONTENT, settings, [None, LEFT], [CONTENT_LEFT, ~CONTENT_LEFT])
    assert torch.equal(got[:, :, 10:], STYLE[:, :, 10:])
    want = match_colors(STYLE[:, :, :10], CONTENT[:, :, 20:])
    torch.testing.assert_close(got[:, :, :10], want, rtol=0, atol=1e-12)


def test_an_image_that_serves_several_regions_takes_the_colours_of_all():
    everything = torch.ones(1, 1, 1, dtype=torch.bool).expand(1, 24, 20)
    settings = Settings(color='match')
    got = recolored_style(STYLE, CONTENT, settings, [everything] * 2, [CONTENT_LEFT, ~CONTENT_LEFT])
    torch.testing.assert_close(got, match_colors(STYLE, CONTENT), rtol=0, atol=1e-12)


def test_soft_masks_mix_what_they_overlap():
    soft = half(24, 20, torch.float64) * 0.5
    settings = Settings(color='match')
    got = recolored_style(STYLE, CONTENT, settings, [soft], [CONTENT_LEFT])
    matched = match_colors(STYLE[:, :, :10], CONTENT[:, :, :20])
    torch.testing.assert_close(got[:, :, :10], (matched + STYLE[:, :, :10]) / 2, rtol=0, atol=1e-12)


def test_empty_regions_are_left_out():
    settings = Settings(color='match')
    got = recolored_style(STYLE, CONTENT, settings, [LEFT & False, ~LEFT], [CONTENT_LEFT] * 2)
    assert got.isfinite().all() and torch.equal(got[:, :, :10], STYLE[:, :, :10])


def test_other_choices_leave_the_style():
    for color in ('', 'style', 'content'):
        assert recolored_style(STYLE, CONTENT, Settings(color=color), [LEFT], [LEFT]) is STYLE
