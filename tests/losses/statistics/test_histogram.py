"""Histogram matching, against its formula in float64 and against matching by sorting."""

import math

import pytest
import torch
from statistics_samples import guide_map, guided, loss_of, rectified, value_and_gradient, weighted

from neural_style.losses.statistics import histogram as module
from neural_style.losses.statistics.histogram import BINS, Histogram, bin_numbers


def bin_of(value):
    """The bin of a number, as the description of the module has it."""
    if abs(value) < 2**-14:
        return 256
    exponent = math.floor(math.log2(abs(value)))
    step = 8 * (exponent + 14) + math.floor(8 * (abs(value) / 2**exponent - 1))
    return 257 + min(step, 255) if value > 0 else 255 - min(step, 255)


def test_bins_are_eighths_of_octaves():
    values = [0, 1, -1, 1.124, 1.126, 3.99, -300.5, 2**-14, 2**-14.5, -(2**-13), 2**17, 1e9, -1e9]
    numbers = bin_numbers(torch.tensor(values, dtype=torch.float64).view(-1, 1, 1))
    assert numbers.flatten().tolist() == [bin_of(value) for value in values]


def width(number):
    """The width of a bin; 0 around 0."""
    distance = abs(number - 256) - 1
    return 0.0 if distance < 0 else 2.0 ** (distance // 8 - 14 - 3)


class Quantiles:
    """The quantiles of the features of one channel, bin by bin."""

    def __init__(self, values, shares):
        self.parts = []  # of occupied bins: share below, share, mean, width
        below = 0.0
        numbers = [bin_of(value) for value in values]
        for number in sorted(set(numbers)):
            pairs = [
                pair
                for pair, n in zip(zip(values, shares, strict=True), numbers, strict=True)
                if n == number
            ]
            share = sum(s for _, s in pairs)
            mean = sum(v * s for v, s in pairs) / share
            self.parts.append((below, share, mean, width(number)))
            below += share

    def at(self, share):
        for below, part, mean, wide in self.parts:
            if share <= below + part + 1e-13:
                return mean + wide * ((share - below) / part - 0.5)
        raise AssertionError(share)

    def mean(self, start, stop, steps=4000):
        """The mean between two shares, by the midpoint rule in each bin, exact where linear."""
        total = 0.0
        for below, part, mean, wide in self.parts:
            a, b = max(start, below), min(stop, below + part)
            if a < b:
                total += (b - a) * (mean + wide * (((a + b) / 2 - below) / part - 0.5))
        return total / (stop - start)


def matched(values, shares, target, target_shares):
    """R of the features of one channel."""
    quantiles, mapped = Quantiles(target, target_shares), {}
    own = Quantiles(values, shares)
    numbers = sorted({bin_of(value) for value in values})
    for number, (below, share, mean, wide) in zip(numbers, own.parts, strict=True):
        low, high = (quantiles.at(below + part * share) for part in (0.25, 0.75))
        slope = 2 * (high - low) / wide if wide else 0.0
        mapped[number] = quantiles.mean(below, below + share), slope, mean
    result = []
    for value in values:
        centre, slope, mean = mapped[bin_of(value)]
        result.append(centre + slope * (value - mean))
    return torch.tensor(result, dtype=torch.float64)


def reference(x, guide, a, target_guide):
    """Value and gradient of 1/(C M) ‖F − R(F)‖², R fixed."""
    (flat, shares), (target, target_shares) = weighted(x, guide), weighted(a, target_guide)
    flat = flat.clone().requires_grad_()
    matches = torch.stack(
        [
            matched(f.tolist(), shares.tolist(), t.tolist(), target_shares.tolist())
            for f, t in zip(flat, target, strict=True)
        ]
    )
    value = Histogram.scale * ((flat - matches) ** 2 * shares).sum() / len(flat)
    value.backward()
    return value.item(), flat.grad.view_as(x)


@pytest.mark.parametrize('is_guided', [False, True])
@pytest.mark.parametrize('is_signed', [False, True])
@pytest.mark.parametrize('layout', [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize('rows', [1, 4])
def test_loss_has_value_and_gradient_of_its_formula(
    is_guided, is_signed, layout, rows, monkeypatch
):
    x, a = rectified((4, 6, 8), 1), rectified((4, 5, 7), 2)
    if is_signed:
        x, a = x - 2.3, a * 1.7 - 1.1
    guides = (guide_map(6, 8, 3), guide_map(5, 7, 4)) if is_guided else (None, None)
    monkeypatch.setattr(module, 'CHUNK_ELEMENTS', 4 * 8 * rows)
    loss = guided(loss_of('histogram', 1.0), guides[1])
    loss.capture(a)
    guided(loss, guides[0])
    want, want_gradient = reference(x, guides[0], a, guides[1])
    value, gradient = value_and_gradient(loss, x.contiguous(memory_format=layout))
    assert float(value) == pytest.approx(want, rel=1e-9)
    torch.testing.assert_close(gradient, want_gradient, rtol=1e-8, atol=1e-11)


def test_loss_is_near_that_of_matching_by_sorting():
    """Equal numbers of features: the k-th smallest is matched with the k-th smallest."""
    x, a = rectified((3, 40, 40), 1) + 0.5, 2 * rectified((3, 40, 40), 2).square() + 0.1
    loss = loss_of('histogram', 1.0)
    loss.capture(a)
    value, gradient = value_and_gradient(loss, x)
    flat, order = x[0].flatten(1), x[0].flatten(1).argsort(1)
    matches = torch.empty_like(flat).scatter_(1, order, a[0].flatten(1).sort(1).values)
    want = Histogram.scale * (flat - matches).square().mean()
    assert float(value) == pytest.approx(float(want), rel=0.02)
    want_gradient = 2 * Histogram.scale * (flat - matches).view_as(x) / x.numel()
    assert (gradient - want_gradient).norm() < 0.05 * want_gradient.norm()


def test_target_in_another_order_has_no_loss():
    a = rectified((4, 6, 8), 2)
    loss = loss_of('histogram')
    loss.capture(a)
    value, gradient = value_and_gradient(loss, a.flip(2, 3))
    assert abs(float(value)) < 1e-20
    assert gradient.abs().max() < 1e-12


def test_features_beyond_the_outermost_bins_are_matched():
    x, a = rectified((2, 4, 4), 1, scale=1e6), rectified((2, 4, 4), 2, scale=1e6)
    loss = loss_of('histogram')
    loss.capture(a)
    value, gradient = value_and_gradient(loss, x)
    assert 0 < value < torch.inf and gradient.isfinite().all()
    assert loss.target.shape == (3, 2, BINS)
