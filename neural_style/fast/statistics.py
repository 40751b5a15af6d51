"""Statistics of features, and the linear maps that give features those of a style."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.autograd import Function
from torch.nn.functional import adaptive_avg_pool2d

# Added to the diagonals of both covariances, relative to the mean variance of the style: a map does
# not amplify what the content hardly has.
DAMPING = 1e-3


@dataclass(frozen=True)
class Statistics:
    """Mean (N, C) and covariance (N, C, C) of the features of N images at one layer."""

    mean: Tensor
    covariance: Tensor

    @classmethod
    def of(cls, features: Tensor, guide: Tensor | None = None) -> 'Statistics':
        """Return the statistics of features (N, C, H, W).

        guide: how much each pixel of the images counts, (1, H', W') with a sum above 0.
        """
        rows = positions(features)
        if guide is None:
            mean = rows.mean(1)
            centred = rows - mean[:, None]
            return cls(mean, centred.transpose(1, 2) @ centred / rows.shape[1])
        height, width = features.shape[2:]
        shares = adaptive_avg_pool2d(guide.to(rows), (height, width)).reshape(1, -1, 1)
        shares = shares / shares.sum()
        mean = (rows * shares).sum(1)
        centred = rows - mean[:, None]
        return cls(mean, (centred * shares).transpose(1, 2) @ centred)

    def mapped(self, affine: 'Affine') -> 'Statistics':
        """Return the statistics of the features that a map makes of these."""
        mean = (affine.matrix @ self.mean[..., None])[..., 0] + affine.offset
        return Statistics(mean, affine.matrix @ self.covariance @ affine.matrix.transpose(1, 2))

    def following(self, previous: 'Statistics', share: float) -> 'Statistics':
        """Return the weighted mean with previous statistics.  share: of these."""
        return blend([previous, self], [1 - share, share])

    def second_moment(self) -> Tensor:
        """Return the Gram matrix divided by the number of positions: (N, C, C)."""
        return self.covariance + self.mean[:, :, None] * self.mean[:, None, :]


def blend(statistics: Sequence[Statistics], weights: Sequence[float]) -> Statistics:
    """Return the weighted mean of statistics: of means and of covariances.  Weights sum to 1."""
    scales = statistics[0].mean.new_tensor(weights).view(-1, 1, 1)
    return Statistics(
        (torch.stack([style.mean for style in statistics]) * scales).sum(0),
        (torch.stack([style.covariance for style in statistics]) * scales[..., None]).sum(0),
    )


def merged_statistics(parts: Sequence[tuple[Statistics, float]]) -> Statistics:
    """Return the statistics of features from those of their parts, and how much each counts."""
    whole = sum(count for _, count in parts)
    shares = [count / whole for _, count in parts]
    mean = blend([part for part, _ in parts], shares).mean
    around = []
    for part, _ in parts:
        offset = part.mean - mean
        covariance = part.covariance + offset[:, :, None] * offset[:, None, :]
        around.append(Statistics(part.mean, covariance))
    return blend(around, shares)


def positions(features: Tensor) -> Tensor:
    """View features (N, C, H, W) as (N, H * W, C), without a copy if they are channels-last."""
    return features.permute(0, 2, 3, 1).flatten(1, 2)


@dataclass(frozen=True)
class Affine:
    """A map x -> matrix x + offset of features, for N images: (N, D, C) and (N, D)."""

    matrix: Tensor
    offset: Tensor

    def __call__(self, features: Tensor) -> Tensor:
        """Map features (N, C, H, W)."""
        rows = torch.baddbmm(self.offset[:, None], positions(features), self.matrix.transpose(1, 2))
        return rows.unflatten(1, features.shape[2:]).permute(0, 3, 1, 2)

    def before(self, matrix: Tensor, offset: Tensor) -> 'Affine':
        """Return the map that continues with x -> matrix x + offset."""
        return Affine(matrix @ self.matrix, (matrix @ self.offset[..., None])[..., 0] + offset)

    def after(self, other: 'Affine') -> 'Affine':
        """Return the map that applies another one first."""
        return other.before(self.matrix, self.offset)

    def scaled(self, factors: Tensor) -> 'Affine':
        """Return the map whose results are multiplied by factors (D,)."""
        return Affine(self.matrix * factors[:, None], self.offset * factors)


def transport(features: Tensor, style: Statistics, strength: float | Tensor = 1.0) -> Tensor:
    """Give features (N, C, H, W) the mean and covariance of a style."""
    return transport_map(Statistics.of(features), style, strength)(features)


def transport_map(content: Statistics, style: Statistics, strength: float | Tensor = 1.0) -> Affine:
    """Return the map that gives features a style's statistics, and moves them least of all such.

    That is the optimal transport map between two normal distributions, S (S K S)^-1/2 S with K the
    covariance of the features and S the root of that of the style (Mroueh 2019, Wasserstein Style
    Transfer).  strength: 0 leaves the features as they are, 1 gives them the style's statistics.
    """
    matrix = optimal_transport(content.covariance, style.covariance).to(content.mean.dtype)
    identity = torch.eye(matrix.shape[1]).to(matrix)
    matrix = identity + strength * (matrix - identity)
    mean = content.mean + strength * (style.mean - content.mean)
    return Affine(matrix, mean - (matrix @ content.mean[..., None])[..., 0])


def optimal_transport(content: Tensor, style: Tensor) -> Tensor:
    """Return the matrices (N, C, C), in float64, from one covariance (N, C, C) to another.

    A product of float32 features with themselves may be rounded unlike its transpose, of which eigh
    reads half: the mean of both is taken.
    """
    content, style = ((matrix + matrix.transpose(1, 2)).double() / 2 for matrix in (content, style))
    level = DAMPING * style.diagonal(dim1=1, dim2=2).mean(1) + 1e-12
    damping = level[:, None, None] * torch.eye(style.shape[-1]).to(style)
    content, style = content + damping, style + damping
    values, vectors = torch.linalg.eigh(style)
    root = vectors * values.clamp(min=0).sqrt()[:, None, :] @ vectors.transpose(1, 2)
    return root @ inverse_root(root @ content @ root) @ root


class _InverseRoot(Function):
    """Matrix^-1/2, with a derivative that equal eigenvalues do not disturb.

    torch.linalg.eigh divides by differences of eigenvalues in its backward pass; the derivative of
    a root divides by sums of their roots.
    """

    @staticmethod
    def forward(context, matrix: Tensor) -> Tensor:
        values, vectors = torch.linalg.eigh(matrix)
        roots = values.clamp(min=1e-14).sqrt()
        context.save_for_backward(roots, vectors)
        return vectors / roots[:, None, :] @ vectors.transpose(1, 2)

    @staticmethod
    def backward(context, *gradients: Tensor) -> Tensor:
        roots, vectors = context.saved_tensors
        inner = vectors.transpose(1, 2) @ gradients[0] @ vectors
        rows, columns = roots[:, :, None], roots[:, None, :]
        inner = -inner / (rows * columns * (rows + columns))
        return vectors @ inner @ vectors.transpose(1, 2)


def inverse_root(matrix: Tensor) -> Tensor:
    """Return matrix^-1/2 of symmetric positive definite matrices (N, C, C)."""
    result: Tensor = _InverseRoot.apply(matrix)
    return result
