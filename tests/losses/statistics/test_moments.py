"""Mean and standard deviation, and covariance, against their formulas in float64."""

import pytest
import torch
from statistics_samples import guide_map, guided, loss_of, rectified, value_and_gradient, weighted

from neural_style.losses import features as features_module
from neural_style.losses.statistics.moments import Covariance, MeanStd


def mean_std_formula(f, shares, a, target_shares):
    mean, target_mean = (f * shares).sum(1), (a * target_shares).sum(1)
    variance = ((f - mean[:, None]) ** 2 * shares).sum(1)
    target_variance = ((a - target_mean[:, None]) ** 2 * target_shares).sum(1)
    difference = (variance + 1e-5).sqrt() - (target_variance + 1e-5).sqrt()
    return MeanStd.scale * ((mean - target_mean) ** 2 + difference**2).sum() / len(f)


def covariance_formula(f, shares, a, target_shares):
    covariances = []
    for x, weights in ((f, shares), (a, target_shares)):
        centred = x - (x * weights).sum(1, keepdim=True)
        covariances.append(torch.einsum('ik,jk,k->ij', centred, centred, weights) / len(x))
    return Covariance.scale * ((covariances[0] - covariances[1]) ** 2).mean()


FORMULAS = [('mean_std', mean_std_formula), ('covariance', covariance_formula)]


@pytest.mark.parametrize(('choice', 'formula'), FORMULAS)
@pytest.mark.parametrize('is_guided', [False, True])
@pytest.mark.parametrize('rows', [None, 1, 4])
@pytest.mark.parametrize('layout', [torch.contiguous_format, torch.channels_last])
def test_loss_has_value_and_gradient_of_its_formula(
    choice, formula, is_guided, rows, layout, monkeypatch
):
    """rows: of a chunk; None: all, in Torch7's order."""
    x, a = rectified((4, 6, 8), 1), rectified((4, 5, 5), 2)
    guides = (guide_map(6, 8, 3), guide_map(5, 5, 4)) if is_guided else (None, None)
    monkeypatch.setattr(features_module, 'CHUNK_ELEMENTS', 4 * 8 * (rows or 6))
    loss = guided(loss_of(choice), guides[1])
    loss.capture(a)
    guided(loss, guides[0])
    x = x.contiguous(memory_format=layout).requires_grad_()
    want = 2.5 * formula(*weighted(x, guides[0]), *weighted(a, guides[1]))
    want.backward()
    value, gradient = value_and_gradient(loss, x.detach(), exact=rows is None)
    assert float(value) == pytest.approx(want.item(), rel=1e-12)
    torch.testing.assert_close(gradient, x.grad, rtol=1e-10, atol=1e-14)


def test_covariance_is_free_of_the_mean():
    x, a = rectified((4, 6, 8), 1), rectified((4, 5, 5), 2)
    loss = loss_of('covariance')
    loss.capture(a)
    values = [value_and_gradient(loss, x + shift)[0] for shift in (0, 7)]
    assert float(values[0]) == pytest.approx(float(values[1]), rel=1e-10)


def test_dead_channels_have_a_finite_gradient():
    x, a = rectified((4, 6, 8), 1), rectified((4, 5, 5), 2)
    x[:, 1] = 0
    a[:, 2] = 0
    for choice in ('mean_std', 'covariance', 'wasserstein', 'histogram'):
        loss = loss_of(choice)
        loss.capture(a)
        value, gradient = value_and_gradient(loss, x)
        assert value.isfinite() and gradient.isfinite().all()
