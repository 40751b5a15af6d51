"""Torch7's optim.lbfgs, over feval(x) → (loss, gradient)."""

import functools
import logging
import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from neural_style.torch7.compact_history import CompactHistory
from neural_style.torch7.history import TwoLoopHistory, double_dtype, identity

logger = logging.getLogger(__name__)

# Vectors of more elements (an image of 128 x 128) take the compact history: Torch7's order of
# operations, many passes over the memory, would take a fifth of a run's time there.
LONG_VECTOR = 3 << 14
# A step that multiplies the loss by this factor is undone, where steps are limited.
LEAP = 10
EPSILON = 1e-30  # instead of the length of a direction that vanishes

Feval = Callable[[Tensor], tuple[Any, Tensor]]


def lbfgs(
    feval: Feval,
    x: Tensor,
    state: dict[str, Any] | None = None,
    *,
    max_iter: float = 20,
    max_eval: float | None = None,
    tol_fun: float = 1e-5,
    tol_x: float = 1e-9,
    n_correction: int = 100,
    learning_rate: float = 1,
    max_step: float = 0,
    reduce_sum: Callable[[Tensor], Tensor] | None = None,
    history_dtype: torch.dtype | None = None,
    history_device: torch.device | str | None = None,
    verbose: bool = False,
) -> tuple[Tensor, list]:
    """Minimise with limited-memory BFGS and fixed steps, without a line search.

    feval: x → (loss, gradient of x's shape or flat); the loss may be a number or a tensor.
    x: any shape and device, changed in place.
    max_iter, max_eval (1.25 max_iter by default): compared as they are, so they may be fractional
        or negative; x is evaluated once at least.
    n_correction: how many pairs of step and gradient change are kept, 1 or more.
    max_step: the longest step, root mean square over x; until the first pair is kept, a step has
        this length, or Polyak's loss / |g| if that is shorter: a good start is not left.  0 sets no
        limit, as in the original, whose step along a direction of little curvature may throw x far
        away.  With a limit, a step that multiplies the loss by LEAP is undone: the history starts
        anew there, with a quarter of the limit, which then doubles from step to step.  The scale of
        the initial inverse Hessian is averaged then, which saves up to a seventh of the
        evaluations.
    reduce_sum: where x is one shard of several, each with a call of its own: turns a sum over this
        shard into that over all, the same to the last bit for every shard.
    history_dtype, history_device: those of the history of long vectors; x's own by default.
    state: a dict of tensors and numbers, empty before the first call.  It is complete whenever
        feval is called: given it and the x of that call, another call continues from there, to the
        same bits; max_iter and max_eval count from the first call.  Its tensors are in use.
    verbose: log why the minimisation stops.
    Returns x, one step beyond the last evaluation, and the list of this call's losses.
    Source: optim/lbfgs.lua, after minFunc.  A negative tolerance cannot be met, so nothing is
    computed to be compared with it.  Numbers stay on x's device but for two an iteration, and a
    third with max_step.
    """
    if max_eval is None:
        max_eval = max_iter * 1.25

    def log(text: str) -> None:
        if verbose:
            logger.info('<optim.lbfgs> \t%s', text)

    reduce = reduce_sum or identity
    state = {} if state is None else state
    point = x.detach()  # the same memory: x may require a gradient
    loss, g = evaluate_flat(feval, x)
    losses = [loss]
    n_iter, evaluations_before = state.get('n_iter', 0), state.get('evaluations', 0)

    # is the initial point optimal already?
    if not state:
        if tol_fun >= 0 and reduce(_norm(g)) <= tol_fun:
            log('optimality condition below tolFun')
            return x, losses
        log('creating recyclable direction/step/history buffers')

    new_history = functools.partial(
        make_history,
        n_correction=n_correction,
        reduce_sum=reduce_sum,
        dtype=history_dtype,
        device=history_device,
        max_steps=max_iter,
    )
    history = new_history(g, state=state.get('history'))
    d: Any = state.get('d')
    g_old: Any = state.get('g_old')
    t: float = state.get('t', learning_rate)  # length of the step taken last
    loss_old: Any = state.get('loss')
    limit: float = state.get('limit', max_step)
    step_square: float | None = state.get('step_square')

    def stop_reason() -> str | None:
        """Say why to stop after a step, if at all."""
        if n_iter == max_iter:
            return 'reached max number of iterations'
        if evaluations_before + len(losses) >= max_eval:
            return 'max nb of function evals'
        if tol_fun >= 0 and reduce(_norm(g)) <= tol_fun:
            return 'optimality condition below tolFun'
        if tol_x >= 0 and reduce(_norm(d * t)) <= tol_x:
            return 'step size below tolX'
        if tol_x > 0 and abs(loss - loss_old) < tol_x:
            return 'function value changing less than tolX'
        return None

    if n_iter and (text := stop_reason()):
        log(text)
        return x, losses

    while n_iter < max_iter:
        leapt = max_step > 0 and n_iter > 0 and _is_leap(loss, loss_old)
        n_iter += 1
        limit = limit / 4 if leapt else min(2 * limit, max_step)

        # descent direction: inverse Hessian times -g
        if leapt:
            point.add_(d.view(x.shape), alpha=-t)
            loss, g, d = loss_old, g_old, -g_old
            history = new_history(g)
        elif n_iter == 1:
            d = -g
            g_old = g.clone()
        else:
            history.update(g, g_old, d, t, step_square)
            d = history.direction(g, d)
            g_old.copy_(g)
        loss_old = loss

        # no progress is possible along this direction
        if reduce(torch.dot(g, d)) > -tol_x:
            break

        # step length
        t = learning_rate
        if max_step > 0:
            norm = torch.linalg.vector_norm(d).to(double_dtype(d))
            sums = reduce(torch.stack((norm.square(), torch.full_like(norm, d.numel()))))
            squares, count = sums.tolist()
            longest = limit * math.sqrt(count) / max(math.sqrt(squares), EPSILON)
            t = min(t, longest) if history.has_pairs else min(_polyak(loss, squares), longest)
            step_square = t * t * squares
        elif n_iter == 1:
            t *= min(1.0, (1 / reduce(_norm(g))).item())
        point.add_(d.view(x.shape), alpha=t)
        if n_iter != max_iter:  # the point after the last step is not evaluated
            state.update(n_iter=n_iter, d=d, g_old=g_old, t=t, loss=loss, history=history.state())
            if max_step > 0:
                state.update(limit=limit, step_square=step_square)
            state['evaluations'] = evaluations_before + len(losses)
            loss, g = evaluate_flat(feval, x)
            losses.append(loss)

        # conditions to stop
        if text := stop_reason():
            log(text)
            break
    return x, losses


def make_history(
    like: Tensor,
    n_correction: int,
    state: Mapping[str, Any] | None = None,
    *,
    reduce_sum: Callable[[Tensor], Tensor] | None = None,
    dtype: torch.dtype | None = None,
    device: torch.device | str | None = None,
    max_steps: float = math.inf,
) -> TwoLoopHistory | CompactHistory:
    """Make the history of vectors like one; the arguments are those of CompactHistory."""
    if like.numel() <= LONG_VECTOR and reduce_sum is None:
        return TwoLoopHistory(like, n_correction, state)
    return CompactHistory(
        like,
        n_correction,
        state,
        reduce_sum=reduce_sum,
        dtype=dtype,
        device=device,
        max_steps=max_steps,
    )


def evaluate_flat(feval: Feval, x: Tensor) -> tuple[Any, Tensor]:
    """Return the loss, and the gradient as a vector."""
    loss, gradient = feval(x)
    return loss, gradient.detach().reshape(-1)


def _is_leap(loss: Any, loss_old: Any) -> bool:
    """Tell whether a step has thrown the loss up; NaN counts."""
    return float(loss_old) > 0 and not float(loss) <= LEAP * float(loss_old)


def _polyak(loss: Any, squares: float) -> float:
    """Return how far to go along minus the gradient g to a loss of 0, if it fell evenly.

    squares: g · g.  For a square of the distance, of a loss that is positive, it is half the way.
    """
    return float(loss) / max(squares, EPSILON) if float(loss) > 0 else math.inf


def _norm(a: Tensor) -> Tensor:
    """Sum the absolute values in double, as TH does."""
    return a.abs().sum(dtype=double_dtype(a))
