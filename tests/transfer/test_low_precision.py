"""Runs in low precision: what float16 cannot hold, and steps that stay short."""

import functools
import statistics

import pytest
import torch
from samples import mini_vgg19

from neural_style import stylize
from neural_style.kernels import precision


def picture(seed, height=60, width=80):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(3, height, width, generator=generator) * 50


def test_features_that_float16_cannot_hold_are_refused(monkeypatch):
    monkeypatch.setattr(precision, 'why_not', lambda *args: '')
    cnn = mini_vgg19()
    cnn[2].weight *= 1e4
    pictures = [(picture(k, 30, 40) / 256 + 0.5).clamp(0, 1).double() for k in (3, 4)]
    settings = {'num_iterations': 2, 'optimizer': 'adam', 'init': 'image'}
    run = functools.partial(stylize, cnn, pictures[0], [pictures[1]], **settings)
    with pytest.raises(ValueError, match='`precision` fp16: the features .* exceed 65504'):
        run(precision='fp16')
    assert run(precision='bf16').isfinite().all()
    cnn[2].weight /= 1e4
    assert run(precision='fp16').isfinite().all()


@pytest.mark.slow
def test_low_precision_reaches_the_loss_of_float32_at_equal_steps(monkeypatch):
    # bf16 need not be fast here
    monkeypatch.setattr(precision, 'why_not', lambda *args: '')
    # Roundings grow from step to step: the ratio of single runs is anything from 0.6 to 1.2.
    ratios = [final_loss('bf16', seed) / final_loss('fp32', seed) for seed in range(3, 15, 2)]
    assert statistics.geometric_mean(ratios) < 1.1


def final_loss(name, seed):
    """Return the loss of a short run in a precision, with pictures of seeds seed and seed + 1."""
    content, style = ((picture(k) / 256 + 0.5).clamp(0, 1).double() for k in (seed, seed + 1))
    losses = []
    result = stylize(
        mini_vgg19(),
        content,
        [style],
        num_iterations=40,
        init='image',
        seed=1,
        precision=name,
        lbfgs_max_step=10,  # the limit of low precision
        callback=lambda iterate: losses.append(float(iterate.loss)),
    )
    assert result.isfinite().all()
    return losses[-1]


@pytest.mark.parametrize(('max_step', 'limit'), [(0, 10), (3, 3)])
def test_low_precision_limits_the_steps_of_lbfgs(monkeypatch, max_step, limit):
    monkeypatch.setattr(precision, 'why_not', lambda *args: '')
    cnn = mini_vgg19()
    content, style = (picture(seed, 40, 50).sigmoid().double() for seed in (1, 2))
    points = []
    stylize(
        cnn,
        content,
        [style],
        num_iterations=6,
        precision='bf16',
        lbfgs_max_step=max_step,
        seed=1,
        callback=lambda iterate: points.append(iterate.x.clone()),
    )
    steps = [
        (b - a).square().mean().sqrt().item() for a, b in zip(points, points[1:], strict=False)
    ]
    assert max(steps) == pytest.approx(limit, rel=1e-4)
