"""Winograd's convolution: 3 x 3, with a quarter of the multiplications.

Of a piece of 6 x 6 pixels all 4 x 4 results come at once: the piece and the kernel are evaluated as
polynomials at six points on each axis, multiplied there, and the products interpolated, as Toom and
Cook multiply long numbers.  The multiplications over the channels are then 36 products of matrices.

Sources: Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2015; for points whose
rounding errors are small, Barabasz, Anderson, Soodhalter and Gregg, "Error Analysis and Improving
the Accuracy of Winograd Convolution for Deep Neural Networks", 2018.
"""

import math
from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor

from neural_style.memory.allocator import large_empty

# Results and pixels of a piece, on an axis.
STEP, SIDE = 4, 6
# With infinity as the sixth.  Each has its negative and its reciprocal among them: so the kernel
# turned by half is the same kernel with the points in another order.
POINTS = (0.0, math.sqrt(0.5), -math.sqrt(0.5), math.sqrt(2), -math.sqrt(2))
RECIPROCALS = (5, 3, 4, 1, 2, 0)
# Pieces that are worked on at once, about: few stay in the processor's cache, but the kernel is
# read once for each time.
BLOCK = 256
# Where it pays on two cores with AVX-512: input channels times output channels, and pieces.
CHANNELS, PIECES = 128 * 128, 24
# The time that it takes there, of PyTorch's: for the products, and with one channel on either side.
PRODUCTS, TRANSFORMS = 0.28, 32


class Winograd:
    """A convolution with a kernel that never changes, without stride, and its way back.

    weight: (K, C, 3, 3), float32, on a CPU.  Four times its memory is kept, for both ways.
    """

    def __init__(self, weight: Tensor):
        outer, inner = weight.shape[:2]
        evaluate = _matrices()[0]
        flat = weight.detach().permute(2, 3, 1, 0).reshape(9, inner * outer)
        self.kernel = large_empty((SIDE**2, inner * outer), torch.float32, weight.device)
        for part, own in zip(self.kernel.split(1 << 13, 1), flat.split(1 << 13, 1), strict=True):
            part.copy_(evaluate @ own.double())
        self.kernel = self.kernel.view(SIDE**2, inner, outer)

    @staticmethod
    def pays(weight: Tensor, size: tuple[int, int]) -> bool:
        """Whether it is quicker than PyTorch's for weight (K, C, h, w) and H x W pixels."""
        outer, inner, *kernel = weight.shape
        return (
            weight.device.type == 'cpu'
            and weight.dtype == torch.float32
            and kernel == [3, 3]
            and outer * inner >= CHANNELS
            and math.prod(math.ceil(side / STEP) for side in size) >= PIECES
        )

    @staticmethod
    def share(weight: Tensor) -> float:
        """The time that it takes for weight (K, C, 3, 3), of PyTorch's, about."""
        outer, inner = weight.shape[:2]
        return PRODUCTS + TRANSFORMS * (1 / inner + 1 / outer)

    @staticmethod
    def kept(weight: Tensor) -> int:
        """Bytes that are kept for weight (K, C, 3, 3)."""
        return 4 * SIDE**2 * weight.shape[0] * weight.shape[1]

    @staticmethod
    def taken(weight: Tensor, size: tuple[int, int]) -> int:
        """Bytes that a call takes, its result not counted."""
        rows, columns = (math.ceil(side / STEP) for side in size)
        most = _rows_at_once(rows, columns)
        outer, inner = weight.shape[:2]
        padded = (STEP * most + 2) * (STEP * columns + 2) * max(outer, inner)
        return 4 * (padded + 2 * SIDE**2 * most * columns * max(outer, inner))

    def __call__(
        self,
        features: Tensor,
        padding: tuple[int, int],
        bias: Tensor | None = None,
        rectify: bool = False,
        back: bool = False,
    ) -> Tensor:
        """features: (1, C, H, W), channels last.  Returns (1, K, H', W'), channels last.

        bias: (K,).  rectify: with a ReLU behind it.  back: the convolution with the kernel turned
        by half and its channels exchanged, from K to C: the way back of a gradient.
        """
        kernel = self.kernel.transpose(1, 2) if back else self.kernel
        piece, result = _matrices()[3:] if back else _matrices()[1:3]
        below = features[0].permute(1, 2, 0)
        height, width, inner = below.shape
        outer = kernel.shape[2]
        size = height + 2 * padding[0] - 2, width + 2 * padding[1] - 2
        rows, columns = (math.ceil(side / STEP) for side in size)
        most = _rows_at_once(rows, columns)
        form = torch.float32, features.device
        above = large_empty((1, *size, outer), *form)
        padded = large_empty((STEP * most + 2, STEP * columns + 2, inner), *form).zero_()
        length = SIDE**2 * most * columns * max(inner, outer)
        room = [large_empty((length,), *form) for _ in range(2)]
        for row in range(0, rows, most):
            count = min(most, rows - row)
            self._fill(padded, below, STEP * row - padding[0], padding[1])
            number = count * columns
            pieces = _start(room[0], SIDE, SIDE, count, columns, inner)
            down, across, _ = padded.stride()
            steps = (down, across, STEP * down, STEP * across, 1)
            pieces.copy_(padded.as_strided(pieces.shape, steps))
            flipped = _both_axes(piece, pieces.view(SIDE, SIDE, -1), room)
            products = _start(room[1], SIDE**2, number, outer)
            torch.bmm(flipped.view(SIDE**2, number, inner), kernel, out=products)
            results = _both_axes(result, products.view(SIDE, SIDE, -1), room[::-1])
            results = results.view(STEP, STEP, count, columns, outer).permute(2, 0, 3, 1, 4)
            part = above[0, STEP * row : STEP * (row + count)]
            for own, found in _joined(part, results):
                if bias is None:
                    own.copy_(found)
                else:
                    torch.add(found, bias, out=own)
            if rectify:
                part.relu_()
        return above.permute(0, 3, 1, 2)

    @staticmethod
    def _fill(padded: Tensor, below: Tensor, top: int, left: int) -> None:
        """Copy the rows from top on, which may begin above the features and end below them."""
        height, width, _ = below.shape
        begin, end = max(top, 0), min(top + len(padded), height)
        padded[begin - top : end - top, left : left + width] = below[begin:end]
        padded[end - top :] = 0


def _rows_at_once(rows: int, columns: int) -> int:
    """Of pieces."""
    return math.ceil(rows / math.ceil(rows * columns / BLOCK))


def _start(room: Tensor, *shape: int) -> Tensor:
    return room[: math.prod(shape)].view(shape)


def _both_axes(matrix: Tensor, values: Tensor, room: Sequence[Tensor]) -> Tensor:
    """A matrix (n, 6) applied to the first and the second axis of (6, 6, ...), in room[0].

    By way of room[1]: one product with Kronecker's matrix of both takes twice the time.
    """
    count = len(matrix)
    once = _start(room[1], count, values[0].numel())
    torch.mm(matrix, values.view(SIDE, -1), out=once)
    once, twice = once.view(count, SIDE, -1), _start(room[0], count, count, values.shape[2])
    return torch.bmm(matrix.expand(count, *matrix.shape), once, out=twice)


def _joined(part: Tensor, results: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Views of the features (H, W, K) and of the results (rows, 4, columns, 4, K), pair by pair.

    The last row and the last column of results may reach beyond the features.
    """
    found = [(part, results)]
    for axis in (0, 2):
        pairs, found = found, []
        for own, result in pairs:
            whole, rest = divmod(own.shape[axis], STEP)
            if whole:
                inside = own.narrow(axis, 0, whole * STEP).unflatten(axis, (whole, STEP))
                found.append((inside, result.narrow(axis, 0, whole)))
            if rest:
                edge = own.narrow(axis, whole * STEP, rest).unsqueeze(axis)
                found.append((edge, result.narrow(axis, whole, 1).narrow(axis + 1, 0, rest)))
    return found


@lru_cache
def _matrices() -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """What evaluates the kernel, both axes at once (36, 9), in float64; and on an axis, what
    evaluates pieces (6, 6) and what gives results (4, 6), the latter two for the kernel turned by
    half as well."""
    points = torch.tensor(POINTS, dtype=torch.float64)
    powers = torch.zeros(SIDE, SIDE, dtype=torch.float64)
    powers[:-1] = points[:, None] ** torch.arange(SIDE)
    powers[-1, -1] = 1
    results = powers[:, :STEP].clone()
    results[-1, -1] = 1
    kernel = powers[:, :3].clone()
    kernel[-1, -1] = 1
    pieces = torch.linalg.inv(powers).T
    # turned by half, a polynomial has at a point the value of the other at the reciprocal, times
    # the point squared
    scale = torch.cat((points**2, torch.ones(1, dtype=torch.float64)))
    scale[0] = 1
    order = list(RECIPROCALS)
    ways = [pieces, results.T, (pieces * scale[:, None])[order], results[order].T]
    own, result, flipped, turned_result = (way.float().contiguous() for way in ways)
    return torch.kron(kernel, kernel), own, result, flipped, turned_result
