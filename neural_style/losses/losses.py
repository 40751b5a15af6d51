"""The losses: identity layers that add their own analytic gradient on the way back.

As in neural_style.lua, a loss layer passes its features on unchanged, keeps the value of its
loss, and adds the gradient of that loss to the gradient that comes from above.  Each loss has
two halves, so that the features may come in pieces (tiling.py):

    statistic(features)            adds over positions: of two halves of a layer it is the sum
    gradient(features, statistic)  is local, once the statistic of the whole layer is known

Features are (1, C, H, W), or (1, C) after a fully connected layer; ValueError for more images than
one.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from neural_style.errors import SettingError
from neural_style.kernels.bitmask import relu_backward_
from neural_style.memory.allocator import large_empty_like, pooled_empty_like
from neural_style.torch7.blas import add_product, gemm_tn
from neural_style.torch7.convolution import EXACT_STYLE

# Features of half the precision are turned into float32 so many positions at a time, for products
# that are float32 throughout: as many as stay in a core's cache.
PIECE = 4096
HALVES = (torch.bfloat16, torch.float16)
# Rows of a tile whose products are added up side by side.
ROWS = 16
# Squares are summed one after the other, so many at a time, and others are worked off so.
RUN = 1 << 20


@dataclass(frozen=True)
class Region:
    """The part of a layer that the features of a tile are.

    own: rows and columns of the tile's features that count; what is around them is halo.
    place: where those lie in the whole layer.  size: (H, W) of the whole layer.
    """

    own: tuple[slice, slice]
    place: tuple[slice, slice]
    size: tuple[int, int]


def piece(features: Tensor, place: tuple[slice, slice]) -> Tensor:
    """Rows and columns of features: a view."""
    return features[..., place[0], place[1]]


def _dense(features: Tensor) -> Tensor:
    """Features without gaps, a copy where they have some, or are a small image's."""
    return features.contiguous(memory_format=torch.channels_last)


def _is_dense(features: Tensor) -> bool:
    return features.is_contiguous(memory_format=torch.channels_last)


def _rows(features: Tensor) -> Tensor:
    """Features (1, C, H, W) as (H, W, C)."""
    return features[0].permute(1, 2, 0)


def _row_chunks(features: Tensor, *others: Tensor) -> list[tuple[Tensor, ...]]:
    """Features (1, C, H, W), and others as high, in rows of no more than RUN elements: so nothing
    of the layer's size is taken for what is made of them."""
    rows = max(1, RUN // max(features[:, :, :1].numel(), 1))
    return [some.split(rows, 2) for some in (features, *others)]


def gram_matrix(features: Tensor, exact: bool = True) -> Tensor:
    """Sum over all positions of the products of every two channels: G = F Fᵀ.

    features: (1, C, H, W).  Returns (C, C), not divided by anything.
    exact: in Torch7's order of summation, for up to EXACT_STYLE positions.
    Source: Gatys et al. 2015, eq. 3; neural_style.lua: GramMatrix.
    """
    if features.stride(1) == 1 and not _is_dense(features) and features.dtype not in HALVES:
        return _gram_of_rows(_rows(features))
    flat = features[0].flatten(1)  # (C, H * W)
    if flat.dtype in HALVES:
        total = flat.new_zeros(len(flat), len(flat), dtype=torch.float32)
        for some in flat.split(PIECE, 1):
            full = some.float()
            total.addmm_(full, full.t())
        return total
    return gemm_tn(flat, flat) if exact and flat.shape[1] <= EXACT_STYLE else flat @ flat.t()


def _gram_of_rows(rows: Tensor) -> Tensor:
    """The same of a view of features (H, W, C): without a copy."""
    _, _, channels = rows.shape
    total = rows.new_zeros(min(len(rows), ROWS), channels, channels)
    for some in rows.split(ROWS):
        total[: len(some)].baddbmm_(some.transpose(1, 2), some)
    return total.sum(0)


class _AddGradient(torch.autograd.Function):
    """Identity; on the way back the loss adds its gradient.

    kept: the features without their way back, None for a loss that will be told again (recalled).
    """

    @staticmethod
    def forward(ctx, features, loss, kept):
        if kept is not None:
            ctx.save_for_backward(kept)
        ctx.loss = loss
        return features.view_as(features)

    @staticmethod
    def backward(ctx, gradient):
        loss, part = ctx.loss, getattr(ctx.loss, 'part', None)
        features = ctx.saved_tensors[0] if ctx.saved_tensors else loss.recomputed_features
        if not loss.owns_gradient:
            gradient = gradient.clone()
        if part is None:
            loss.add_gradient(features, gradient)
        else:
            loss.recomputed_features = None
            loss.add_gradient(piece(features, part.own), piece(gradient, part.own))
        if loss.applies_relu_backward:
            gradient = relu_backward_(gradient, features)
        return gradient, None, None


class Loss(nn.Module):
    """A content or style loss: what the two have in common.

    strength: the weight of the loss.
    normalize: divide the gradient by its L1 norm before the strength is applied.
    precedes_relu: the next layer is a ReLU.  In the original it works in place, so that the loss
        takes its value from the features before the ReLU but its gradient from those after it.

    scale: what the gradient is multiplied by besides (for float16).
    owns_gradient: whether nobody else has the gradient from above, so that it may be written over.
    rectifies: whether it sees to the way back of the ReLU that the features come from.

    mode is 'none', 'capture' (the features become the target) or 'loss'; loss is the value of
    the last evaluation, the one that is printed: 0-dim, float64.

    part: None where the features are the whole layer.  Else they are those of a tile, and the mode
    is 'capture', 'sum' (of the statistic, up to settle), 'norm' (the same for the norm of the
    gradient), 'loss' to add the gradient, or 'recall'.
    forgets: of a tile summed up with its way back to come, the features are not kept: before that,
    the tile comes again in mode 'recall'.
    """

    scale = 1.0
    owns_gradient = False
    applies_relu_backward = False
    part: Region | None = None
    discard_features = False
    recomputed_features: Tensor | None = None

    def __init__(self, strength: float, normalize: bool = False, precedes_relu: bool = False):
        super().__init__()
        self.strength = strength
        self.normalize = normalize
        self.precedes_relu = precedes_relu
        self.mode = 'none'
        self.target = torch.empty(0)
        self.loss = torch.zeros((), dtype=torch.float64)
        self._statistic = torch.zeros(())
        self.sum: Tensor | None = None  # of the tiles so far, in float64
        self._norm = torch.zeros(())  # of the gradient of the whole layer, from its tiles
        self._last = torch.empty(0)  # of no pixels: channels, dtype and device of a tile's features

    def forward(self, features: Tensor) -> Tensor:
        _check_single(features)
        if self.part is not None and self.mode != 'none':
            below = features.detach()
            if self.mode == 'loss':
                return _AddGradient.apply(features, self, below)
            if self.mode == 'recall':
                self.recomputed_features = below
                return features
            comes_back = self.goes_back()  # down, that is, without coming up again
            if comes_back and not self.discard_features:
                below = pooled_empty_like(features).copy_(below)
            self._add_up(piece(below, self.part.own))
            if comes_back:
                return _AddGradient.apply(features, self, None if self.discard_features else below)
        elif self.mode == 'capture':
            self.capture(features)
        elif self.mode == 'loss':
            self._statistic = self.statistic(features.detach())
            # The original's criterion answers in the features' precision, and the strength is
            # multiplied in double.
            self.loss = _double(self.value(features.detach(), self._statistic)) * self.strength
            return _AddGradient.apply(features, self, features.detach())
        return features

    def goes_back(self) -> bool:
        """Whether it is going to add a gradient on the way back of what comes next."""
        return torch.is_grad_enabled() and self.mode in ('loss', 'sum')

    def add_gradient(self, features: Tensor, gradient: Tensor) -> None:
        """Add the gradient of the loss, normalised and weighted, to that from above."""
        own = self._own(features)
        if self.normalize:
            own /= (_double(own.abs()).sum() if self.part is None else self._norm) + 1e-8
        gradient.add_(own.mul_(self.strength * self.scale))

    def _own(self, features: Tensor) -> Tensor:
        if self.part is not None:
            features = _dense(features)
        if self.precedes_relu:
            features = features.clamp(min=0)
        return self.gradient(features, self._statistic)

    def _add_up(self, features: Tensor) -> None:
        """Add a tile's share, in float64: of the statistic, or of the gradient's norm."""
        self._last = features.new_empty(*features.shape[:2], 0, 0)
        if self.mode == 'norm':
            found = _double(self._own(features).abs().sum())
        else:
            found = _double(self.statistic(features))
        self.sum = found if self.sum is None else self.sum + found

    def settle(self) -> None:
        """All tiles, the last one's part still set, are in the sum: take what the mode is for."""
        assert self.sum is not None
        total, self.sum = self.sum.to(_full(self._last)), None
        if self.mode == 'norm':
            self._norm = total
        elif self.mode == 'capture':
            self.capture_statistic(self._last, total)
        else:
            self._statistic = total
            self.loss = _double(self.value(self._last, total)) * self.strength

    def _positions_of(self, features: Tensor) -> int:
        """Of the whole layer: H · W, or 1 after a fully connected one."""
        return math.prod(features.shape[2:] if self.part is None else self.part.size)

    def _count(self, features: Tensor) -> int:
        """How many elements the whole layer has."""
        return features.shape[1] * self._positions_of(features)

    def capture_statistic(self, features: Tensor, statistic: Tensor) -> None:
        raise NotImplementedError

    def capture(self, features: Tensor) -> None:
        raise NotImplementedError

    def statistic(self, features: Tensor) -> Tensor:
        raise NotImplementedError

    def value(self, features: Tensor, statistic: Tensor) -> Tensor:
        raise NotImplementedError

    def gradient(self, features: Tensor, statistic: Tensor) -> Tensor:
        raise NotImplementedError


class ContentLoss(Loss):
    """Mean squared difference to the target features: strength · mean((F − P)²).

    Source: neural_style.lua: ContentLoss.
    """

    def capture(self, features: Tensor) -> None:
        self.target = _full(features.detach()).clone()

    def _add_up(self, features: Tensor) -> None:
        if self.mode == 'capture':
            self._keep(features)
        else:
            super()._add_up(features)

    def _keep(self, features: Tensor) -> None:
        """The target of a tile, into that of the whole layer."""
        assert self.part is not None
        features = _full(features)
        shape = (1, features.shape[1], *self.part.size)
        if self.target.shape != shape:
            self.target = large_empty_like(features, shape, features.device)
        piece(self.target, self.part.place).copy_(features)

    def settle(self) -> None:
        if self.mode != 'capture':
            super().settle()

    def statistic(self, features: Tensor) -> Tensor:
        if self.part is None:
            return _sum_of_squares(_full(features)[0], self.target[0])
        # The original's order of summation would not be that of the whole layer.
        return self._difference(features).square_().sum()

    def value(self, features: Tensor, statistic: Tensor) -> Tensor:
        return statistic / self._count(features)

    def gradient(self, features: Tensor, statistic: Tensor) -> Tensor:
        return self._difference(features).mul_(self._slope(features))

    def add_gradient(self, features: Tensor, gradient: Tensor) -> None:
        if self.normalize or self.precedes_relu or features.dim() != 4:
            super().add_gradient(features, gradient)
            return
        slope, weight = self._slope(features), self.strength * self.scale
        several = _row_chunks(features, self._place(), gradient)
        for own, target, found in zip(*several, strict=True):
            found.add_((_full(own) - target).mul_(slope).mul_(weight))

    def _slope(self, features: Tensor) -> float:
        """The gradient, of the difference of features and target."""
        return 2.0 / self._count(features)

    def _difference(self, features: Tensor) -> Tensor:
        return _full(features) - self._place()

    def _place(self) -> Tensor:
        """The target of the features that come."""
        return self.target if self.part is None else piece(self.target, self.part.place)


class PaperContentLoss(ContentLoss):
    """The paper's content loss: strength · ½ Σ (F − P)².

    Source: Gatys et al. 2015, eq. 1 and 2.
    """

    def value(self, features: Tensor, statistic: Tensor) -> Tensor:
        return statistic / 2

    def _slope(self, features: Tensor) -> float:
        return 1.0


class StyleLoss(Loss):
    """Mean squared difference of Gram matrices: strength · mean((G − A)²), G = F Fᵀ / (C·H·W).

    Several style images are blended in the target: A = Σ blend_weight · G.
    exact: whether the features come from an image small enough to round as Torch7 does.
    guide: (1, H, W) in [0, 1] of an image, or None: how much each position counts.  With it, F is
    T F and the number of positions Σ T², T the guide averaged down to the layer's size.
    Source: neural_style.lua: StyleLoss; Gatys et al. 2017 (Controlling Perceptual Factors), eq. 5.
    """

    blend_weight = 1.0
    exact = True
    _whole_guide: Tensor | None = None

    @property
    def guide(self) -> Tensor | None:
        return self._whole_guide

    @guide.setter
    def guide(self, guide: Tensor | None) -> None:
        self._whole_guide = guide
        self._averages: dict[tuple, tuple[Tensor, float]] = {}

    def forward(self, features: Tensor) -> Tensor:
        if features.dim() != 4:  # whatever the mode, as in the original
            raise SettingError(
                'style_layers',
                'a fully connected layer has no positions to take a Gram matrix over;'
                ' name convolution, ReLU or pooling layers',
            )
        return super().forward(features)

    def capture(self, features: Tensor) -> None:
        self.capture_statistic(features, self.statistic(features))

    def capture_statistic(self, features: Tensor, statistic: Tensor) -> None:
        gram, weight = self._normalized(features, statistic), self.blend_weight
        first = self.target.numel() == 0
        self.target = gram * weight if first else self.target.add(gram, alpha=weight)

    def statistic(self, features: Tensor) -> Tensor:
        if self.guide is None:
            return gram_matrix(features, self.exact)
        guide = self._guide(features)
        if self.exact:
            return gram_matrix(features * guide, self.exact)
        several = zip(*_row_chunks(features, guide), strict=True)
        return torch.stack([gram_matrix(own * some, exact=False) for own, some in several]).sum(0)

    def value(self, features: Tensor, statistic: Tensor) -> Tensor:
        normalized = self._normalized(features, statistic)
        return _sum_of_squares(normalized, self.target) / normalized.numel()

    def gradient(self, features: Tensor, statistic: Tensor) -> Tensor:
        slope = self._slope(features, statistic)
        if self.exact and self.guide is None:
            return _both_products(slope, features)
        return self._backward(slope.mul_(2), features)

    def add_gradient(self, features: Tensor, gradient: Tensor) -> None:
        if self.exact or self.normalize or self.precedes_relu:
            super().add_gradient(features, gradient)
            return
        # The same with less to read and write: the slope is weighted in the features' place.
        slope = self._slope(features, self._statistic) * (2 * self.strength * self.scale)
        if self.guide is not None:
            several = _row_chunks(features, self._guide(features), gradient)
            for own, guide, found in zip(*several, strict=True):
                found.add_(_product(slope, own * guide).mul_(guide))
        elif features.dtype in HALVES:
            # Some positions at a time: nothing of the layer's size is ever float32.
            above = _dense(gradient)
            pieces = (_dense(some)[0].flatten(1).t().split(PIECE) for some in (features, above))
            for some, found in zip(*pieces, strict=True):
                found.copy_((some.float() @ slope).add_(found))
            if above is not gradient:
                gradient.copy_(above)
        elif _is_dense(gradient):
            gradient[0].flatten(1).t().addmm_(features[0].flatten(1).t(), slope)
        else:
            rows = _rows(gradient)
            rows.baddbmm_(_rows(features), slope.expand(len(rows), *slope.shape))

    def _slope(self, features: Tensor, statistic: Tensor) -> Tensor:
        """The gradient of the Gram matrix: (C, C), symmetric.

        Times the features it is half of theirs: the original adds two such products.
        """
        difference = self._normalized(features, statistic) - self.target
        return difference.mul_(2.0 / difference.numel()).div_(self._divisor(features))

    def _normalized(self, features: Tensor, gram: Tensor) -> Tensor:
        return gram / self._divisor(features)

    def _divisor(self, features: Tensor) -> float:
        return features.shape[1] * self._positions(features)

    def _positions(self, features: Tensor) -> float:
        if self.guide is None:
            return self._positions_of(features)
        return self._averaged(features)[1]

    def _guide(self, features: Tensor) -> Tensor:
        """T: (1, 1, H, W) of the features."""
        whole = self._averaged(features)[0]
        return whole if self.part is None else piece(whole, self.part.place)

    def _averaged(self, features: Tensor) -> tuple[Tensor, float]:
        """T and Σ T², worked out once for a guide and a kind of features."""
        assert self._whole_guide is not None
        height, width = features.shape[2:] if self.part is None else self.part.size
        size = (height, width)
        kind = (size, features.dtype, features.device)
        if kind not in self._averages:
            guide = self._whole_guide.to(features).unsqueeze(0)
            averaged = functional.adaptive_avg_pool2d(guide, size)
            self._averages[kind] = averaged, float(averaged.square().sum())
        return self._averages[kind]

    def _backward(self, difference: Tensor, features: Tensor) -> Tensor:
        """difference · F, with the guide on both sides, in the layout of the features."""
        if self.guide is not None:
            guide = self._guide(features)
            return _product(difference, features * guide).mul_(guide)
        return _product(difference, features)


class PaperStyleLoss(StyleLoss):
    """The paper's style loss: strength · 1 / (4 N² M²) Σ (G − A)², G = F Fᵀ.

    N: channels.  M: positions.  The Gram matrices are kept divided by their own M, so that a style
    image need not have as many positions as the image; with as many it is the printed formula.
    Source: Gatys et al. 2015, eq. 4 and 6.
    """

    def value(self, features: Tensor, statistic: Tensor) -> Tensor:
        return super().value(features, statistic) / 4

    def _slope(self, features: Tensor, statistic: Tensor) -> Tensor:
        return super()._slope(features, statistic).div_(4)

    def _divisor(self, features: Tensor) -> float:
        return self._positions(features)


class TVLoss(nn.Module):
    """Total variation: a gradient alone, over the (H−1) × (W−1) interior.

    It adds the gradient of strength · ½ Σ ((x − right)² + (x − below)²) and never shows in the
    printed total.  Source: neural_style.lua: TVLoss.
    """

    scale = 1.0
    owns_gradient = applies_relu_backward = False

    def __init__(self, strength: float):
        super().__init__()
        self.strength = strength

    def forward(self, image: Tensor) -> Tensor:
        if image.dim() > 3:
            _check_single(image)
        return _AddGradient.apply(image, self, image.detach())

    def add_gradient(self, image: Tensor, gradient: Tensor) -> None:
        for start, own in self._rows(image):
            found = gradient[..., start : start + own.shape[-2], :]
            found.add_(own.mul_(self.strength * self.scale))

    def gradient(self, image: Tensor) -> Tensor:
        return torch.cat([own for _, own in self._rows(image)], -2)

    def _rows(self, image: Tensor) -> Iterator[tuple[int, Tensor]]:
        """The gradient's first row, and some rows from there on: RUN elements at a time."""
        height = image.shape[-2]
        count = max(1, RUN // max(image[..., :1, :].numel(), 1))
        for start in range(0, height, count):
            stop, last = min(start + count, height), min(start + count, height - 1)
            inner = image[..., start:last, :-1]
            x_diff = inner - image[..., start:last, 1:]
            y_diff = inner - image[..., start + 1 : last + 1, :-1]
            own = torch.zeros_like(image[..., start:stop, :])
            own[..., : last - start, :-1].add_(x_diff).add_(y_diff)
            own[..., : last - start, 1:].sub_(x_diff)
            first = max(start, 1)
            above, below = image[..., first - 1 : stop - 1, :-1], image[..., first:stop, :-1]
            own[..., first - start :, :-1].sub_(above - below)
            yield start, own


def _check_single(features: Tensor) -> None:
    if len(features) != 1:
        raise ValueError(f'a loss takes the features of one image, not of {len(features)}')


def _both_products(slope: Tensor, features: Tensor) -> Tensor:
    """slope · F + slopeᵀ · F, rounded as Torch7 does."""
    flat = _full(features)[0].flatten(1)
    total = add_product(None, slope, flat.t())
    return add_product(total, slope.t(), flat.t(), transposed=True).view(features.shape)


def _product(difference: Tensor, features: Tensor) -> Tensor:
    """difference · F, in the layout of the features, in float32 or more."""
    features = _full(features)
    flat = features[0].flatten(1)  # (C, H * W)
    if flat.stride(0) == 1:  # channels last; the gradient in the same layout
        return (flat.t() @ difference).t().view_as(features)
    return (difference @ flat).view_as(features)


def _sum_of_squares(a: Tensor, b: Tensor) -> Tensor:
    """Σ (a − b)², 0-dim, summed as THNN/generic/MSECriterion.c does.

    On the CPU the original adds one float32 after the other, which on large layers is off by
    up to 4e-5 from the true sum; the printed losses show it.
    """
    if a.device.type != 'cpu':
        return (a - b).square().sum()
    total = a.new_zeros(()).numpy()
    rows = max(1, RUN * len(a) // max(a.numel(), 1))
    for x, y in zip(a.split(rows), b.split(rows), strict=True):
        squares = (x - y).square_().contiguous().view(-1).numpy()
        with np.errstate(over='ignore', invalid='ignore'):  # as in C
            squares[:1] += total
            total = np.add.accumulate(squares, out=squares)[-1]
    return torch.from_numpy(np.asarray(total))


def _full(features: Tensor) -> Tensor:
    """Features of half the precision in float32; others as they are."""
    return features.float() if features.dtype in (torch.bfloat16, torch.float16) else features


def _double(value: Tensor) -> Tensor:
    """value in float64, on its own device where that has float64 (mps has not)."""
    return value.cpu().double() if value.device.type == 'mps' else value.double()
