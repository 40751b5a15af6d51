"""The 2-Wasserstein distance of normal distributions as the statistic of a style."""

import torch
from torch import Tensor

from neural_style.losses.statistics.moments import MeanCovariance
from neural_style.losses.statistics.remembered import LastAnswers

# Added to the variances of both distributions, as a share of the target's mean variance.  Layers
# with more channels than positions have no variance in some directions, and float32 sums know
# variances to about 1e-7 of the largest only.
RIDGE = 1e-2
# The ridge where the target has no variance at all.
SMALLEST_RIDGE = 1e-10
# A factor of the distance: the default style weight gives pictures about as far from the content as
# those of Gram matrices (VGG-16, 160 pixels, equal time).
SCALE = 0.15


class Wasserstein(MeanCovariance):
    """2-Wasserstein distance of the normal distributions of features.

    0.15/C (|μ − μ'|² + tr(Σ + Σ' − 2 (Σ'^½ Σ Σ'^½)^½)), with a ridge added to Σ and Σ' (RIDGE).
    Its gradient with respect to Σ is 0.15/C (I − T), where T Σ T = Σ' is the optimal transport: T
    is Σ'^½ Q L⁻¹ with Σ = L Lᵀ, and Q the orthogonal factor of Σ'^½ L.  So no eigenvalues are
    compared, and equal ones do no harm.
    Source: Dowson and Landau 1982; Olkin and Pukelsheim 1982; of styles, Marron (Style Transfer as
    Optimal Transport) and Mroueh 2019 (Wasserstein Style Transfer).
    """

    name = 'wasserstein'
    scale = SCALE

    def __init__(self) -> None:
        super().__init__()
        self._target_root = LastAnswers(_regularized_root)

    def distance(
        self, mean: Tensor, covariance: Tensor, target_mean: Tensor, target_covariance: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        ridge = max(RIDGE * float(target_covariance.diagonal().mean()), SMALLEST_RIDGE)
        target_root = self._target_root(target_covariance, ridge)
        root = _factor(covariance, ridge)
        left, singular_values, right = torch.linalg.svd(target_root @ root)
        # T L = Σ'^½ Q, where Σ = L Lᵀ
        transport = torch.linalg.solve(root, target_root @ left @ right, left=False)
        transport = (transport + transport.t()) / 2
        variances = root.square().sum() + target_root.square().sum()
        factor = self.scale / len(mean)
        difference = mean - target_mean
        value = difference.square().sum() + variances - 2 * singular_values.sum()
        identity = torch.eye(len(mean), dtype=mean.dtype, device=mean.device)
        return factor * value, 2 * factor * difference, factor * (identity - transport)

    def held_bytes(self, channels: int) -> float:
        return (8.0 * 3 + 4.0 * 3) * channels**2  # the target's root among them

    def workspace_bytes(self, channels: int) -> float:
        return 8.0 * 20 * channels**2


def _factor(covariance: Tensor, ridge: float) -> Tensor:
    """Return L with Σ + ridge · I = L Lᵀ: Cholesky's, or the root where rounding forbids it."""
    identity = torch.eye(len(covariance), dtype=covariance.dtype, device=covariance.device)
    factor, failed = torch.linalg.cholesky_ex(covariance + ridge * identity)
    return _regularized_root(covariance, ridge) if failed else factor


def _regularized_root(covariance: Tensor, ridge: float) -> Tensor:
    """Return (Σ + ridge · I)^½; eigenvalues of Σ below 0 are taken for 0."""
    eigenvalues, vectors = torch.linalg.eigh(covariance)
    return (vectors * (eigenvalues.clamp(min=0) + ridge).sqrt()) @ vectors.t()
