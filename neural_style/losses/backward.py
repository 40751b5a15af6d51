"""An identity that changes the gradient in the backward pass."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


class _Identity(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, features, change, saved):
        if saved is not None:
            ctx.save_for_backward(saved)
        ctx.change = change
        return features.view_as(features)

    @staticmethod
    def backward(ctx: Any, gradient):  # type: ignore[override]
        return ctx.change(gradient, *ctx.saved_tensors), None, None


def change_in_backward(
    features: Tensor, change: Callable[..., Tensor], saved: Tensor | None = None
) -> Tensor:
    """Return the features as they are; change their gradient in the backward pass.

    change: takes the incoming gradient, and what was saved; returns the outgoing one.
    saved: the features, or a copy, if the backward pass needs them.
    """
    return _Identity.apply(features, change, saved)


class _ZeroGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, features):
        ctx.gradient = torch.zeros_like(features)
        return features.new_zeros(())

    @staticmethod
    def backward(ctx: Any, _):  # type: ignore[override]
        return ctx.gradient


def run_backward(features: Tensor, leaf: Tensor) -> Tensor:
    """Run the backward pass from features to a leaf; returns the leaf's gradient.

    The gradient begins at zero: all of it comes from what change_in_backward adds on the way.
    torch.autograd.grad takes a gradient to begin with as well, but then imports SymPy, which costs
    half a second.
    """
    return torch.autograd.grad(_ZeroGradient.apply(features), leaf)[0]
