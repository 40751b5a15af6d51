"""Vectors kept in blocks of memory, allocated when needed, and products with all of them."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

BLOCK_ROWS = 20  # vectors for which memory is allocated at a time
# A vector is converted in chunks of this many elements, which stay in a core's cache.
CHUNK_ELEMENTS = 1 << 18
# A product is summed in the rows' dtype over parts of this many elements.
PART_ELEMENTS = 1 << 14


class VectorBlocks:
    """Vectors of the same length, the rows of a matrix.

    like: a vector with the length of all, and with the dtype and device of what they are multiplied
    with.  dtype, device: those in which they are kept, like's own by default.
    max_rows: that are ever in use; no memory is allocated for more.
    blocks: of vectors to continue with, as a checkpoint has them.
    """

    def __init__(
        self,
        like: Tensor,
        max_rows: int,
        dtype: torch.dtype | None = None,
        device: torch.device | str | None = None,
        blocks: Sequence[Tensor] = (),
    ):
        self.length = like.numel()
        self.dtype = blocks[0].dtype if blocks else dtype or like.dtype  # as the run began
        self.device = torch.device(device or like.device)
        self.max_rows = max_rows
        self.blocks: list[Tensor] = []  # (BLOCK_ROWS or fewer, length)
        for saved in blocks:
            block = saved.to(self.device)
            if len(block) < self._next_block_rows():
                block = self._allocate()
                block[: len(saved)] = saved
            self.blocks.append(block)

    def _next_block_rows(self) -> int:
        """Return the rows of the next block: no more than will be in use."""
        return min(BLOCK_ROWS, self.max_rows - BLOCK_ROWS * len(self.blocks))

    def _allocate(self) -> Tensor:
        return torch.empty(
            self._next_block_rows(), self.length, dtype=self.dtype, device=self.device
        )

    def used(self, end: int) -> Iterator[Tensor]:
        """Yield the rows before end, as views of the blocks that have any."""
        for start, block in zip(range(0, end, BLOCK_ROWS), self.blocks, strict=False):
            yield block[: end - start]

    def write(self, index: int, operation: Callable[..., Tensor], *operands: Any) -> Tensor:
        """Write the result of an operation into a row, in memory allocated if its block is new.

        operation: takes `out`.  Returns the row as it is kept, in the operands' dtype and on their
        device.
        """
        if index // BLOCK_ROWS == len(self.blocks):
            self.blocks.append(self._allocate())
        row = self.blocks[index // BLOCK_ROWS][index % BLOCK_ROWS]
        if self.has_dtype_of(operands[0]):
            return operation(*operands, out=row)
        return row.copy_(operation(*operands)).to(operands[0])

    def has_dtype_of(self, vector: Tensor) -> bool:
        """Tell whether the rows have the dtype and the device of a vector."""
        return vector.dtype == self.dtype and vector.device == self.device

    def products(self, vectors: Tensor, end: int) -> Tensor:
        """Multiply vectors (k, n) with the rows before end: (k, end), on a CPU in float64."""
        return torch.cat([self._products(vectors, rows) for rows in self.used(end)], 1)

    def _products(self, vectors: Tensor, rows: Tensor) -> Tensor:
        if self.has_dtype_of(vectors):
            return precise_product(vectors, rows)
        chunks = zip(vectors.split(CHUNK_ELEMENTS, 1), rows.split(CHUNK_ELEMENTS, 1), strict=True)
        products = [precise_product(chunk, row_chunk.to(chunk)) for chunk, row_chunk in chunks]
        return torch.stack(products).sum(0)

    def add_weighted(self, total: Tensor, weights: Tensor) -> None:
        """Add the first rows, as many as there are weights, to a total (n,).

        weights: in the dtype and on the device of the total.
        """
        all_rows = self.used(len(weights))
        for rows, row_weights in zip(all_rows, weights.split(BLOCK_ROWS), strict=True):
            if self.has_dtype_of(total):
                total.addmv_(rows.t(), row_weights)
                continue
            chunks = zip(total.split(CHUNK_ELEMENTS), rows.split(CHUNK_ELEMENTS, 1), strict=True)
            for chunk, row_chunk in chunks:
                chunk.addmv_(row_chunk.to(total).t(), row_weights)

    def combine_(self, weights: Tensor, others: Tensor, other: Tensor) -> None:
        """Replace the first rows by weighted sums of them and of one other vector, in place.

        weights: (as many, as many), one row for each sum.  others: (as many,), of the other vector.
        """
        start = 0
        for chunk in other.split(max(CHUNK_ELEMENTS // len(weights), 1)):
            columns = slice(start, start + len(chunk))
            parts = [rows[:, columns] for rows in self.used(len(weights))]
            sums = weights @ torch.cat([part.to(weights) for part in parts])
            sums.addr_(others, chunk)
            for part, part_sums in zip(parts, sums.split(BLOCK_ROWS), strict=True):
                part.copy_(part_sums)
            start += len(chunk)


def precise_product(a: Tensor, b: Tensor) -> Tensor:
    """Return a bᵀ.  a: (k, n).  b: (m, n).

    On a CPU, a product is summed in the dtype of a over PART_ELEMENTS only, and then in float64:
    the step of a pair is a sum of rows that cancel out, which multiplies what rounding does.  It
    is faster as well.
    """
    if a.device.type != 'cpu':
        return a @ b.t()
    length = a.shape[1]
    count = length // PART_ELEMENTS
    whole = count * PART_ELEMENTS
    a_parts, b_parts = (
        matrix[:, :whole].unflatten(1, (count, PART_ELEMENTS)).transpose(0, 1) for matrix in (a, b)
    )
    total = torch.bmm(a_parts, b_parts.transpose(1, 2)).sum(0, dtype=torch.float64)
    return total.add_(a[:, whole:] @ b[:, whole:].t())
