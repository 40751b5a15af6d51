"""What passes do at losses of whole layers."""

import torch
from loss_formulas import captured, features, layer_gradient

from neural_style import ContentLoss, StyleLoss
from neural_style.losses.passes import SKIP, Capture, Evaluate


def test_capture_makes_features_the_target_of_its_losses_alone():
    x, losses = features((4, 5, 7)), [ContentLoss(1.0), StyleLoss(1.0)]
    capture = Capture(losses[:1], exact=True)
    for loss in losses:
        assert capture.visit(loss, x) is x
        assert not capture.needs_backward(loss)
    assert [loss.has_target for loss in losses] == [True, False]


def test_evaluation_leaves_losses_without_a_target_alone():
    x, loss = features((4, 5, 7)).requires_grad_(), ContentLoss(1.0)
    assert Evaluate().visit(loss, x) is x
    assert not Evaluate().needs_backward(loss)
    assert SKIP.visit(captured(loss, x), x) is x


def test_evaluation_needs_no_backward_pass_without_gradients():
    loss = captured(ContentLoss(1.0), features((4, 5, 7)))
    assert Evaluate().needs_backward(loss)
    with torch.no_grad():
        assert not Evaluate().needs_backward(loss)


def test_evaluation_scales_gradients_but_not_values():
    x, loss = features((4, 5, 7), 1), captured(StyleLoss(2.0), features((4, 5, 7), 2))
    want = layer_gradient(loss, x)
    value = loss.loss
    x.requires_grad_()
    y = Evaluate(scale=1024.0).visit(loss, x)
    (gradient,) = torch.autograd.grad(y, x, torch.zeros_like(y))
    torch.testing.assert_close(gradient, 1024 * want, rtol=1e-14, atol=0)
    assert torch.equal(loss.loss, value)


def test_backward_pass_of_the_relu_before_may_be_included():
    x, loss = features((4, 5, 7), 1), captured(ContentLoss(2.0), features((4, 5, 7), 2))
    rectified = x.clamp(min=0).requires_grad_()
    y = Evaluate().visit(loss, rectified, applies_relu_backward=True)
    (gradient,) = torch.autograd.grad(y, rectified, torch.ones_like(y))
    y = loss(rectified)
    (want,) = torch.autograd.grad(y, rectified, torch.ones_like(y))
    assert torch.equal(gradient, want * (x > 0))


def test_gradients_that_nothing_else_holds_are_overwritten():
    x, loss = features((4, 5, 7), 1), captured(ContentLoss(2.0), features((4, 5, 7), 2))
    for owns_gradient in (False, True):
        incoming = features((4, 5, 7), 3)
        leaf = x.clone().requires_grad_()
        y = Evaluate(owns_gradient=owns_gradient).visit(loss, leaf)
        (gradient,) = torch.autograd.grad(y, leaf, incoming)
        assert torch.equal(gradient, incoming) == owns_gradient
