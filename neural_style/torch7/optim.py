"""Torch7's optimisers over feval(x) -> (loss, gradient): optim.lbfgs and optim.adam."""

import logging
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from neural_style.torch7 import blas

logger = logging.getLogger(__name__)

# Vectors of more elements (a picture of 128 x 128) take the history as a matrix: there Torch7's
# order of operations, many passes over the memory, would take a fifth of a run's time.
LONG = 3 << 14
BLOCK = 10  # pairs that memory is taken for at a time
# Elements of a vector at a time, where it is worked on in pieces: they stay in a core's cache.
PIECE = 1 << 18
CURVATURE = 1e-10  # the least y . s of a pair that is kept
TINY = 1e-30  # instead of the length of a direction that vanishes

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
    total: Callable[[Tensor], Tensor] | None = None,
    history_dtype: torch.dtype | None = None,
    history_device: torch.device | str | None = None,
    verbose: bool = False,
) -> tuple[Tensor, list]:
    """Minimise with limited-memory BFGS and fixed steps, without a line search.

    feval: x -> (loss, gradient of x's shape or flat); the loss may be a number or a tensor.
    x: any shape and device, changed in place. max_iter, max_eval (1.25 max_iter by default):
    compared as they are, so they may be fractional or negative; x is evaluated once at least.
    n_correction: pairs of step and gradient change kept, 1 or more.
    max_step: the longest step, root mean square over x; until the first pair is kept, the length of
    every step.  0: no limit, as in the original, whose step along a direction of little
    curvature may throw x far away.
    total: where x is one part of several, each with a call of its own: turns a sum over one part
    into that over all, the same to the last bit for every part.
    history_dtype, history_device: what long vectors of the history are kept in, and where; x's own
    by default.
    state: a dict, empty before the first call, of tensors and numbers.  It is whole whenever feval
    is called: with it and the x of that call, another call goes on from there, to the same bits,
    and max_iter and max_eval count from the first call on.  Its tensors are in use.
    Returns x, one step beyond the last evaluation, and the list of this call's losses.
    Source: optim/lbfgs.lua, after minFunc. A negative tolerance cannot be met, so what it
    would be compared with is not computed; numbers stay on x's device but for two an iteration,
    and a third with max_step.
    """
    if max_eval is None:
        max_eval = max_iter * 1.25

    def tell(text):
        if verbose:
            logger.info('<optim.lbfgs> \t%s', text)

    whole = total or _itself
    state = {} if state is None else state
    point = x.detach()  # the same memory: x may require a gradient
    loss, g = _evaluate(feval, x)
    losses = [loss]
    n_iter, before = state.get('n_iter', 0), state.get('evaluations', 0)

    # is the initial point optimal already?
    if not state:
        if tol_fun >= 0 and whole(_norm(g)) <= tol_fun:
            tell('optimality condition below tolFun')
            return x, losses
        tell('creating recyclable direction/step/history buffers')

    history: Any
    if g.numel() <= LONG and total is None:
        history = _History(g, n_correction, state.get('history'))
    else:
        history = _HistoryBlocks(
            g, n_correction, state.get('history'), whole, history_dtype, history_device, max_iter
        )
    d: Any = state.get('d')
    g_old: Any = state.get('g_old')
    t: float = state.get('t', learning_rate)  # length of the step taken last
    loss_old: Any = state.get('loss')

    def reason():
        """Why to stop after a step, if so."""
        if n_iter == max_iter:
            return 'reached max number of iterations'
        if before + len(losses) >= max_eval:
            return 'max nb of function evals'
        if tol_fun >= 0 and whole(_norm(g)) <= tol_fun:
            return 'optimality condition below tolFun'
        if tol_x >= 0 and whole(_norm(d * t)) <= tol_x:
            return 'step size below tolX'
        if tol_x > 0 and abs(loss - loss_old) < tol_x:
            return 'function value changing less than tolX'
        return None

    if n_iter and (text := reason()):
        tell(text)
        return x, losses

    while n_iter < max_iter:
        n_iter += 1

        # descent direction: inverse Hessian times -g
        if n_iter == 1:
            d = -g
            g_old = g.clone()
        else:
            history.update(g, g_old, d, t)
            d = history.direction(g, d)
            g_old.copy_(g)
        loss_old = loss

        # no progress is possible along this direction
        if whole(torch.dot(g, d)) > -tol_x:
            break

        # step length
        t = learning_rate
        if max_step > 0:
            norm = torch.linalg.vector_norm(d).to(_precise(d))
            sums = whole(torch.stack((norm.square(), torch.full_like(norm, d.numel()))))
            squares, count = sums.tolist()
            longest = max_step * math.sqrt(count) / max(math.sqrt(squares), TINY)
            t = min(t, longest) if history.begun else longest
        elif n_iter == 1:
            t *= min(1.0, (1 / whole(_norm(g))).item())
        point.add_(d.view(x.shape), alpha=t)
        if n_iter != max_iter:  # the point after the last step is not evaluated
            state.update(n_iter=n_iter, d=d, g_old=g_old, t=t, loss=loss, history=history.state())
            state['evaluations'] = before + len(losses)
            loss, g = _evaluate(feval, x)
            losses.append(loss)

        # conditions to stop
        if text := reason():
            tell(text)
            break
    return x, losses


def _itself(found: Tensor) -> Tensor:
    return found


class _History:
    """Steps s and gradient changes y, and the inverse Hessian in two loops over them.

    Every operation in Torch7's order: for vectors short enough to afford it.
    """

    def __init__(self, like: Tensor, n_correction: int, state: Mapping[str, Any] | None = None):
        self.n_correction = n_correction
        self.steps: list[Tensor] = []  # s = x - previous x, oldest first
        self.changes: list[Tensor] = []  # y = g - previous g
        self.ro: list[Tensor] = []  # 1 / (y . s), a double like every Lua number
        self.spare: list[tuple[Tensor, Tensor]] = []  # memory of pairs given up
        self.q = torch.empty_like(like)
        self.h_diag = torch.ones((), dtype=_precise(like), device=like.device)
        if state is not None:
            self.steps, self.changes = list(state['steps']), list(state['changes'])
            self.ro, self.h_diag = list(state['ro']), state['h_diag']

    def state(self) -> dict[str, Any]:
        """What a history needs to go on: the tensors themselves."""
        return {
            'steps': list(self.steps),
            'changes': list(self.changes),
            'ro': list(self.ro),
            'h_diag': self.h_diag,
        }

    @property
    def begun(self) -> bool:
        """Whether a pair was kept."""
        return bool(self.steps)

    def update(self, g, g_old, d, t):
        """Keep the step t d and what it did to the gradient, if y . s says that it curves up."""
        spare = self.spare
        y, s = spare.pop() if spare else (torch.empty_like(g), torch.empty_like(g))
        torch.sub(g, g_old, out=y)
        torch.mul(d, t, out=s)
        ys = _dot(y, s)
        if not ys > CURVATURE:  # NaN is not
            spare.append((y, s))
            return
        if len(self.steps) == self.n_correction:
            spare.append((self.changes.pop(0), self.steps.pop(0)))
            del self.ro[0]
        self.steps.append(s)
        self.changes.append(y)
        self.ro.append(1 / ys)
        self.h_diag = ys / _dot(y, y)  # scale of the initial inverse Hessian

    def direction(self, g, d):
        """Inverse Hessian times -g, written over d."""
        q, al = torch.neg(g, out=self.q), []
        pairs = list(zip(self.steps, self.changes, self.ro, strict=True))
        for s, y, r in reversed(pairs):
            al.append(_dot(s, q) * r)
            _add_scaled(q, y, -al[-1])
        torch.mul(q, self.h_diag, out=d)
        for s, y, r in pairs:
            be = _dot(y, d) * r
            _add_scaled(d, s, al.pop() - be)
        return d


def _dot(x: Tensor, y: Tensor) -> Tensor:
    """A double where it can be, like every Lua number, on the device of x and y."""
    if x.device.type == 'cpu':
        return torch.tensor(blas.dot(x, y), dtype=torch.float64)
    return torch.dot(x, y).to(_precise(x))


def _add_scaled(total: Tensor, x: Tensor, scale: Tensor) -> None:
    """Add scale · x, on a CPU with one rounding for both."""
    if x.device.type == 'cpu':
        total.add_(x, alpha=float(scale))
    else:
        total.addcmul_(scale.to(x.dtype), x)


class _HistoryBlocks:
    """The same in two passes over the memory of all steps and changes, as matrix products.

    Byrd, Nocedal, Schnabel 1994, eq. 2.22 (there H g): with R the upper triangle of S Yᵀ, D its
    diagonal and h = (y . s) / (y . y) of the last pair, the two loops come to
        al = -R⁻¹ S g,   p = R⁻ᵀ (D al + h (Y g + Y Yᵀ al)),   -H g = -h g - h Yᵀ al + Sᵀ p.
    S Yᵀ and Y Yᵀ grow by one row a pass.  Pairs lie in blocks that are made as they are needed.
    Where they are rounded (dtype), the rounded ones are the pairs throughout.
    """

    def __init__(
        self,
        like: Tensor,
        n_correction: int,
        state: Mapping[str, Any] | None = None,
        whole: Callable[[Tensor], Tensor] = _itself,
        dtype: torch.dtype | None = None,
        device: torch.device | str | None = None,
        steps: float = math.inf,  # of the whole run
    ):
        self.form: Any = {'dtype': dtype or like.dtype, 'device': device or like.device}
        self.n_correction = n_correction
        self.whole = whole  # of sums
        self.blocks: list[Tensor] = []  # (BLOCK or fewer, 2, n): s and y of each slot
        self.order: list[int] = []  # slots in use, oldest first
        slots = n_correction + 1
        self.most = math.ceil(min(slots, max(steps - 1, 1)))  # that are ever in use
        self.sy = torch.zeros(slots, slots, dtype=_precise(like), device=like.device)
        self.yy = torch.zeros_like(self.sy)
        self.products = torch.zeros(slots, 2, dtype=_precise(like), device=like.device)
        self.h_diag = torch.ones((), dtype=_precise(like), device=like.device)
        if state is not None:
            for rows in state['blocks']:
                self.form['dtype'] = rows.dtype  # as the run began
                rows = rows.to(self.form['device'])
                block = rows
                if len(rows) < self._room():
                    block = torch.zeros(self._room(), *rows.shape[1:], **self.form)
                    block[: len(rows)] = rows
                self.blocks.append(block)
            self.order = state['order'].tolist()
            self.sy, self.yy, self.h_diag = state['sy'], state['yy'], state['h_diag']

    def state(self) -> dict[str, Any]:
        """What a history needs to go on: the tensors themselves, of the blocks what is in use."""
        top = max(self.order, default=-1) + 1
        return {
            'blocks': [rows.view(-1, 2, rows.shape[1]) for rows in self._rows(top) if len(rows)],
            'order': torch.tensor(self.order, dtype=torch.int64),
            'sy': self.sy,
            'yy': self.yy,
            'h_diag': self.h_diag,
        }

    @property
    def begun(self) -> bool:
        """Whether a pair was kept."""
        return bool(self.order)

    def update(self, g, g_old, d, t):
        """Keep the step t d and what it did to the gradient, if y . s says that it curves up."""
        used = set(self.order)
        slot = next(k for k in range(len(used) + 1) if k not in used)
        if slot // BLOCK == len(self.blocks):
            self.blocks.append(torch.empty(self._room(), 2, g.numel(), **self.form))
        s, y = self.blocks[slot // BLOCK][slot % BLOCK]
        if self._is_own(g):
            torch.mul(d, t, out=s)
            torch.sub(g, g_old, out=y)
        else:
            s.copy_(d * t)
            y.copy_(g - g_old)
            y = y.to(g)
        # the first pass: S g, Y g, S y, Y y
        top = max([*used, slot]) + 1
        against = torch.stack((g, y))  # (2, n)
        found = torch.cat([self._products(against, rows) for rows in self._rows(top)], 1)
        found = self.whole(found.to(self.sy))
        found = found.t().reshape(top, 2, 2)
        self.products[:top] = found[:, :, 0]
        ys, yy = found[slot, 0, 1], found[slot, 1, 1]
        if not ys > CURVATURE:  # NaN is not
            return
        self.sy[:top, slot] = found[:, 0, 1]
        self.yy[:top, slot] = self.yy[slot, :top] = found[:, 1, 1]
        self.h_diag = ys / yy
        self.order.append(slot)
        if len(self.order) > self.n_correction:
            del self.order[0]

    def direction(self, g, d):
        """Inverse Hessian times -g, written over d."""
        torch.mul(g, -self.h_diag, out=d)
        if not self.order:
            return d
        order = torch.tensor(self.order, device=g.device)
        upper = self.sy[order][:, order].triu()
        step_g, change_g = self.products[order].unbind(1)
        al = -torch.linalg.solve_triangular(upper, step_g[:, None], upper=True)
        right = upper.diagonal()[:, None] * al
        right += self.h_diag * (change_g[:, None] + self.yy[order][:, order] @ al)
        p = torch.linalg.solve_triangular(upper.t(), right, upper=False)
        # the second pass
        top = max(self.order) + 1
        weights = self.sy.new_zeros(top, 2)
        weights[order] = torch.cat((p, -self.h_diag * al), 1)
        weights = weights.to(g).view(-1)
        for k, rows in enumerate(self._rows(top)):
            own = weights[2 * BLOCK * k :][: len(rows)]
            if self._is_own(g):
                d.addmv_(rows.t(), own)
                continue
            for part, some in zip(d.split(PIECE), rows.split(PIECE, 1), strict=True):
                part.addmv_(some.to(g).t(), own)
        return d

    def _room(self):
        """Slots of the next block: no more than will be in use."""
        return min(BLOCK, self.most - BLOCK * len(self.blocks))

    def _is_own(self, g):
        """Whether the history is kept as g is."""
        return g.dtype == self.form['dtype'] and g.device == torch.device(self.form['device'])

    def _products(self, against, rows):
        """(2, n) times rows (m, n): (2, m)."""
        if self._is_own(against):
            return against @ rows.t()
        pieces = zip(against.split(PIECE, 1), rows.split(PIECE, 1), strict=True)
        return sum(part @ some.to(part).t() for part, some in pieces)

    def _rows(self, top):
        """The blocks of the slots below top, each (2 · slots, n)."""
        for k, block in enumerate(self.blocks):
            yield block[: max(0, top - k * BLOCK)].view(-1, block.shape[2])


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
    the first step, which keeps the step count t and the averages m and v.
    Returns x and the loss before the step. Source: optim/adam.lua.
    """
    loss, g = _evaluate(feval, x)
    if not state:
        state.update(t=0, m=torch.zeros_like(g), v=torch.zeros_like(g))
    state['t'] += 1
    t = state['t']
    bias_correction1 = 1 - beta1**t
    bias_correction2 = 1 - beta2**t
    step_size = learning_rate * math.sqrt(bias_correction2) / bias_correction1

    flat = x.detach().reshape(-1)
    vectors = (flat, g, state['m'], state['v'])
    for point, own, m, v in zip(*(vector.split(PIECE) for vector in vectors), strict=True):
        m.mul_(beta1).add_(own, alpha=1 - beta1)
        # each product rounded by itself, as there: addcmul_ would fuse the last one with the sum
        denom = own * (1 - beta2)
        v.mul_(beta2).add_(denom.mul_(own))
        _sqrt(v, out=denom)
        denom.add_(epsilon)
        point.addcdiv_(m, denom, value=-step_size)
    if not x.is_contiguous():  # flat is a copy
        x.detach().copy_(flat.view(x.shape))
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
