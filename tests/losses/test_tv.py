"""Total variation, against autograd and the recordings."""

import numpy as np
import pytest
import torch
from loss_formulas import autograd, features, layer_gradient

from neural_style import TVLoss
from neural_style.losses import features as features_module


@pytest.mark.parametrize('images', [1, 2])
@pytest.mark.parametrize('size', [(2, 2), (5, 7), (9, 4)])
def test_gradient_is_that_of_the_squared_differences_of_the_interior(size, images):
    x = features((3, *size), images=images)

    def formula(x):
        inner = x[..., :-1, :-1]
        right, lower = x[..., :-1, 1:], x[..., 1:, :-1]
        return 0.5 * 0.3 * ((inner - right) ** 2 + (inner - lower) ** 2).sum()

    _, want = autograd(formula, x)
    gradient = torch.zeros_like(x)
    TVLoss(0.3).add_gradient(gradient, x)
    torch.testing.assert_close(gradient, want, rtol=1e-12, atol=1e-14)


def test_layer_adds_the_gradient_and_has_no_value():
    x, loss = features((3, 5, 7)), TVLoss(0.3)
    want = torch.zeros_like(x)
    loss.add_gradient(want, x)
    assert torch.equal(layer_gradient(loss, x), want)
    assert loss.loss is None


def test_gradient_is_scaled():
    x, scaled, plain = features((3, 5, 7)), torch.zeros(1, 3, 5, 7), torch.zeros(1, 3, 5, 7)
    TVLoss(0.3).add_gradient(scaled, x.float(), scale=1024.0)
    TVLoss(0.3).add_gradient(plain, x.float())
    assert torch.equal(scaled, 1024 * plain)


@pytest.mark.parametrize('rows', [1, 2, 100])
@pytest.mark.parametrize('size', ['5x7', '2x2', '9x4'])
def test_tv_matches_torch7(golden, size, rows, monkeypatch):
    """rows: of a chunk."""
    modules = np.load(golden / 'unit' / 'modules.npz')
    chunk = rows * 3 * int(size.split('x')[1])
    monkeypatch.setattr(features_module, 'CHUNK_ELEMENTS', chunk)

    def recorded(key):
        return torch.from_numpy(modules[f'tv_{size}__{key}'])

    x, incoming = recorded('input'), recorded('gradOutput')
    unit = TVLoss(1.0).gradient(x)
    strength = float((recorded('gradInput') - incoming).norm() / unit.norm())
    loss = TVLoss(float(f'{strength:.3g}'))
    x = x.requires_grad_()
    (gradient,) = torch.autograd.grad(loss(x), x, incoming)
    assert torch.equal(gradient, recorded('gradInput'))
