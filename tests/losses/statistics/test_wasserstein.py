"""The 2-Wasserstein distance of normal distributions, against its formula in float64."""

import pytest
import scipy.linalg
import torch
from statistics_samples import guide_map, guided, loss_of, rectified, value_and_gradient, weighted

from neural_style.losses.statistics.wasserstein import RIDGE, Wasserstein


def moments(f, shares, ridge):
    mean = (f * shares).sum(1)
    centred = f - mean[:, None]
    covariance = torch.einsum('ik,jk,k->ij', centred, centred, shares)
    return mean, covariance + ridge * torch.eye(len(f), dtype=f.dtype)


def root(matrix):
    """The root of a symmetric matrix, with autograd's derivative, whatever the eigenvalues."""
    values, vectors = torch.linalg.eigh(matrix)
    return (vectors * values.clamp(min=0).sqrt()) @ vectors.t()


def ridge_of(a, shares):
    return RIDGE * moments(a, shares, 0)[1].diagonal().mean()


def formula(f, shares, a, target_shares):
    ridge = ridge_of(a, target_shares)
    mean, covariance = moments(f, shares, ridge)
    target_mean, target_covariance = moments(a, target_shares, ridge)
    half = root(target_covariance)
    cross = root(half @ covariance @ half)
    distance = ((mean - target_mean) ** 2).sum()
    distance = distance + (covariance + target_covariance - 2 * cross).trace()
    return Wasserstein.scale * distance / len(f)


@pytest.mark.parametrize('is_guided', [False, True])
@pytest.mark.parametrize('exact', [False, True])
def test_loss_has_value_and_gradient_of_its_formula(is_guided, exact):
    x, a = rectified((4, 6, 8), 1), rectified((4, 5, 5), 2)
    guides = (guide_map(6, 8, 3), guide_map(5, 5, 4)) if is_guided else (None, None)
    loss = guided(loss_of('wasserstein'), guides[1])
    loss.capture(a)
    guided(loss, guides[0])
    x.requires_grad_()
    want = 2.5 * formula(*weighted(x, guides[0]), *weighted(a, guides[1]))
    want.backward()
    value, gradient = value_and_gradient(loss, x.detach(), exact)
    assert float(value) == pytest.approx(want.item(), rel=1e-10)
    torch.testing.assert_close(gradient, x.grad, rtol=1e-9, atol=1e-13)


def test_value_is_that_of_the_matrix_square_root_of_scipy():
    x, a = weighted(rectified((4, 6, 8), 1), None), weighted(rectified((4, 5, 5), 2), None)
    ridge = ridge_of(*a)
    (mean, covariance), (target_mean, target) = moments(*x, ridge), moments(*a, ridge)
    half = scipy.linalg.sqrtm(target.numpy())
    cross = scipy.linalg.sqrtm(half @ covariance.numpy() @ half)
    want = ((mean - target_mean) ** 2).sum() + (covariance + target).trace() - 2 * cross.trace()
    assert float(formula(*x, *a)) == pytest.approx(float(want) * Wasserstein.scale / 4, rel=1e-10)


def directional_derivative(loss, x, direction, step=1e-5):
    above, below = (value_and_gradient(loss, x + s * direction)[0] for s in (step, -step))
    return float(above - below) / (2 * step)


@pytest.mark.parametrize('dead', [(), (1, 2)])
def test_gradient_holds_where_channels_exceed_positions(dead):
    """Covariances of rank 3 at most, of 8 channels; and channels without any variance."""
    x, a = rectified((8, 2, 2), 1), rectified((8, 2, 2), 2)
    x[:, list(dead)] = 0
    loss = loss_of('wasserstein')
    loss.capture(a)
    gradient = value_and_gradient(loss, x)[1]
    direction = rectified((8, 2, 2), 3) - 1
    want = directional_derivative(loss, x, direction)
    assert float((gradient * direction).sum()) == pytest.approx(want, rel=1e-6)


def test_equal_eigenvalues_do_no_harm():
    """Channels that never fire together, all of one variance."""
    x = torch.eye(4, dtype=torch.float64).view(1, 4, 2, 2) * 3
    loss = loss_of('wasserstein')
    loss.capture(2 * x)
    value, gradient = value_and_gradient(loss, x)
    direction = rectified((4, 2, 2), 3)
    want = directional_derivative(loss, x, direction)
    assert value > 0
    assert float((gradient * direction).sum()) == pytest.approx(want, rel=1e-6)


def test_target_itself_has_no_loss_and_no_gradient():
    x = rectified((8, 2, 2), 1)
    loss = loss_of('wasserstein')
    loss.capture(x)
    value, gradient = value_and_gradient(loss, x)
    assert abs(float(value)) < 1e-12 * float(x.square().mean())
    assert gradient.abs().max() < 1e-9


def test_image_without_variance_has_a_finite_loss():
    for x, a in (
        (torch.zeros(1, 3, 4, 4), torch.ones(1, 3, 4, 4)),
        (torch.rand(1, 3, 4, 4), torch.zeros(1, 3, 4, 4)),
    ):
        loss = loss_of('wasserstein')
        loss.capture(a)
        value, gradient = value_and_gradient(loss, x)
        assert value.isfinite() and gradient.isfinite().all()


def test_covariance_that_rounding_makes_indefinite_has_a_finite_loss():
    statistic = Wasserstein()
    mean, target = torch.zeros(3, dtype=torch.float64), torch.eye(3, dtype=torch.float64)
    covariance = torch.diag(torch.tensor([1e6, 1.0, -0.1], dtype=torch.float64))
    value, _, by_covariance = statistic.distance(mean, covariance, mean, target)
    want = (1e3 - 1) ** 2 + (1 + RIDGE - 2 * RIDGE**0.5 * (1 + RIDGE) ** 0.5) + RIDGE
    assert float(value) == pytest.approx(Wasserstein.scale * want / 3, rel=1e-4)
    assert by_covariance.isfinite().all()
