"""The colours of the generated image: kept, taken from the style, or none."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from neural_style.torch7.image import rgb2yuv, yuv2rgb
from neural_style.transfer.color_transfer import (
    MIN_VARIANCE,
    match_distribution,
    monge_kantorovich,
)

TINT_LEVELS = 64  # of luminance, at which the style's colour is measured
ROW_CHUNK = 256  # rows that are converted at a time, to keep temporaries small


def original_colors(content: Tensor, generated: Tensor) -> Tensor:
    """Join the luminance of the generated image with the colours of the content image.

    content, generated: (3, H, W), RGB, float64; generated need not lie in [0, 1].
    Returns (3, H, W), RGB, not clamped.  Source: neural_style.lua: original_colors.
    """
    result = torch.empty_like(generated, dtype=torch.float64)
    for start in range(0, generated.shape[1], ROW_CHUNK):
        rows = slice(start, start + ROW_CHUNK)
        luminance = rgb2yuv(generated[:, rows])[:1]
        chrominance = rgb2yuv(content[:, rows])[1:]
        result[:, rows] = yuv2rgb(torch.cat([luminance, chrominance]))
    return result


def luminance(image: Tensor) -> Tensor:
    """Return Y = 0.299 R + 0.587 G + 0.114 B of (3, H, W): (1, H, W), in the image's precision."""
    weights = image.new_tensor((0.299, 0.587, 0.114)).view(3, 1, 1)
    return (image * weights).sum(0, keepdim=True)


def grey(image: Tensor) -> Tensor:
    """Return three equal channels of the luminance of (3, H, W)."""
    return luminance(image).expand(3, -1, -1)


def recolor(content: Tensor, styles: Sequence[Tensor], strength: float) -> Tensor:
    """Move the colours of the content image towards those of the style images.

    content, styles: (3, H, W), RGB in [0, 1].  strength: 0 keeps the content's colours; 1 gives it
    the mean and the covariance of the styles' colours or, where all images are grey, the
    distribution of their luminance.  Returns (3, H, W), clamped to [0, 1].
    Source: Gatys et al. 2016 (Preserving Color), there from content to style.
    """
    pixels = torch.cat([style.flatten(1) for style in styles], 1)
    if all(bool((image == image[:1]).all()) for image in (content, *styles)):
        matched = match_distribution(content[0], pixels[0]).expand_as(content)
    else:
        matched = _match_covariance(content, pixels)
    return (strength * matched + (1 - strength) * content).clamp(0, 1)


def _match_covariance(content: Tensor, pixels: Tensor) -> Tensor:
    """Map colours linearly to the pixels' mean and covariance, changing them least.

    content: (3, H, W).  pixels: (3, N).
    """
    flat = content.flatten(1).double()
    noise = MIN_VARIANCE * torch.eye(3, dtype=torch.float64)  # an image may have one colour
    source, target = _covariance(flat) + noise, _covariance(pixels.double()) + noise
    mapping = monge_kantorovich(source, target)
    mean = pixels.double().mean(1, keepdim=True)
    matched = mapping @ (flat - flat.mean(1, keepdim=True)) + mean
    return matched.view_as(content).to(content)


def _covariance(pixels: Tensor) -> Tensor:
    """Return the covariance of (3, N); 0 for a single pixel."""
    return pixels.cov(correction=min(1, pixels.shape[1] - 1))


def style_tint(style: Tensor, generated: Tensor) -> Tensor:
    """Give every luminance of the generated image the colour that the style image has there.

    style, generated: (3, H, W), RGB; generated need not lie in [0, 1].  The colour at a luminance
    is the median over the style's pixels (a red seal does not redden grey ink), smoothed over
    neighbouring levels.  Returns (3, H, W), RGB, float64, not clamped.
    """
    y, *chrominance = rgb2yuv(style.clamp(0, 1)).flatten(1)
    level = (y * (TINT_LEVELS - 1)).round().long()
    present = [k for k in range(TINT_LEVELS) if (level == k).any()]
    medians = np.array(
        [[float(plane[level == k].median()) for k in present] for plane in chrominance]
    )
    counts = np.array([float((level == k).sum()) for k in present])
    levels = np.arange(TINT_LEVELS)
    weights = np.exp(-0.5 * ((levels[:, None] - np.array(present)) / 2) ** 2) * counts
    curves = (weights @ medians.T) / weights.sum(1, keepdims=True)  # (levels, 2)
    luma = rgb2yuv(generated)[0]
    positions = luma.clamp(0, 1).numpy() * (TINT_LEVELS - 1)
    planes = [torch.from_numpy(np.interp(positions, levels, curve)) for curve in curves.T]
    return yuv2rgb(torch.stack((luma, *planes)))
