"""The history of L-BFGS for long vectors: matrix products over blocks of vectors."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from neural_style.torch7.history import MIN_CURVATURE, double_dtype, identity, initial_scale
from neural_style.torch7.vector_blocks import VectorBlocks, precise_product

# Attributes, beside the vectors and the order, that a history is continued from.
STATE = (
    *('sy', 'yy', 'h_diag', 'end', 'has_steps', 'change_rows', 'row_weights', 'gradient_weights'),
    *('direction_weights', 'direction_gradient_weight'),
)


class CompactHistory:
    """The inverse Hessian as matrix products, in two passes over the memory of all vectors.

    Byrd, Nocedal, Schnabel 1994, eq. 2.22 (there H g): with R the upper triangle of S Yᵀ, D its
    diagonal and h = (y · s) / (y · y) of the last pair, the two loops come to
        al = -R⁻¹ S g,   p = R⁻ᵀ (D al + h (Y g + Y Yᵀ al)),   -H g = -h g - h Yᵀ al + Sᵀ p.
    S Yᵀ and Y Yᵀ grow by one row a pass.

    Every step is a sum of gradients, so of the current one and of changes y (Gill, Leonard 2001).
    At first, therefore, only changes are kept, half as many vectors to read: S = W V + w gᵀ, where
    the rows of V are what is kept.  When the changes, those of former pairs among them, need as
    much memory as all pairs, the steps are written beside the changes of their pairs, and so is
    every further one.  Vectors are stored in blocks, allocated when needed.  Where they are rounded
    (dtype), the rounded ones are used throughout.

    reduce_sum: turns a sum over this shard into that over all.  device: where V is kept.
    max_steps: of the whole run, which bounds the vectors that are ever in use.
    """

    sy: Tensor  # s · y of slots, in float64 like all numbers here
    yy: Tensor
    h_diag: Tensor
    end: int  # rows of V in use
    has_steps: bool  # whether rows 2 k and 2 k + 1 of V are s and y of slot k
    change_rows: Tensor  # the row of each slot's y
    row_weights: Tensor  # W
    gradient_weights: Tensor  # w
    direction_weights: Tensor  # the last direction, d = Vᵀ direction_weights
    direction_gradient_weight: Tensor  # + this · g

    def __init__(
        self,
        like: Tensor,
        n_correction: int,
        state: Mapping[str, Any] | None = None,
        *,
        reduce_sum: Callable[[Tensor], Tensor] | None = None,
        dtype: torch.dtype | None = None,
        device: torch.device | str | None = None,
        max_steps: float = math.inf,
    ):
        self.n_correction = n_correction
        self.reduce_sum = reduce_sum or identity
        slots = n_correction + 1
        self.max_rows = 2 * slots
        state = state or _empty_state(like, slots)
        if 'row_weights' not in state:
            state = _of_pairs(state)
        for name in STATE:
            setattr(self, name, state[name])
        self.order: list[int] = state['order'].tolist()  # slots of the pairs in use, oldest first
        self.products = torch.zeros_like(self.sy[:, :2])  # s · g and y · g of each slot
        max_rows = math.ceil(min(self.max_rows, max(max_steps - 1, 1)))
        self.vectors = VectorBlocks(like, max_rows, dtype, device, state['blocks'])

    def state(self) -> dict[str, Any]:
        """Return the state from which a history continues: its own tensors, the used blocks."""
        return {
            'blocks': list(self.vectors.used(self.end)),
            'order': torch.tensor(self.order, dtype=torch.int64),
            **{name: getattr(self, name) for name in STATE},
        }

    @property
    def has_pairs(self) -> bool:
        return bool(self.order)

    def update(
        self, g: Tensor, g_old: Tensor, d: Tensor, t: float, step_square: float | None = None
    ) -> None:
        """Keep the step t d and its change of the gradient, if y · s says that it curves up.

        d: the last direction; -g_old before the first.
        step_square: as in TwoLoopHistory, of all shards.
        """
        if not self.has_steps and self.end == self.max_rows:
            self._write_steps(g_old)
        slot = next(k for k in range(len(self.order) + 1) if k not in self.order)
        y_row = 2 * slot + 1 if self.has_steps else self.end
        self.end = max(self.end, y_row + 1)
        y = self.vectors.write(y_row, torch.sub, g, g_old)
        self.change_rows[slot].fill_(y_row)
        if self.has_steps:
            self.vectors.write(2 * slot, torch.mul, d, t)
        else:
            self._express_step(slot, y_row, t)
        # the first pass: V g, V y
        vectors = torch.stack((g, y))  # (2, n)
        products = self.vectors.products(vectors, self.end), precise_product(vectors, g[None])
        sums = self.reduce_sum(torch.cat(products, 1).to(self.sy)).t()
        kept, gradient = sums[:-1], sums[-1]
        steps = self.row_weights[:, : self.end] @ kept + self.gradient_weights.outer(gradient)
        changes = kept[self.change_rows]
        self.products = torch.stack((steps[:, 0], changes[:, 0]), 1)
        ys, yy = steps[slot, 1], changes[slot, 1]
        if not ys > MIN_CURVATURE:  # NaN is not
            return
        self.sy[:, slot] = steps[:, 1]
        self.yy[:, slot] = self.yy[slot] = changes[:, 1]
        self.order.append(slot)
        if len(self.order) > self.n_correction:
            del self.order[0]
        self.h_diag = initial_scale(self.h_diag, len(self.order), ys, yy, step_square)

    def _express_step(self, slot: int, y_row: int, t: float) -> None:
        """Express the steps by the new gradient, the former one plus y, and by y; the last too."""
        self.row_weights[slot] = t * self.direction_weights
        self.gradient_weights[slot] = t * self.direction_gradient_weight
        self.row_weights[:, y_row] = -self.gradient_weights

    def _write_steps(self, g: Tensor) -> None:
        """Write the pairs over the changes.  g: the gradient that steps are expressed by."""
        slots = torch.arange(len(self.sy), device=self.sy.device)
        change_weights = functional.one_hot(self.change_rows, self.max_rows).to(self.sy)
        pairs = torch.stack((self.row_weights, change_weights), 1)
        shares = torch.stack((self.gradient_weights, torch.zeros_like(self.gradient_weights)), 1)
        self.vectors.combine_(pairs.flatten(0, 1).to(g), shares.flatten().to(g), g)
        self.has_steps, self.change_rows = True, 2 * slots + 1
        self.row_weights = functional.one_hot(2 * slots, self.max_rows).to(self.sy)
        self.gradient_weights = torch.zeros_like(self.gradient_weights)

    def direction(self, g: Tensor, d: Tensor) -> Tensor:
        """Return the inverse Hessian times -g, written over d."""
        weights, gradient_weight = torch.zeros_like(self.direction_weights), -self.h_diag
        if self.order:
            order = torch.tensor(self.order, device=g.device)
            upper = self.sy[order][:, order].triu()
            step_g, change_g = self.products[order].unbind(1)
            al = -torch.linalg.solve_triangular(upper, step_g[:, None], upper=True)
            right = upper.diagonal()[:, None] * al
            right += self.h_diag * (change_g[:, None] + self.yy[order][:, order] @ al)
            p = torch.linalg.solve_triangular(upper.t(), right, upper=False)[:, 0]
            weights = p @ self.row_weights[order]
            weights[self.change_rows[order]] -= self.h_diag * al[:, 0]
            gradient_weight = gradient_weight + p @ self.gradient_weights[order]
        # the second pass
        torch.mul(g, gradient_weight, out=d)
        self.vectors.add_weighted(d, weights[: self.end].to(g))
        self.direction_weights, self.direction_gradient_weight = weights, gradient_weight
        return d


def _empty_state(like: Tensor, slots: int) -> dict[str, Any]:
    """Return the state of a history without pairs."""
    zeros = torch.zeros(slots, 2 * slots, dtype=double_dtype(like), device=like.device)
    return {
        'blocks': [],
        'order': torch.empty(0, dtype=torch.int64),
        'sy': zeros.new_zeros(slots, slots),
        'yy': zeros.new_zeros(slots, slots),
        'h_diag': zeros.new_ones(()),
        'end': 0,
        'has_steps': False,
        'change_rows': torch.zeros(slots, dtype=torch.int64, device=like.device),
        'row_weights': zeros,
        'gradient_weights': zeros.new_zeros(slots),
        'direction_weights': zeros.new_zeros(2 * slots),
        'direction_gradient_weight': zeros.new_tensor(-1),  # the first one is minus the gradient
    }


def _of_pairs(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return a state of version 0.2, whose blocks hold pairs (s, y), as one of today's."""
    sy, end = state['sy'], sum(2 * len(pairs) for pairs in state['blocks'])
    slots = torch.arange(len(sy), device=sy.device)
    return {
        **_empty_state(sy, len(sy)),
        **state,
        'blocks': [pairs.flatten(0, 1) for pairs in state['blocks']],
        'end': end,
        'has_steps': True,
        'change_rows': (2 * slots + 1).clamp(max=end - 1),  # of unused slots any row
        'row_weights': functional.one_hot(2 * slots, 2 * len(sy)).to(sy),
    }
