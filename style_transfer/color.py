"""Colour of the generated image: -original_colors, -luminance_only and -style_tint."""

import numpy as np
import torch
from torch import Tensor

from torch7.image import rgb2yuv, yuv2rgb

# Levels of luminance that a tint is measured at.
TINT_LEVELS = 64


def original_colors(content: Tensor, generated: Tensor) -> Tensor:
    """Join the luminance of the generated image with the colours of the content image.

    content, generated: (3, H, W), RGB, float64; generated need not lie in [0, 1].
    Returns (3, H, W), RGB, not clamped.  Source: neural_style.lua: original_colors.
    """
    luminance = rgb2yuv(generated)[:1]
    chrominance = rgb2yuv(content)[1:]
    return yuv2rgb(torch.cat([luminance, chrominance]))


def luminance(image: Tensor) -> Tensor:
    """(3, H, W) RGB → (1, H, W): Y = 0.299 R + 0.587 G + 0.114 B, in the image's precision."""
    weights = image.new_tensor((0.299, 0.587, 0.114)).view(3, 1, 1)
    return (image * weights).sum(0, keepdim=True)


def grey(image: Tensor) -> Tensor:
    """(3, H, W) RGB → the same in three equal channels of its luminance."""
    return luminance(image).expand(3, -1, -1)


def style_tint(style: Tensor, generated: Tensor) -> Tensor:
    """Give every luminance of the generated image the colour that the style image has there.

    style, generated: (3, H, W), RGB; generated need not lie in [0, 1].  The colour at a luminance
    is the median over the style's pixels (a red seal does not redden grey ink), smoothed over
    neighbouring levels.  Returns (3, H, W), RGB, float64, not clamped.
    """
    y, *chrominance = rgb2yuv(style.clamp(0, 1)).flatten(1)
    level = (y * (TINT_LEVELS - 1)).round().long()
    found = [k for k in range(TINT_LEVELS) if (level == k).any()]
    medians = np.array(
        [[float(plane[level == k].median()) for k in found] for plane in chrominance]
    )
    counts = np.array([float((level == k).sum()) for k in found])
    levels = np.arange(TINT_LEVELS)
    near = np.exp(-0.5 * ((levels[:, None] - np.array(found)) / 2) ** 2) * counts + 1e-12 * np.exp(
        -np.abs(levels[:, None] - np.array(found))
    )
    curves = (near @ medians.T) / near.sum(1, keepdims=True)  # (levels, 2)
    luma = rgb2yuv(generated)[0]
    positions = luma.clamp(0, 1).numpy() * (TINT_LEVELS - 1)
    planes = [torch.from_numpy(np.interp(positions, levels, curve)) for curve in curves.T]
    return yuv2rgb(torch.stack((luma, *planes)))
