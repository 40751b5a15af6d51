"""Losses as identity layers of any network, driven by their mode."""

import pytest
import torch
from loss_formulas import captured, features, layer_gradient

from neural_style import ContentLoss, StyleLoss, TVLoss, gram_matrix


@pytest.mark.parametrize('loss_class', [ContentLoss, StyleLoss])
def test_layer_passes_features_on_and_adds_to_the_gradient(loss_class):
    x, target = features((4, 5, 7), 1), features((4, 5, 7), 2)
    incoming = features((4, 5, 7), 3)
    loss = captured(loss_class(2.0), target)
    x = x.requires_grad_()
    y = loss(x)
    assert torch.equal(y, x)
    (gradient,) = torch.autograd.grad(y, x, incoming)
    added = layer_gradient(loss, x.detach())
    torch.testing.assert_close(gradient, incoming + added, rtol=1e-13, atol=1e-15)
    assert torch.equal(incoming, features((4, 5, 7), 3)), 'others may hold the incoming gradient'


@pytest.mark.parametrize('loss_class', [ContentLoss, StyleLoss])
def test_layer_without_a_mode_is_the_identity(loss_class):
    x = features((4, 5, 7))
    loss = loss_class(2.0)
    assert loss(x) is x
    assert loss.loss == 0 and not loss.has_target


@pytest.mark.parametrize('loss_class', [ContentLoss, StyleLoss])
def test_layer_without_a_target_is_refused(loss_class):
    loss = loss_class(2.0)
    loss.mode = 'loss'
    with pytest.raises(ValueError, match='a loss without a target'):
        loss(features((4, 5, 7)))


@pytest.mark.parametrize('loss_class', [ContentLoss, StyleLoss, TVLoss])
def test_several_images_are_refused(loss_class):
    with pytest.raises(ValueError, match='of one image, not of 2'):
        loss_class(1.0)(torch.zeros(2, 3, 4, 4))


@pytest.mark.parametrize('loss_class', [ContentLoss, StyleLoss])
def test_layer_takes_a_batch_where_it_is_told_to(loss_class):
    batch = features((4, 5, 7), 1, images=2)
    loss = captured(loss_class(2.0), features((4, 5, 7), 2))
    singles = [layer_gradient(loss, image) for image in batch.split(1)]
    loss.takes_batches = True
    assert torch.equal(layer_gradient(loss, batch), torch.cat(singles))


def test_style_loss_on_a_fully_connected_layer_is_refused():
    loss = StyleLoss(1.0)
    for loss.mode in ('none', 'capture', 'loss'):  # in all of them, as the original
        with pytest.raises(ValueError, match='`style_layers`: a fully connected layer'):
            loss(torch.zeros(1, 8))


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_layer_takes_features_of_half_the_precision(dtype):
    x, target = (features((4, 5, 7), seed).to(dtype) for seed in (1, 2))
    gradient, want = (
        layer_gradient(captured(StyleLoss(1.0), y), z)
        for y, z in ((target, x), (target.float(), x.float()))
    )
    assert gradient.dtype == dtype
    assert (gradient.float() - want).norm() < 1e-2 * want.norm()


@pytest.mark.parametrize(('loss_class', 'size'), [(ContentLoss, 1e25), (StyleLoss, 1e12)])
def test_loss_overflows_without_a_warning(loss_class, size):
    x, target = (features((4, 5, 7), seed).float() for seed in (1, 2))
    loss = captured(loss_class(1.0), target)
    loss(size * x)  # warnings are errors here
    assert loss.loss == torch.inf


def test_style_targets_blend_as_a_weighted_sum_of_gram_matrices():
    a, b = features((4, 5, 7), 1), features((4, 3, 9), 2)
    loss = StyleLoss(1.0)
    loss.mode = 'capture'
    for image, weight in ((a, 0.75), (b, 0.25)):
        loss.blend_weight = weight
        loss(image)
    want = 0.75 * gram_matrix(a) / a.numel() + 0.25 * gram_matrix(b) / b.numel()
    torch.testing.assert_close(loss.target, want, rtol=1e-14, atol=0)
