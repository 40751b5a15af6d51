"""The history of L-BFGS for long vectors: matrix products over blocks of pairs."""

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from neural_style.torch7.history import MIN_CURVATURE, double_dtype, identity, initial_scale

BLOCK_PAIRS = 10  # pairs for which memory is allocated at a time
# A vector is converted in chunks of this many elements, which stay in a core's cache.
CHUNK_ELEMENTS = 1 << 18


class CompactHistory:
    """The inverse Hessian as matrix products, in two passes over the memory of all pairs.

    Byrd, Nocedal, Schnabel 1994, eq. 2.22 (there H g): with R the upper triangle of S Yᵀ, D its
    diagonal and h = (y · s) / (y · y) of the last pair, the two loops come to
        al = -R⁻¹ S g,   p = R⁻ᵀ (D al + h (Y g + Y Yᵀ al)),   -H g = -h g - h Yᵀ al + Sᵀ p.
    S Yᵀ and Y Yᵀ grow by one row a pass.  Pairs are stored in blocks, allocated when needed.
    Where they are rounded (dtype), the rounded ones are used throughout.

    reduce_sum: turns a sum over this shard into that over all.  device: where the pairs are kept.
    max_steps: of the whole run, which bounds the pairs that are ever in use.
    """

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
        self.options: Any = {'dtype': dtype or like.dtype, 'device': device or like.device}
        self.n_correction = n_correction
        self.reduce_sum = reduce_sum or identity
        self.blocks: list[Tensor] = []  # (BLOCK_PAIRS or fewer, 2, n): s and y of each slot
        self.order: list[int] = []  # slots in use, oldest first
        slots = n_correction + 1
        self.max_slots = math.ceil(min(slots, max(max_steps - 1, 1)))  # that are ever in use
        self.sy = torch.zeros(slots, slots, dtype=double_dtype(like), device=like.device)
        self.yy = torch.zeros_like(self.sy)
        self.products = torch.zeros(slots, 2, dtype=double_dtype(like), device=like.device)
        self.h_diag = torch.ones((), dtype=double_dtype(like), device=like.device)
        if state is not None:
            self._restore(state)

    def state(self) -> dict[str, Any]:
        """Return the state from which a history continues: its own tensors, the used blocks."""
        end = max(self.order, default=-1) + 1
        return {
            'blocks': [rows.view(-1, 2, rows.shape[1]) for rows in self._rows(end) if len(rows)],
            'order': torch.tensor(self.order, dtype=torch.int64),
            'sy': self.sy,
            'yy': self.yy,
            'h_diag': self.h_diag,
        }

    def _restore(self, state: Mapping[str, Any]) -> None:
        for pairs in state['blocks']:
            self.options['dtype'] = pairs.dtype  # as the run began
            block = pairs.to(self.options['device'])
            if len(pairs) < self._next_block_pairs():
                block = torch.zeros(self._next_block_pairs(), *pairs.shape[1:], **self.options)
                block[: len(pairs)] = pairs
            self.blocks.append(block)
        self.order = state['order'].tolist()
        self.sy, self.yy, self.h_diag = state['sy'], state['yy'], state['h_diag']

    @property
    def has_pairs(self) -> bool:
        return bool(self.order)

    def update(
        self, g: Tensor, g_old: Tensor, d: Tensor, t: float, step_square: float | None = None
    ) -> None:
        """Keep the step t d and its change of the gradient, if y · s says that it curves up.

        step_square: as in TwoLoopHistory, of all shards.
        """
        slot = next(k for k in range(len(self.order) + 1) if k not in self.order)
        y = self._store(slot, g, g_old, d, t)
        # the first pass: S g, Y g, S y, Y y
        end = max([*self.order, slot]) + 1
        vectors = torch.stack((g, y))  # (2, n)
        products = torch.cat([self._products(vectors, rows) for rows in self._rows(end)], 1)
        products = self.reduce_sum(products.to(self.sy))
        products = products.t().reshape(end, 2, 2)  # (slot, s or y, g or y)
        self.products[:end] = products[:, :, 0]
        ys, yy = products[slot, 0, 1], products[slot, 1, 1]
        if not ys > MIN_CURVATURE:  # NaN is not
            return
        self.sy[:end, slot] = products[:, 0, 1]
        self.yy[:end, slot] = self.yy[slot, :end] = products[:, 1, 1]
        self.order.append(slot)
        if len(self.order) > self.n_correction:
            del self.order[0]
        self.h_diag = initial_scale(self.h_diag, len(self.order), ys, yy, step_square)

    def _store(self, slot: int, g: Tensor, g_old: Tensor, d: Tensor, t: float) -> Tensor:
        """Write a pair into its slot; returns its y as it is kept, with g's dtype and device."""
        if slot // BLOCK_PAIRS == len(self.blocks):
            pairs = self._next_block_pairs()
            self.blocks.append(torch.empty(pairs, 2, g.numel(), **self.options))
        s, y = self.blocks[slot // BLOCK_PAIRS][slot % BLOCK_PAIRS]
        if self._has_native_dtype(g):
            torch.mul(d, t, out=s)
            torch.sub(g, g_old, out=y)
            return y
        s.copy_(d * t)
        y.copy_(g - g_old)
        return y.to(g)

    def direction(self, g: Tensor, d: Tensor) -> Tensor:
        """Return the inverse Hessian times -g, written over d."""
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
        end = max(self.order) + 1
        weights = self.sy.new_zeros(end, 2)
        weights[order] = torch.cat((p, -self.h_diag * al), 1)
        self._add_products(d, weights.to(g).view(-1), end)
        return d

    def _next_block_pairs(self) -> int:
        """Return the slots of the next block: no more than will be in use."""
        return min(BLOCK_PAIRS, self.max_slots - BLOCK_PAIRS * len(self.blocks))

    def _has_native_dtype(self, g: Tensor) -> bool:
        """Tell whether the pairs have the dtype and the device of g."""
        return g.dtype == self.options['dtype'] and g.device == torch.device(self.options['device'])

    def _rows(self, end: int) -> Iterator[Tensor]:
        """Yield the blocks of the slots up to end as matrices (2 · slots, n)."""
        for k, block in enumerate(self.blocks):
            yield block[: max(0, end - k * BLOCK_PAIRS)].view(-1, block.shape[2])

    def _products(self, vectors: Tensor, rows: Tensor) -> Tensor:
        """Multiply vectors (2, n) with rows (m, n): (2, m)."""
        if self._has_native_dtype(vectors):
            return vectors @ rows.t()
        chunks = zip(vectors.split(CHUNK_ELEMENTS, 1), rows.split(CHUNK_ELEMENTS, 1), strict=True)
        products: Any = sum(chunk @ pairs.to(chunk).t() for chunk, pairs in chunks)
        return products

    def _add_products(self, d: Tensor, weights: Tensor, end: int) -> None:
        """Add the rows of all slots up to end, weighted, to d."""
        for k, rows in enumerate(self._rows(end)):
            block_weights = weights[2 * BLOCK_PAIRS * k :][: len(rows)]
            if self._has_native_dtype(d):
                d.addmv_(rows.t(), block_weights)
                continue
            chunks = zip(d.split(CHUNK_ELEMENTS), rows.split(CHUNK_ELEMENTS, 1), strict=True)
            for chunk, pairs in chunks:
                chunk.addmv_(pairs.to(d).t(), block_weights)
