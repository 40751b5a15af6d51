"""The history of L-BFGS as Torch7 keeps it: steps s and gradient changes y."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from neural_style.torch7 import blas

MIN_CURVATURE = 1e-10  # the smallest y · s of a pair that is kept
# How much of the scale of the initial inverse Hessian stays from pair to pair, and how far it goes
# from (y · s) / (y · y), 0, towards (s · s) / (y · s), 1, where it is averaged.
SCALE_MEMORY, SCALE_SHIFT = 0.8, 0.25


def identity(tensor: Tensor) -> Tensor:
    """Return a sum over one shard where there is only one."""
    return tensor


def double_dtype(tensor: Tensor) -> torch.dtype:
    """Return the dtype of Lua's numbers, which are doubles; mps has none."""
    return torch.float32 if tensor.device.type == 'mps' else torch.float64


def initial_scale(former: Tensor, pairs: int, ys: Tensor, yy: Tensor, ss: float | None) -> Tensor:
    """Return the scale of the initial inverse Hessian, averaged over the pairs so far.

    former: that of the pairs before.  pairs: how many there are now.  ys, yy, ss: y · s, y · y and
    s · s of the last one; without s · s, the scale is Torch7's.
    Torch7's scale, (y · s) / (y · y), is that of the last pair alone, and of its directions of the
    strongest curvature: it changes threefold from one pair to the next.  (s · s) / (y · s) is that
    of the weakest.
    """
    if ss is None:
        return ys / yy
    scale = (ys / yy) ** (1 - SCALE_SHIFT) * (ss / ys) ** SCALE_SHIFT
    memory = min(SCALE_MEMORY, 1 - 1 / pairs)
    return former**memory * scale ** (1 - memory)


class TwoLoopHistory:
    """The inverse Hessian in Torch7's two loops over the pairs, every operation in its order.

    like: a vector whose size, dtype and device the pairs have.
    n_correction: how many pairs are kept.  state: of a history to continue.
    """

    def __init__(self, like: Tensor, n_correction: int, state: Mapping[str, Any] | None = None):
        self.n_correction = n_correction
        self.steps: list[Tensor] = []  # s = x - previous x, oldest first
        self.changes: list[Tensor] = []  # y = g - previous g
        self.ro: list[Tensor] = []  # 1 / (y · s), a double like every Lua number
        self.h_diag = torch.ones((), dtype=double_dtype(like), device=like.device)
        if state is not None:
            self.steps, self.changes = list(state['steps']), list(state['changes'])
            self.ro, self.h_diag = list(state['ro']), state['h_diag']
        self._q = torch.empty_like(like)
        self._unused: list[tuple[Tensor, Tensor]] = []  # memory of pairs that were dropped

    def state(self) -> dict[str, Any]:
        """Return the state from which a history continues: its own tensors, not copies."""
        return {
            'steps': list(self.steps),
            'changes': list(self.changes),
            'ro': list(self.ro),
            'h_diag': self.h_diag,
        }

    @property
    def has_pairs(self) -> bool:
        return bool(self.steps)

    def update(
        self, g: Tensor, g_old: Tensor, d: Tensor, t: float, step_square: float | None = None
    ) -> None:
        """Keep the step t d and its change of the gradient, if y · s says that it curves up.

        step_square: s · s, for a scale of the initial inverse Hessian that is averaged; None:
            Torch7's.
        """
        unused = self._unused
        y, s = unused.pop() if unused else (torch.empty_like(g), torch.empty_like(g))
        torch.sub(g, g_old, out=y)
        torch.mul(d, t, out=s)
        ys = _dot(y, s)
        if not ys > MIN_CURVATURE:  # NaN is not
            unused.append((y, s))
            return
        if len(self.steps) == self.n_correction:
            unused.append((self.changes.pop(0), self.steps.pop(0)))
            del self.ro[0]
        self.steps.append(s)
        self.changes.append(y)
        self.ro.append(1 / ys)
        self.h_diag = initial_scale(self.h_diag, len(self.steps), ys, _dot(y, y), step_square)

    def direction(self, g: Tensor, d: Tensor) -> Tensor:
        """Return the inverse Hessian times -g, written over d."""
        q, al = torch.neg(g, out=self._q), []
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
    """Return a double if the device of x and y has them, as every Lua number is one."""
    if x.device.type == 'cpu':
        return torch.tensor(blas.dot(x, y), dtype=torch.float64)
    return torch.dot(x, y).to(double_dtype(x))


def _add_scaled(total: Tensor, x: Tensor, scale: Tensor) -> None:
    """Add scale · x, on a CPU with one rounding for both."""
    if x.device.type == 'cpu':
        total.add_(x, alpha=float(scale))
    else:
        total.addcmul_(scale.to(x.dtype), x)
