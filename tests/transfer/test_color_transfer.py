"""Colour transfer: every method against its formula, and on pictures of one colour."""

import numpy as np
import pytest
import scipy.linalg
import torch
from samples import noise

from neural_style.transfer import color_transfer
from neural_style.transfer.color import grey
from neural_style.transfer.color_transfer import (
    METHODS,
    MIN_VARIANCE,
    match_colors,
    match_distribution,
    match_luminance,
)

MAPPED = ('linear', 'cholesky', 'pca')  # to the covariance of the reference


def pictures():
    """Return two pictures with correlated colours, far from 0 and 1, of different sizes."""
    mixing = torch.tensor([[0.2, 0.1, 0.0], [0.0, 0.15, 0.05], [0.05, 0.0, 0.1]]).double()
    image = 0.4 + (mixing @ (noise(3, 900, seed=1) - 0.5)).view(3, 30, 30)
    reference = 0.6 + (mixing.t() @ (noise(3, 1200, seed=2) - 0.5)).view(3, 30, 40)
    return image, reference


def moments(image, weights=None):
    """Return mean and covariance, with MIN_VARIANCE, by NumPy."""
    pixels = image.flatten(1).numpy()
    weights = None if weights is None else weights.flatten().numpy()
    mean = np.average(pixels, axis=1, weights=weights)
    covariance = np.cov(pixels, bias=True, aweights=weights)
    return mean, covariance + MIN_VARIANCE * np.eye(3)


def printed_mapping(method, source, target):
    """Return A of the papers, by SciPy."""
    if method == 'cholesky':
        return np.linalg.cholesky(target) @ np.linalg.inv(np.linalg.cholesky(source))
    root = scipy.linalg.sqrtm(source)
    if method == 'pca':
        return scipy.linalg.sqrtm(target) @ np.linalg.inv(root)
    inverse = np.linalg.inv(root)
    return inverse @ scipy.linalg.sqrtm(root @ target @ root) @ inverse


@pytest.mark.parametrize('method', MAPPED)
def test_mappings_are_those_of_the_papers(method):
    image, reference = pictures()
    mean, covariance = moments(image)
    target_mean, target_covariance = moments(reference)
    mapping = printed_mapping(method, covariance, target_covariance)
    want = mapping @ (image.flatten(1).numpy() - mean[:, None]) + target_mean[:, None]
    got = match_colors(image, reference, method).flatten(1).numpy()
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-12)


@pytest.mark.parametrize('method', MAPPED)
def test_mappings_give_mean_and_covariance_of_the_reference(method):
    image, reference = pictures()
    matched = match_colors(image, reference, method)
    got, want = moments(matched), moments(reference)
    np.testing.assert_allclose(got[0], want[0], rtol=0, atol=1e-12)
    np.testing.assert_allclose(got[1], want[1], rtol=0, atol=3e-6)


def test_the_symmetric_mapping_moves_colours_least():
    image, reference = pictures()
    moved = {
        method: float((match_colors(image, reference, method) - image).square().mean())
        for method in MAPPED
    }
    assert min(moved, key=moved.get) == 'linear'


def test_mean_shifts_the_image():
    image, reference = pictures()
    shift = reference.mean((1, 2)) - image.mean((1, 2))
    want = image + shift[:, None, None]
    torch.testing.assert_close(match_colors(image, reference, 'mean'), want, rtol=0, atol=1e-12)


def test_histogram_gives_each_channel_the_distribution_of_the_reference():
    image, reference = pictures()
    matched = match_colors(image, reference, 'histogram')
    for got, want, before in zip(matched, reference, image, strict=True):
        quantiles = torch.linspace(0.02, 0.98, 21, dtype=torch.float64)
        torch.testing.assert_close(
            got.flatten().quantile(quantiles), want.flatten().quantile(quantiles), rtol=0, atol=1e-3
        )
        assert (got.flatten()[before.flatten().argsort()].diff() >= 0).all()


def test_histogram_is_that_of_scikit_image_to_half_a_grey_level():
    exposure = pytest.importorskip('skimage.exposure')
    image, reference = ((picture * 255).round() / 255 for picture in pictures())
    matched = match_colors(image, reference, 'histogram').numpy()
    want = exposure.match_histograms(image.numpy(), reference.numpy(), channel_axis=0)
    # It takes the share of pixels up to a value, here those at it count by half.
    assert np.abs(matched - want).mean() < 0.5 / 255


def test_luminance_is_scaled_and_shifted_as_in_the_paper():
    image, reference = pictures()
    plane, target = image[:1], reference[:1]
    spread = (target.var(correction=0) + MIN_VARIANCE) / (plane.var(correction=0) + MIN_VARIANCE)
    want = spread.sqrt() * (plane - plane.mean()) + target.mean()
    torch.testing.assert_close(match_luminance(plane, target), want, rtol=0, atol=1e-12)


@pytest.mark.parametrize('method', METHODS)
def test_weights_of_0_leave_pixels_out(method):
    image, reference = pictures()
    weights = torch.ones(1, 30, 30, dtype=torch.float64)
    weights[:, :10] = 0
    reference_weights = torch.ones(1, 30, 40, dtype=torch.float64)
    reference_weights[:, :, 25:] = 0
    matched = match_colors(image, reference, method, weights, reference_weights)
    want = match_colors(image[:, 10:], reference[:, :, :25], method)
    torch.testing.assert_close(matched[:, 10:], want, rtol=0, atol=1e-12)


@pytest.mark.parametrize('method', METHODS)
def test_a_pixel_of_weight_2_counts_twice(method):
    image, reference = pictures()
    weights = torch.ones(1, 30, 40, dtype=torch.float64)
    weights[:, :, 5] = 2
    matched = match_colors(image, reference, method, None, weights)
    doubled = torch.cat([reference, reference[:, :, 5:6]], 2)
    want = match_colors(image, doubled, method)
    # values between two equal ones of the reference differ for histograms
    torch.testing.assert_close(matched, want, rtol=0, atol=5e-3 if method == 'histogram' else 1e-12)


def test_weights_count_for_luminance():
    image, reference = pictures()
    weights = (noise(1, 30, 40, seed=4) > 0.5).double()
    matched = match_luminance(image[:1], reference[:1], None, weights)
    want = match_luminance(image[:1], reference[:1][weights > 0].view(1, 1, -1))
    torch.testing.assert_close(matched, want, rtol=0, atol=1e-12)


def one_colour(height=5, width=7):
    return torch.tensor([0.25, 0.5, 0.3]).double().view(3, 1, 1).expand(3, height, width)


DEGENERATE = {
    'one colour': one_colour(),
    'one pixel': one_colour(1, 1),
    'grey': grey(noise(3, 6, 8)),
    'two pixels': noise(3, 1, 2, seed=5),
    'red only': noise(3, 6, 8) * torch.tensor([1.0, 0, 0]).double().view(3, 1, 1),
}


@pytest.mark.parametrize('method', METHODS)
@pytest.mark.parametrize('name', DEGENERATE)
def test_pictures_of_few_colours_are_matched_to(method, name):
    image, reference = pictures()[0], DEGENERATE[name]
    matched = match_colors(image, reference, method)
    assert matched.isfinite().all()
    np.testing.assert_allclose(
        matched.mean((1, 2)), reference.mean((1, 2)), rtol=0, atol=0.02 if method == 'mean' else 0.1
    )


@pytest.mark.parametrize('method', METHODS)
@pytest.mark.parametrize('name', DEGENERATE)
def test_pictures_of_few_colours_are_matched(method, name):
    image, reference = DEGENERATE[name], pictures()[1]
    matched = match_colors(image, reference, method)
    assert matched.isfinite().all() and matched.shape == image.shape
    if name.startswith('one'):
        middle = (
            reference.flatten(1).quantile(0.5, 1)
            if method == 'histogram'
            else (reference.mean((1, 2)))
        )
        torch.testing.assert_close(matched.mean((1, 2)), middle, rtol=0, atol=1e-12)


@pytest.mark.parametrize('name', DEGENERATE)
def test_luminance_of_few_levels_is_matched(name):
    level, reference = DEGENERATE[name][:1], pictures()[1][:1]
    assert match_luminance(level, reference).isfinite().all()
    matched = match_luminance(reference, level)
    assert matched.isfinite().all() and (matched.std() < 2e-3 or level.std() > 0.01)


def test_rounding_to_8_bits_is_not_amplified_to_colours():
    reference = pictures()[1]
    level = (noise(1, 40, 40) * 255).round() / 255
    image = level + 0.5 / 255 * torch.randn(
        3, 40, 40, generator=torch.Generator().manual_seed(0), dtype=torch.float64
    )
    matched = match_colors(image, reference, 'linear')
    chroma = (matched - matched.mean(0)).std()
    assert chroma < (reference - reference.mean(0)).std()


@pytest.mark.parametrize('method', METHODS)
def test_chunks_of_pixels_change_nothing(monkeypatch, method):
    image, reference = pictures()
    want = match_colors(image, reference, method)
    monkeypatch.setattr(color_transfer, 'CHUNK', 70)
    got = match_colors(image, reference, method)
    torch.testing.assert_close(got, want, rtol=0, atol=1e-12)


@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
def test_matched_images_keep_their_precision_and_range(dtype):
    image, reference = noise(3, 6, 8).to(dtype), noise(3, 5, 5, seed=1).to(dtype) ** 4
    matched = match_colors(image, reference, 'cholesky')
    assert matched.dtype == dtype and float(matched.min()) >= 0 and float(matched.max()) <= 1
    assert match_luminance(image[:1], reference[:1]).dtype == dtype


def test_distribution_of_equal_values_is_that_value():
    assert torch.equal(
        match_distribution(noise(4), torch.full((3,), 0.5, dtype=torch.float64)),
        torch.full((4,), 0.5, dtype=torch.float64),
    )
