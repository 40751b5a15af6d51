"""Torch7's optimisers over feval(x) -> (loss, gradient): optim.lbfgs and optim.adam."""

import logging
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

logger = logging.getLogger(__name__)

Feval = Callable[[Tensor], tuple[Any, Tensor]]


def lbfgs(
    feval: Feval,
    x: Tensor,
    *,
    max_iter: float = 20,
    max_eval: float | None = None,
    tol_fun: float = 1e-5,
    tol_x: float = 1e-9,
    n_correction: int = 100,
    learning_rate: float = 1,
    verbose: bool = False,
) -> tuple[Tensor, list]:
    """Minimise with limited-memory BFGS and fixed steps, without a line search.

    feval: x -> (loss, gradient of x's shape or flat); the loss may be a number or a tensor.
    x: any shape and device, changed in place. max_iter, max_eval (1.25 max_iter by default):
    compared as they are, so they may be fractional or negative; x is evaluated once at least.
    n_correction: pairs of step and gradient change kept, 1 or more.
    Returns x, one step beyond the last evaluation, and the list of losses.
    Source: optim/lbfgs.lua, after minFunc. A negative tolerance cannot be met, so what it
    would be compared with is not computed; numbers stay on x's device but for two an iteration.
    """
    if max_eval is None:
        max_eval = max_iter * 1.25

    def tell(text):
        if verbose:
            logger.info('<optim.lbfgs> \t%s', text)

    point = x.detach()  # the same memory: x may require a gradient
    loss, g = _evaluate(feval, x)
    losses = [loss]

    # is the initial point optimal already?
    if tol_fun >= 0 and _norm(g) <= tol_fun:
        tell('optimality condition below tolFun')
        return x, losses

    tell('creating recyclable direction/step/history buffers')
    steps: list[Tensor] = []  # s = x - previous x, oldest first
    changes: list[Tensor] = []  # y = g - previous g
    ro: list[Tensor] = []  # 1 / (y . s), a double like every Lua number
    spare: list[tuple[Tensor, Tensor]] = []  # memory of pairs given up

    t: float = learning_rate  # length of the step taken last
    n_iter = 0
    while n_iter < max_iter:
        n_iter += 1

        # descent direction
        if n_iter == 1:
            d = -g
            h_diag = torch.ones((), dtype=_precise(g), device=g.device)
            g_old = g.clone()
            q = torch.empty_like(g)
        else:
            y, s = spare.pop() if spare else (torch.empty_like(g), torch.empty_like(g))
            torch.sub(g, g_old, out=y)
            torch.mul(d, t, out=s)
            ys = torch.dot(y, s).to(_precise(g))
            if ys > 1e-10:
                if len(steps) == n_correction:
                    spare.append((changes.pop(0), steps.pop(0)))
                    del ro[0]
                steps.append(s)
                changes.append(y)
                ro.append(1 / ys)
                h_diag = ys / torch.dot(y, y)  # scale of the initial inverse Hessian
            else:
                spare.append((y, s))

            # inverse Hessian times -g, in two loops over the history
            torch.neg(g, out=q)
            al = []
            for s, y, r in zip(reversed(steps), reversed(changes), reversed(ro), strict=True):
                al.append(torch.dot(s, q) * r)
                q.addcmul_(al[-1].to(q.dtype), y, value=-1)
            torch.mul(q, h_diag, out=d)
            for s, y, r in zip(steps, changes, ro, strict=True):
                be = torch.dot(y, d) * r
                d.addcmul_((al.pop() - be).to(d.dtype), s)
            g_old.copy_(g)
        loss_old = loss

        # no progress is possible along this direction
        if torch.dot(g, d) > -tol_x:
            break

        # step length
        t = learning_rate
        if n_iter == 1:
            t *= min(1.0, (1 / _norm(g)).item())
        point.add_(d.view(x.shape), alpha=t)
        if n_iter != max_iter:  # the point after the last step is not evaluated
            loss, g = _evaluate(feval, x)
            losses.append(loss)

        # conditions to stop
        if n_iter == max_iter:
            tell('reached max number of iterations')
            break
        if len(losses) >= max_eval:
            tell('max nb of function evals')
            break
        if tol_fun >= 0 and _norm(g) <= tol_fun:
            tell('optimality condition below tolFun')
            break
        if tol_x >= 0 and _norm(d * t) <= tol_x:
            tell('step size below tolX')
            break
        if tol_x > 0 and abs(loss - loss_old) < tol_x:
            tell('function value changing less than tolX')
            break
    return x, losses


def adam(
    feval: Feval,
    x: Tensor,
    state: dict[str, Any],
    *,
    learning_rate: float = 1e-3,
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-8,
) -> tuple[Tensor, Any]:
    """Take one step of Adam (Kingma and Ba 2015).

    feval: as for lbfgs. x: any shape and device, changed in place. state: a dict, empty before
    the first step, which keeps the step count t, the averages m and v, and a buffer.
    Returns x and the loss before the step. Source: optim/adam.lua.
    """
    loss, g = _evaluate(feval, x)
    if not state:
        state.update(t=0, m=torch.zeros_like(g), v=torch.zeros_like(g), denom=torch.empty_like(g))
    state['t'] += 1
    t, m, v, denom = state['t'], state['m'], state['v'], state['denom']

    m.mul_(beta1).add_(g, alpha=1 - beta1)
    # each product rounded by itself, as there: addcmul_ would fuse the last one with the sum
    torch.mul(g, 1 - beta2, out=denom)
    v.mul_(beta2).add_(denom.mul_(g))
    _sqrt(v, out=denom)
    denom.add_(epsilon)

    bias_correction1 = 1 - beta1**t
    bias_correction2 = 1 - beta2**t
    step_size = learning_rate * math.sqrt(bias_correction2) / bias_correction1
    x.detach().addcdiv_(m.view(x.shape), denom.view(x.shape), value=-step_size)
    return x, loss


def _evaluate(feval, x):
    """The loss and the gradient as a vector."""
    loss, gradient = feval(x)
    return loss, gradient.detach().reshape(-1)


def _norm(a):
    """The sum of absolute values, in double, as TH sums."""
    return a.abs().sum(dtype=_precise(a))


def _precise(a):
    """Lua's numbers are doubles; mps has none."""
    return torch.float32 if a.device.type == 'mps' else torch.float64


def _sqrt(v, out):
    """The square root, correctly rounded; torch.sqrt on a CPU is off in the last bit at times."""
    if v.is_cpu:
        np.sqrt(v.numpy(), out=out.numpy())
    else:
        torch.sqrt(v, out=out)
