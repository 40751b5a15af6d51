"""The losses: identity layers that add their own analytic gradient on the way back.

As in neural_style.lua, a loss layer passes its features on unchanged, keeps the value of its
loss, and adds the gradient of that loss to the gradient that comes from above.  Each loss has
two halves, so that the features may one day come in pieces:

    statistic(features)            adds over positions: of two halves of a layer it is the sum
    gradient(features, statistic)  is local, once the statistic of the whole layer is known

Features are (1, C, H, W), or (1, C) after a fully connected layer.
"""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from torch7.blas import gemm_tn
from torch7.convolution import EXACT

# Features of half the precision are turned into float32 so many positions at a time, for products
# that are float32 throughout: as many as stay in a core's cache.
PIECE = 4096
HALVES = (torch.bfloat16, torch.float16)


def gram_matrix(features: Tensor, exact: bool = True) -> Tensor:
    """Sum over all positions of the products of every two channels: G = F Fᵀ.

    features: (1, C, H, W).  Returns (C, C), not divided by anything.
    exact: in Torch7's order of summation, for up to EXACT positions.
    Source: Gatys et al. 2015, eq. 3; neural_style.lua: GramMatrix.
    """
    flat = features[0].flatten(1)  # (C, H * W)
    if flat.dtype in HALVES:
        pieces = (piece.float() for piece in flat.split(PIECE, 1))
        total = flat.new_zeros(len(flat), len(flat), dtype=torch.float32)
        for piece in pieces:
            total.addmm_(piece, piece.t())
        return total
    return gemm_tn(flat, flat) if exact and flat.shape[1] <= EXACT else flat @ flat.t()


class _AddGradient(torch.autograd.Function):
    """Identity; on the way back the loss adds its gradient."""

    @staticmethod
    def forward(ctx, features, loss):
        ctx.save_for_backward(features)
        ctx.loss = loss
        return features.view_as(features)

    @staticmethod
    def backward(ctx, gradient):
        (features,) = ctx.saved_tensors
        return ctx.loss.add_gradient(features, gradient), None


class Loss(nn.Module):
    """A content or style loss: what the two have in common.

    strength: the weight of the loss.
    normalize: divide the gradient by its L1 norm before the strength is applied.
    rectified: the next layer is a ReLU.  In the original it works in place, so that the loss
        takes its value from the features before the ReLU but its gradient from those after it.

    scale: what the gradient is multiplied by besides (for float16).

    mode is 'none', 'capture' (the features become the target) or 'loss'; loss is the value of
    the last evaluation, the one that is printed: 0-dim, float64.
    """

    scale = 1.0

    def __init__(self, strength: float, normalize: bool = False, rectified: bool = False):
        super().__init__()
        self.strength = strength
        self.normalize = normalize
        self.rectified = rectified
        self.mode = 'none'
        self.target = torch.empty(0)
        self.loss = torch.zeros((), dtype=torch.float64)
        self._statistic = torch.zeros(())

    def forward(self, features: Tensor) -> Tensor:
        if self.mode == 'capture':
            self.capture(features)
        elif self.mode == 'loss':
            self._statistic = self.statistic(features.detach())
            # The original's criterion answers in the features' precision, and the strength is
            # multiplied in double.
            self.loss = _double(self.value(features.detach(), self._statistic)) * self.strength
            return _AddGradient.apply(features, self)
        return features

    def add_gradient(self, features: Tensor, gradient: Tensor) -> Tensor:
        """Gradient of the loss, normalised and weighted, plus the gradient from above."""
        if self.rectified:
            features = features.clamp(min=0)
        own = self.gradient(features, self._statistic)
        if self.normalize:
            own /= own.abs().sum() + 1e-8
        return own.mul_(self.strength * self.scale).add_(gradient).to(gradient.dtype)

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

    def statistic(self, features: Tensor) -> Tensor:
        return _sum_of_squares(_full(features) - self.target)

    def value(self, features: Tensor, statistic: Tensor) -> Tensor:
        return statistic / features.numel()

    def gradient(self, features: Tensor, statistic: Tensor) -> Tensor:
        return (_full(features) - self.target).mul_(2.0 / features.numel())


class PaperContentLoss(ContentLoss):
    """The paper's content loss: strength · ½ Σ (F − P)².

    Source: Gatys et al. 2015, eq. 1 and 2.
    """

    def value(self, features: Tensor, statistic: Tensor) -> Tensor:
        return statistic / 2

    def gradient(self, features: Tensor, statistic: Tensor) -> Tensor:
        return _full(features) - self.target


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

    def capture(self, features: Tensor) -> None:
        gram = self._normalized(features, self.statistic(features)) * self.blend_weight
        self.target = gram if self.target.numel() == 0 else self.target + gram

    def statistic(self, features: Tensor) -> Tensor:
        if features.dim() != 4:
            raise ValueError(
                '-style_layers: a fully connected layer has no positions to take a Gram matrix'
                ' over; name convolution, ReLU or pooling layers'
            )
        if self.guide is not None:
            features = features * self._guide(features)
        return gram_matrix(features, self.exact)

    def value(self, features: Tensor, statistic: Tensor) -> Tensor:
        difference = self._normalized(features, statistic) - self.target
        return _sum_of_squares(difference) / difference.numel()

    def gradient(self, features: Tensor, statistic: Tensor) -> Tensor:
        return self._backward(self._slope(features, statistic), features)

    def add_gradient(self, features: Tensor, gradient: Tensor) -> Tensor:
        plain = not self.normalize and not self.rectified and self.guide is None
        if features.dtype not in HALVES or not plain:
            return super().add_gradient(features, gradient)
        # The same, some positions at a time: nothing of the layer's size is ever float32.
        slope = self._slope(features, self._statistic) * (self.strength * self.scale)
        result = torch.empty_like(gradient)
        pieces = (whole[0].flatten(1).t().split(PIECE) for whole in (features, gradient, result))
        for piece, above, sum in zip(*pieces, strict=True):
            sum.copy_((piece.float() @ slope).add_(above))
        return result

    def _slope(self, features: Tensor, statistic: Tensor) -> Tensor:
        """What the features are multiplied by for their gradient: (C, C)."""
        difference = self._normalized(features, statistic) - self.target
        # The Gram matrix and its target are symmetric: one product gives what the original
        # adds from two.
        return difference.mul_(2.0 * 2.0 / difference.numel() / self._divisor(features))

    def _normalized(self, features: Tensor, gram: Tensor) -> Tensor:
        return gram / self._divisor(features)

    def _divisor(self, features: Tensor) -> float:
        return features.shape[1] * self._positions(features)

    def _positions(self, features: Tensor) -> float:
        if self.guide is None:
            return features.shape[2] * features.shape[3]
        return self._averaged(features)[1]

    def _guide(self, features: Tensor) -> Tensor:
        """T: (1, 1, H, W) of the features."""
        return self._averaged(features)[0]

    def _averaged(self, features: Tensor) -> tuple[Tensor, float]:
        """T and Σ T², worked out once for a guide and a kind of features."""
        assert self._whole_guide is not None
        size = (features.shape[2], features.shape[3])
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

    def __init__(self, strength: float):
        super().__init__()
        self.strength = strength

    def forward(self, image: Tensor) -> Tensor:
        return _AddGradient.apply(image, self)

    def add_gradient(self, image: Tensor, gradient: Tensor) -> Tensor:
        return self.gradient(image).mul_(self.strength * self.scale).add_(gradient)

    def gradient(self, image: Tensor) -> Tensor:
        inner = image[..., :-1, :-1]
        x_diff = inner - image[..., :-1, 1:]
        y_diff = inner - image[..., 1:, :-1]
        gradient = torch.zeros_like(image)
        gradient[..., :-1, :-1].add_(x_diff).add_(y_diff)
        gradient[..., :-1, 1:].sub_(x_diff)
        gradient[..., 1:, :-1].sub_(y_diff)
        return gradient


def _product(difference: Tensor, features: Tensor) -> Tensor:
    """difference · F, in the layout of the features, in float32 or more."""
    features = _full(features)
    flat = features[0].flatten(1)  # (C, H * W)
    if flat.stride(0) == 1:  # channels last; the gradient in the same layout
        return (flat.t() @ difference).t().view_as(features)
    return (difference @ flat).view_as(features)


def _sum_of_squares(difference: Tensor) -> Tensor:
    """Σ d², 0-dim, summed as THNN/generic/MSECriterion.c does.

    On the CPU the original adds one float32 after the other, which on large layers is off by
    up to 4e-5 from the true sum; the printed losses show it.
    """
    squares = difference * difference
    if squares.device.type != 'cpu':
        return squares.sum()
    running = np.add.accumulate(squares.contiguous().view(-1).numpy())
    return torch.from_numpy(running[-1:]).squeeze(0)


def _full(features: Tensor) -> Tensor:
    """Features of half the precision in float32; others as they are."""
    return features.float() if features.dtype in (torch.bfloat16, torch.float16) else features


def _double(value: Tensor) -> Tensor:
    """value in float64, on its own device where that has float64 (mps has not)."""
    return value.cpu().double() if value.device.type == 'mps' else value.double()
