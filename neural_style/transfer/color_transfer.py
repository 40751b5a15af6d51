"""Colour transfer: the colours of one image mapped to those of another.

x' = A (x − μ_x) + μ_y takes pixels x of mean μ_x and covariance Σ_x to the mean μ_y and, but for
`mean`, to the covariance Σ_y of the pixels y.  Both covariances are those of the pixels plus
MIN_VARIANCE on the diagonal:

    mean       A = I: the image is shifted
    linear     A = Σ_x^-½ (Σ_x^½ Σ_y Σ_x^½)^½ Σ_x^-½, which moves the colours least
               (Pitié and Kokaram 2007, The linear Monge-Kantorovitch linear colour mapping)
    cholesky   A = L_y L_x⁻¹, Σ = L Lᵀ (Gatys et al. 2016, Preserving Color, A_Chol)
    pca        A = Σ_y^½ Σ_x^-½, along the principal axes (Gatys et al. 2016, A_IA; Hertzmann et
               al. 2001, Image Analogies)

`histogram` gives each channel the distribution of the other image's: x' = F_y⁻¹(F_x(x)), F of a
value being the share of pixels below it and half of those at it.
"""

from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor

# Added to variances, which may be 0: the square of a quarter of a grey level, about the error of
# rounding to 8 bits, which is not to be amplified.
MIN_VARIANCE = 1e-6
CHUNK = 1 << 20  # pixels that are mapped at a time, to keep temporaries small


def match_colors(
    image: Tensor,
    reference: Tensor,
    method: str = 'linear',
    weights: Tensor | None = None,
    reference_weights: Tensor | None = None,
) -> Tensor:
    """Give an image the colours of a reference, by a method of METHODS.

    image, reference: (3, H, W), RGB in [0, 1].  weights, reference_weights: how much each pixel
    counts in its image, (1, H, W), not all 0; all alike by default.
    Returns (3, H, W), clamped to [0, 1].
    """
    pixels, target = image.flatten(1).double(), reference.flatten(1).double()
    shares, target_shares = _shares(pixels, weights), _shares(target, reference_weights)
    if method == 'histogram':
        channels = zip(pixels, target, strict=True)
        matched = torch.stack(
            [match_distribution(x, y, shares, target_shares) for x, y in channels]
        )
    else:
        mean, covariance = _moments(pixels, shares)
        target_mean, target_covariance = _moments(target, target_shares)
        mapping = MAPPINGS[method](covariance, target_covariance)
        matched = torch.empty_like(pixels)
        for chunk, result in zip(_chunks(pixels), _chunks(matched), strict=True):
            torch.add(mapping @ (chunk - mean), target_mean, out=result)
    return matched.clamp_(0, 1).view_as(image).to(image)


def match_luminance(
    image: Tensor,
    reference: Tensor,
    weights: Tensor | None = None,
    reference_weights: Tensor | None = None,
) -> Tensor:
    """Give a grey image the mean and the spread of a reference's luminance.

    L' = σ_y / σ_x (L − μ_x) + μ_y, where σ² is the variance plus MIN_VARIANCE.
    image, reference: (1, H, W), in [0, 1]; the result likewise, clamped.  weights,
    reference_weights: as match_colors takes them.
    Source: Gatys et al. 2017 (Controlling Perceptual Factors), section 5.
    """
    pixels, target = image.flatten(1).double(), reference.flatten(1).double()
    mean, variance = _moments(pixels, _shares(pixels, weights))
    target_mean, target_variance = _moments(target, _shares(target, reference_weights))
    matched = (pixels - mean) * (target_variance / variance).sqrt() + target_mean
    return matched.clamp_(0, 1).view_as(image).to(image)


def match_distribution(
    plane: Tensor,
    values: Tensor,
    weights: Tensor | None = None,
    value_weights: Tensor | None = None,
) -> Tensor:
    """Give the numbers of a plane the distribution of the values; equal numbers stay equal.

    plane: of any shape.  values: (N,).  weights: (M,), one for each number of the plane.
    value_weights: (N,).
    """
    levels, inverse, counts = torch.unique(plane.flatten(), return_inverse=True, return_counts=True)
    if weights is not None:
        counts = torch.bincount(inverse, weights, len(levels))
    quantiles = (counts.cumsum(0) - counts / 2) / counts.sum()  # in the middle of equal numbers
    ordered, order = values.sort()
    shares = (
        torch.ones_like(values, dtype=torch.float64)
        if value_weights is None
        else value_weights[order]
    )
    ordered, shares = ordered[shares > 0], shares[shares > 0]
    middles = shares.cumsum(0) - shares / 2
    middles -= middles[0].clone()
    positions = quantiles.numpy() * float(middles[-1])
    matched = np.interp(positions, middles.numpy(), ordered.numpy())
    return torch.from_numpy(matched).to(plane)[inverse].view_as(plane)


def _shares(pixels: Tensor, weights: Tensor | None) -> Tensor:
    """Return the weights of pixels (C, N): (N,), float64."""
    if weights is None:
        return pixels.new_ones(pixels.shape[1])
    return weights.flatten().to(pixels)


def _chunks(pixels: Tensor) -> tuple[Tensor, ...]:
    """Return views of some pixels (..., N) at a time."""
    return pixels.split(CHUNK, -1)


def _moments(pixels: Tensor, shares: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean (C, 1) and the covariance (C, C) of pixels (C, N), with MIN_VARIANCE."""
    mean = (pixels @ shares / shares.sum()).unsqueeze(1)
    covariance = pixels.new_zeros(len(pixels), len(pixels))
    for chunk, weights in zip(_chunks(pixels), _chunks(shares), strict=True):
        centred = chunk - mean
        covariance += (centred * weights) @ centred.t()
    covariance /= shares.sum()
    return mean, covariance + MIN_VARIANCE * torch.eye(len(pixels), dtype=pixels.dtype)


def square_root(matrix: Tensor) -> Tensor:
    """Return the symmetric square root of a symmetric matrix, which has no eigenvalue below 0."""
    values, vectors = torch.linalg.eigh(matrix)
    return vectors @ torch.diag(values.clamp(min=0).sqrt()) @ vectors.t()


def monge_kantorovich(covariance: Tensor, target: Tensor) -> Tensor:
    """Return the linear mapping to a covariance that moves colours least."""
    root = square_root(covariance)
    inverse = torch.linalg.inv(root)
    return inverse @ square_root(root @ target @ root) @ inverse


def _identity(covariance: Tensor, target: Tensor) -> Tensor:
    return torch.eye(len(covariance), dtype=covariance.dtype)


def _cholesky(covariance: Tensor, target: Tensor) -> Tensor:
    return torch.linalg.cholesky(target) @ torch.linalg.inv(torch.linalg.cholesky(covariance))


def _principal_axes(covariance: Tensor, target: Tensor) -> Tensor:
    return square_root(target) @ torch.linalg.inv(square_root(covariance))


MAPPINGS: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = {
    'mean': _identity,
    'linear': monge_kantorovich,
    'cholesky': _cholesky,
    'pca': _principal_axes,
}
METHODS = (*MAPPINGS, 'histogram')
