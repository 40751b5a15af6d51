"""The losses' written formulas, and what the tests of losses share."""

import torch


def features(shape, seed=0, images=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(images, *shape, dtype=torch.float64, generator=generator)


def layer_gradient(loss, x):
    """The gradient that a loss layer adds to a gradient of zero."""
    x = x.clone().requires_grad_()
    y = loss(x)
    (gradient,) = torch.autograd.grad(y, x, torch.zeros_like(y))
    return gradient


def captured(loss, target):
    """A loss layer with a target, ready to take losses."""
    loss.mode = 'capture'
    loss(target)
    loss.mode = 'loss'
    return loss


def content_formula(x, target, strength):
    return strength * ((x - target) ** 2).mean()


def style_formula(x, target, strength):
    def gram(f):
        flat = f.reshape(f.shape[1], -1)
        return flat @ flat.t() / f.numel()

    return strength * ((gram(x) - gram(target)) ** 2).mean()


def autograd(formula, x, *args):
    """A formula's value and gradient."""
    x = x.clone().requires_grad_()
    value = formula(x, *args)
    value.backward()
    return value.detach(), x.grad
