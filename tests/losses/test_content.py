"""Content losses."""

import pytest
import torch
from loss_formulas import captured, features, layer_gradient

from neural_style import ContentLoss
from neural_style.losses.base import Region
from neural_style.losses.content import PaperContentLoss
from neural_style.losses.features import crop


@pytest.mark.parametrize('loss_class', [ContentLoss, PaperContentLoss])
def test_target_is_captured_by_regions(loss_class):
    x, loss, regional = features((4, 6, 7)), loss_class(1.0), loss_class(1.0)
    loss.capture(x)
    for rows in (slice(0, 4), slice(4, 6)):
        region = Region((rows, slice(0, 7)), (6, 7))
        regional.capture_region(crop(x, region.position), region)
    assert torch.equal(regional.target, loss.target)


@pytest.mark.parametrize('loss_class', [ContentLoss, PaperContentLoss])
def test_images_of_a_batch_may_have_targets_of_their_own(loss_class):
    batch, targets = features((4, 5, 7), 1, images=3), features((4, 5, 7), 2, images=3)
    loss, single = loss_class(2.0), loss_class(2.0)
    loss.takes_batches = True
    gradient, total = layer_gradient(captured(loss, targets), batch), 0.0
    for n in range(3):
        captured(single, targets[n : n + 1])
        assert torch.equal(gradient[n : n + 1], layer_gradient(single, batch[n : n + 1]))
        total += float(single.loss)
    assert float(loss.loss) == pytest.approx(total, rel=1e-15)


def test_paper_gradient_is_equation_2():
    f, p = features((4, 4, 5), 1), features((4, 4, 5), 2)
    loss = captured(PaperContentLoss(1.0), p)
    assert torch.equal(loss.gradient(f, loss.statistic(f)), f - p)


@pytest.mark.parametrize('normalize', [False, True])
def test_features_of_a_fully_connected_layer_are_taken(normalize):
    generator = torch.Generator().manual_seed(0)
    x, target = torch.randn(2, 1, 9, dtype=torch.float64, generator=generator)
    loss = captured(ContentLoss(3.0, normalize), target)
    gradient, want = layer_gradient(loss, x), x - target
    want = want / want.abs().sum() * 3 if normalize else want * 2 * 3 / 9
    assert float(loss.loss) == pytest.approx(float(3 * (x - target).square().mean()), rel=1e-14)
    torch.testing.assert_close(gradient, want, rtol=1e-8 if normalize else 1e-14, atol=0)


def test_gradient_in_bfloat16_is_that_of_the_formula():
    x, target = (features((4, 8, 9), seed).bfloat16() for seed in (1, 2))
    loss, gradient = captured(ContentLoss(3.0), target), features((4, 8, 9), 3).bfloat16()
    difference = x.double() - target.double()
    want = gradient.double() + 3 * 2 / x.numel() * difference
    statistic = loss.statistic(x, exact=False)
    assert float(statistic) == pytest.approx(float(difference.square().sum()), rel=2**-8)
    loss.add_gradient(gradient, x, statistic, exact=False)
    torch.testing.assert_close(gradient.double(), want, rtol=2**-8, atol=2**-8 * 6 / x.numel())
