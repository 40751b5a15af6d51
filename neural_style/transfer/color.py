"""Colour of the generated image: -original_colors, -recolor_content and the like."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from neural_style.torch7.image import rgb2yuv, yuv2rgb

# Levels of luminance that a tint is measured at.
TINT_LEVELS = 64
# Rows of a picture that are worked on at once.
ROWS = 256


def original_colors(content: Tensor, generated: Tensor) -> Tensor:
    """Join the luminance of the generated image with the colours of the content image.

    content, generated: (3, H, W), RGB, float64; generated need not lie in [0, 1].
    Returns (3, H, W), RGB, not clamped.  Source: neural_style.lua: original_colors.
    """
    joined = torch.empty_like(generated, dtype=torch.float64)
    for rows in range(0, generated.shape[1], ROWS):  # large pictures leave little memory
        part = slice(rows, rows + ROWS)
        luminance = rgb2yuv(generated[:, part])[:1]
        chrominance = rgb2yuv(content[:, part])[1:]
        joined[:, part] = yuv2rgb(torch.cat([luminance, chrominance]))
    return joined


def luminance(image: Tensor) -> Tensor:
    """(3, H, W) RGB → (1, H, W): Y = 0.299 R + 0.587 G + 0.114 B, in the image's precision."""
    weights = image.new_tensor((0.299, 0.587, 0.114)).view(3, 1, 1)
    return (image * weights).sum(0, keepdim=True)


def grey(image: Tensor) -> Tensor:
    """(3, H, W) RGB → the same in three equal channels of its luminance."""
    return luminance(image).expand(3, -1, -1)


def recolor(content: Tensor, styles: Sequence[Tensor], strength: float) -> Tensor:
    """Bring the colours of the content image nearer to those of the style images.

    content, styles: (3, H, W), RGB in [0, 1].  strength: 0 leaves the content, 1 goes all the way:
    where all pictures are grey to the styles' distribution of luminance, else to the mean and the
    covariance of their colours.  Returns (3, H, W), clamped to [0, 1].
    Source: Gatys et al. 2016 (Preserving Color), there from content to style.
    """
    pixels = torch.cat([style.flatten(1) for style in styles], 1)
    if all(bool((image == image[:1]).all()) for image in (content, *styles)):
        matched = _match_distribution(content[0], pixels[0]).expand_as(content)
    else:
        matched = _match_covariance(content, pixels)
    return (strength * matched + (1 - strength) * content).clamp(0, 1)


def _match_distribution(plane: Tensor, values: Tensor) -> Tensor:
    """The plane (H, W) with the distribution of the values; equal ones stay equal."""
    _, inverse, counts = torch.unique(plane.flatten(), return_inverse=True, return_counts=True)
    quantiles = (counts.cumsum(0) - counts / 2) / counts.sum()  # in the middle of each
    position = quantiles.numpy() * (values.numel() - 1)
    found = np.interp(position, np.arange(values.numel()), values.sort().values.numpy())
    return torch.from_numpy(found).to(plane)[inverse].view_as(plane)


def _match_covariance(content: Tensor, pixels: Tensor) -> Tensor:
    """The linear map of least change between two normal distributions of colours."""
    flat = content.flatten(1).double()
    noise = 1e-6 * torch.eye(3, dtype=torch.float64)  # a picture may be of one colour
    source, target = _covariance(flat) + noise, _covariance(pixels.double()) + noise
    root = _square_root(source)
    inverse = torch.linalg.inv(root)
    mapping = inverse @ _square_root(root @ target @ root) @ inverse
    mean = pixels.double().mean(1, keepdim=True)
    matched = mapping @ (flat - flat.mean(1, keepdim=True)) + mean
    return matched.view_as(content).to(content)


def _covariance(pixels: Tensor) -> Tensor:
    """Of (3, N); 0 for a single pixel."""
    return pixels.cov(correction=min(1, pixels.shape[1] - 1))


def _square_root(matrix: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(matrix)
    return vectors @ torch.diag(values.clamp(min=0).sqrt()) @ vectors.t()


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
    near = np.exp(-0.5 * ((levels[:, None] - np.array(found)) / 2) ** 2) * counts
    curves = (near @ medians.T) / near.sum(1, keepdims=True)  # (levels, 2)
    luma = rgb2yuv(generated)[0]
    positions = luma.clamp(0, 1).numpy() * (TINT_LEVELS - 1)
    planes = [torch.from_numpy(np.interp(positions, levels, curve)) for curve in curves.T]
    return yuv2rgb(torch.stack((luma, *planes)))
