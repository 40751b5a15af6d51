"""Statistics of features, and the maps between them."""

import torch
from torch.autograd import gradcheck

from neural_style.fast.statistics import (
    Statistics,
    blend,
    inverse_root,
    optimal_transport,
    transport,
    transport_map,
)


def features(seed, channels=5, height=20, width=30, images=1):
    """Draw correlated features about some mean."""
    generator = torch.Generator().manual_seed(seed)
    mixing = torch.randn(channels, channels, generator=generator)
    noise = torch.randn(images, channels, height * width, generator=generator)
    mean = torch.randn(channels, 1, generator=generator)
    return (mixing @ noise + mean).unflatten(2, (height, width))


def test_statistics_are_mean_and_covariance():
    x = features(0)
    statistics = Statistics.of(x)
    flat = x[0].flatten(1)
    assert torch.allclose(statistics.mean[0], flat.mean(1), atol=1e-5)
    assert torch.allclose(statistics.covariance[0], flat.cov(correction=0), atol=1e-4)
    gram = flat @ flat.T / flat.shape[1]
    assert torch.allclose(statistics.second_moment()[0], gram, atol=1e-4)


def test_transport_gives_features_the_statistics_of_a_style():
    style = Statistics.of(features(1, images=2))
    moved = Statistics.of(transport(features(2, images=2), style))
    assert torch.allclose(moved.mean, style.mean, atol=1e-4)
    # the damping of covariances is relative to the mean variance
    scale = style.covariance.diagonal(dim1=1, dim2=2).mean()
    assert (moved.covariance - style.covariance).abs().max() < 0.02 * scale


def test_transport_leaves_features_of_the_same_statistics():
    x = features(3)
    assert torch.allclose(transport(x, Statistics.of(x)), x, atol=1e-4)


def test_transport_without_strength_leaves_features():
    x = features(3)
    assert torch.allclose(transport(x, Statistics.of(features(4)), 0), x, atol=1e-4)


def test_transport_of_equal_features_is_finite():
    style = Statistics.of(features(5))
    moved = transport(torch.ones(1, 5, 8, 8), style)
    assert torch.allclose(moved, style.mean[:, :, None, None].expand_as(moved), atol=1e-3)


def test_covariance_rounded_unlike_its_transpose_is_mapped_the_same():
    # of fewer positions than channels, so with variances near 0
    content, style = (
        Statistics.of(features(seed, channels=48, height=2, width=10)) for seed in (1, 2)
    )
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(1, 48, 48, generator=generator)
    rounding = 1e-6 * content.covariance.abs().max() * (noise - noise.transpose(1, 2))
    expected = optimal_transport(content.covariance, style.covariance)
    result = optimal_transport(content.covariance + rounding, style.covariance)
    assert (result - expected).abs().max() < 1e-3 * expected.abs().max()


def test_statistics_of_mapped_features_follow_from_those_of_features():
    x, affine = features(6), transport_map(Statistics.of(features(7)), Statistics.of(features(8)))
    expected, result = Statistics.of(affine(x)), Statistics.of(x).mapped(affine)
    assert torch.allclose(result.mean, expected.mean, atol=1e-3)
    assert torch.allclose(result.covariance, expected.covariance, rtol=1e-3, atol=1e-3)


def test_maps_one_after_the_other_are_one_map():
    first = transport_map(Statistics.of(features(1)), Statistics.of(features(2)))
    second = transport_map(Statistics.of(features(2)), Statistics.of(features(3)))
    x = features(1)
    assert torch.allclose(second.after(first)(x), second(first(x)), atol=1e-3)


def test_inverse_root_has_its_derivative_even_with_equal_eigenvalues():
    matrix = torch.diag(torch.tensor([1.0, 1.0], dtype=torch.float64))
    matrix = matrix[None].requires_grad_()
    assert torch.allclose(
        inverse_root(matrix) @ inverse_root(matrix) @ matrix, torch.eye(2).double()
    )

    def symmetric(values):
        return inverse_root((values + values.transpose(1, 2)) / 2)

    assert gradcheck(symmetric, (matrix,))


def test_blend_is_the_weighted_mean():
    styles = [Statistics.of(features(seed)) for seed in (1, 2)]
    mixed = blend(styles, [0.25, 0.75])
    assert torch.allclose(mixed.mean, styles[0].mean * 0.25 + styles[1].mean * 0.75)
