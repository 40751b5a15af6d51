"""Colours: original_colors, style_tint, recolor."""

import torch
from samples import noise

from neural_style.transfer import color
from neural_style.transfer.color import grey, luminance, recolor, style_tint


def test_style_tint_keeps_luminance_and_takes_its_colour_from_the_style():
    levels = torch.linspace(0, 1, 50, dtype=torch.float64).expand(40, 50)
    style = torch.stack([levels, levels * 0.9, levels * 0.8])
    style[:, :2, :5] = torch.tensor([0.8, 0.1, 0.1], dtype=torch.float64)[:, None, None]  # a seal
    out = style_tint(style, grey(noise(3, 8, 9)))
    torch.testing.assert_close(luminance(out), luminance(grey(noise(3, 8, 9))), rtol=0, atol=1e-4)
    # red minus blue is a fifth of red
    bright = out[:, luminance(out)[0] > 0.3]
    torch.testing.assert_close(
        bright[2] / bright[0], torch.full_like(bright[0], 0.8), atol=0.03, rtol=0
    )


def test_style_tint_handles_a_style_of_one_colour():
    style = torch.tensor([0.5, 0.4, 0.3]).double().view(3, 1, 1).expand(3, 4, 4)
    assert style_tint(style, noise(3, 5, 6)).isfinite().all()


def test_recolor_matches_the_luminance_distribution_of_grey_images():
    content, style = grey(noise(3, 30, 40) ** 3), grey(0.5 + 0.5 * noise(3, 20, 20, seed=1))
    out = recolor(content, [style], 1)
    quantiles = torch.linspace(0.05, 0.95, 7, dtype=torch.float64)
    torch.testing.assert_close(
        out[0].flatten().quantile(quantiles),
        style[0].flatten().quantile(quantiles),
        rtol=0,
        atol=0.01,
    )
    order = content[0].flatten().argsort()
    assert (out[0].flatten()[order].diff() >= 0).all(), 'brighter stays brighter'
    half = recolor(content, [style], 0.5)
    torch.testing.assert_close(half, (out + content) / 2)


def test_recolor_matches_mean_and_covariance():
    mixing = torch.tensor([[0.2, 0.1, 0.0], [0.0, 0.15, 0.05], [0.05, 0.0, 0.1]]).double()
    style = 0.3 + (mixing @ noise(3, 900, seed=1)).view(3, 30, 30)
    out = recolor(noise(3, 40, 50), [style], 1)
    pixels, want = out.flatten(1), style.flatten(1)
    torch.testing.assert_close(pixels.mean(1), want.mean(1), rtol=0, atol=1e-6)
    torch.testing.assert_close(pixels.cov(), want.cov(), rtol=0, atol=1e-5)


def test_recolor_handles_a_style_of_one_pixel():
    style = torch.tensor([0.2, 0.4, 0.6], dtype=torch.float64).view(3, 1, 1)
    recolored = recolor(noise(3, 8, 9), [style], 1)
    assert torch.allclose(recolored, style.expand(3, 8, 9), atol=2e-3)


def test_recolor_handles_content_of_one_colour():
    content = torch.full((3, 5, 5), 0.5, dtype=torch.float64)
    content[0] = 0.25
    assert recolor(content, [noise(3, 5, 5)], 1).isfinite().all()


def test_original_colors_works_on_chunks_of_rows(monkeypatch):
    content, generated = noise(2, 3, 70, 40)
    want = color.original_colors(content, generated)
    monkeypatch.setattr(color, 'ROW_CHUNK', 32)
    largest = []
    to_rgb = color.yuv2rgb
    monkeypatch.setattr(color, 'yuv2rgb', lambda x: (largest.append(x.numel()), to_rgb(x))[1])
    assert torch.equal(color.original_colors(content, generated), want)
    assert largest == [3 * 32 * 40, 3 * 32 * 40, 3 * 6 * 40]
