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


class Wasserstein(MeanCovariance):
    """2-Wasserstein distance of the normal distributions of features.

    1/C (|μ − μ'|² + tr(Σ + Σ' − 2 (Σ'^½ Σ Σ'^½)^½)), with a ridge added to Σ and Σ' (RIDGE).
    Its gradient with respect to Σ is (I − T)/C, where T Σ T = Σ' is the optimal transport: T is
    Σ'^½ Q Σ^-½, and Q the orthogonal factor of Σ'^½ Σ^½.  So no eigenvalues are compared, and
    equal ones do no harm.
    Source: Dowson and Landau 1982; Olkin and Pukelsheim 1982, theorem 4, for T.
    """

    name = 'wasserstein'
    scale = 1.0

    def __init__(self) -> None:
        super().__init__()
        self._target_root = LastAnswers(_regularized_root)

    def distance(
        self, mean: Tensor, covariance: Tensor, target_mean: Tensor, target_covariance: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        ridge = max(RIDGE * float(target_covariance.diagonal().mean()), SMALLEST_RIDGE)
        root, inverse_root = _regularized_root(covariance, ridge)
        target_root, _ = self._target_root(target_covariance, ridge)
        left, singular_values, right = torch.linalg.svd(target_root @ root)
        transport = target_root @ left @ right @ inverse_root
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


def _regularized_root(covariance: Tensor, ridge: float) -> tuple[Tensor, Tensor]:
    """Return (Σ + ridge · I)^½ and its inverse; eigenvalues of Σ below 0 are taken for 0."""
    eigenvalues, vectors = torch.linalg.eigh(covariance)
    roots = (eigenvalues.clamp(min=0) + ridge).sqrt()
    return (vectors * roots) @ vectors.t(), (vectors / roots) @ vectors.t()
