"""Colour of the generated image (the -original_colors flag)."""

import torch
from torch import Tensor

from torch7.image import rgb2yuv, yuv2rgb


def original_colors(content: Tensor, generated: Tensor) -> Tensor:
    """Join the luminance of the generated image with the colours of the content image.

    content, generated: (3, H, W), RGB, float64; generated need not lie in [0, 1].
    Returns (3, H, W), RGB, not clamped.  Source: neural_style.lua: original_colors.
    """
    luminance = rgb2yuv(generated)[:1]
    chrominance = rgb2yuv(content)[1:]
    return yuv2rgb(torch.cat([luminance, chrominance]))
