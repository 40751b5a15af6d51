"""Losses with each statistic, and features that their tests share."""

import torch

from neural_style import StyleLoss
from neural_style.losses.guide import Guide
from neural_style.losses.statistics.choice import make_statistic, parse_statistics

CHOICES = ['mean_std', 'covariance', 'wasserstein', 'histogram', 'gram:2,histogram:0.5']


def loss_of(choice, strength=2.5, normalize=False, precedes_relu=False):
    statistic, factor = make_statistic(parse_statistics(choice))
    return StyleLoss(strength * factor, normalize, precedes_relu, statistic)


def rectified(shape, seed, scale=3.0):
    """Features after a ReLU, whose channels differ in mean and scale."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(1, *shape, dtype=torch.float64, generator=generator)
    channels = torch.linspace(0.5, 2, shape[0], dtype=torch.float64).view(1, -1, 1, 1)
    return (scale * channels * (x + 0.3)).relu()


def guide_map(height, width, seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(1, 1, height, width, dtype=torch.float64, generator=generator)


def guided(loss, guide):
    """Give a loss a guide, T as it is, or none."""
    loss.set_guides([None if guide is None else Guide(guide[0])])
    return loss


def weighted(features, guide):
    """The features (C, M) of a layer and the share of each position, (M,)."""
    flat = features[0].flatten(1)
    weights = torch.ones(flat.shape[1], dtype=flat.dtype) if guide is None else guide.flatten() ** 2
    return flat, weights / weights.sum()


def value_and_gradient(loss, x, exact=False):
    statistic, gradient = loss.statistic(x, exact=exact), torch.zeros_like(x)
    loss.set_value(statistic, x.shape)
    loss.add_gradient(gradient, x, statistic, exact=exact)
    return loss.loss, gradient
