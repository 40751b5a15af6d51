"""What happens at the losses while features go through a network.

A pass visits every loss that the features reach.  It captures targets, or takes values and has
the gradients added in the backward pass; the losses themselves know nothing of it.
"""

from collections.abc import Collection

import torch
from torch import Tensor

from neural_style.kernels.relu import relu_backward_
from neural_style.losses.backward import change_in_backward
from neural_style.losses.base import FeatureLoss


class LossPass:
    """Leaves every loss alone."""

    def needs_backward(self, loss: FeatureLoss) -> bool:
        """Tell whether a visit leaves something to do in the backward pass."""
        return False

    def visit(
        self, loss: FeatureLoss, features: Tensor, applies_relu_backward: bool = False
    ) -> Tensor:
        """Do what has to be done at a loss, and return its features.

        applies_relu_backward: the backward pass includes that of the ReLU just before the loss.
        """
        return features


SKIP = LossPass()


class Capture(LossPass):
    """Captures the features of whole layers as targets of some losses.

    exact: whether products are summed in Torch7's order.
    """

    def __init__(self, losses: Collection[FeatureLoss], exact: bool):
        self.losses = losses
        self.exact = exact

    def visit(
        self, loss: FeatureLoss, features: Tensor, applies_relu_backward: bool = False
    ) -> Tensor:
        if loss in self.losses:
            loss.capture(features.detach(), self.exact)
        return features


class Evaluate(LossPass):
    """Takes the values of losses of whole layers, and adds their gradients in the backward pass.

    Losses without a target are left alone.
    exact: whether products are summed in Torch7's order.
    scale: what the gradients are multiplied by, for float16.
    owns_gradient: nothing else holds the gradient of the backward pass: it may be overwritten.
    """

    def __init__(self, exact: bool = True, scale: float = 1.0, owns_gradient: bool = False):
        self.exact = exact
        self.scale = scale
        self.owns_gradient = owns_gradient

    def needs_backward(self, loss: FeatureLoss) -> bool:
        return torch.is_grad_enabled() and loss.has_target

    def visit(
        self, loss: FeatureLoss, features: Tensor, applies_relu_backward: bool = False
    ) -> Tensor:
        if not loss.has_target:
            return features
        saved = features.detach()
        statistic = loss.statistic(saved, exact=self.exact)
        loss.set_value(statistic, saved.shape)

        def add(gradient: Tensor, features: Tensor) -> Tensor:
            if not self.owns_gradient:
                gradient = gradient.clone()
            loss.add_gradient(gradient, features, statistic, exact=self.exact, scale=self.scale)
            return relu_backward_(gradient, features) if applies_relu_backward else gradient

        return change_in_backward(features, add, saved)
