"""Style losses with a guide: how much each position counts."""

import pytest
import torch
from samples import noise

from neural_style.losses import losses
from neural_style.losses.losses import PaperStyleLoss, StyleLoss, gram_matrix


@pytest.mark.parametrize('kind', [StyleLoss, PaperStyleLoss])
@pytest.mark.parametrize('rows', [None, 1, 4])
@pytest.mark.parametrize('layout', [torch.contiguous_format, torch.channels_last])
def test_guided_style_loss_has_the_gradient_of_its_formula(kind, rows, layout, monkeypatch):
    """rows: at a time; None: all of a small image."""
    x, a = noise(1, 4, 6, 8, seed=1), noise(1, 4, 5, 5, seed=2)
    guide, other = noise(1, 6, 8, seed=3), noise(1, 5, 5, seed=4)
    x = x.contiguous(memory_format=layout)
    loss = kind(2.5)
    loss.exact = rows is None
    monkeypatch.setattr(losses, 'RUN', 4 * 8 * (rows or 6))
    loss.mode, loss.guide = 'capture', other
    loss(a)
    loss.mode, loss.guide = 'loss', guide

    def gram(f, t):
        flat = (f * t)[0].flatten(1)
        return flat @ flat.t() / (t**2).sum()

    x.requires_grad_()
    difference = gram(x, guide) - gram(a, other)
    scale = {StyleLoss: 1 / 4**2 / 4**2, PaperStyleLoss: 1 / (4 * 4**2)}[kind]
    want = 2.5 * scale * (difference**2).sum()
    want.backward()
    y = loss(x)
    (gradient,) = torch.autograd.grad(y, x, torch.zeros_like(y))
    assert float(loss.loss) == pytest.approx(want.item(), rel=1e-12)
    torch.testing.assert_close(gradient, x.grad, rtol=1e-11, atol=1e-15)


def test_a_guide_of_ones_changes_nothing():
    x = noise(1, 4, 6, 8)
    loss = StyleLoss(1.0)
    plain = loss._normalized(x, loss.statistic(x))
    loss.guide = torch.ones(1, 12, 16)
    torch.testing.assert_close(loss._normalized(x, loss.statistic(x)), plain)
    torch.testing.assert_close(plain, gram_matrix(x) / x.numel())
