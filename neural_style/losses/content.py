"""Content losses: squared differences of features."""

import torch
from torch import Tensor

from neural_style.losses.base import Region, layer_shape
from neural_style.losses.features import (
    REDUCED_PRECISIONS,
    add_,
    at_least_float32,
    crop,
    row_chunks,
    sum_of_squares,
)
from neural_style.losses.layer import LossLayer
from neural_style.memory.allocator import large_empty_like


class ContentLoss(LossLayer):
    """Mean squared difference to the target features: strength · mean((F − P)²).

    target: the features of one image, or of each image of a batch, in float32 or more.
    Differences of features in bfloat16 are rounded to it, as their gradients are.
    Source: neural_style.lua: ContentLoss.
    """

    def __init__(self, strength: float, normalize: bool = False, precedes_relu: bool = False):
        super().__init__(strength, normalize, precedes_relu)
        self._target = torch.empty(0)  # in float32 or more, or in bfloat16 as it was captured

    @property
    def target(self) -> Tensor:
        return at_least_float32(self._target)

    @target.setter
    def target(self, target: Tensor) -> None:
        self._target = target

    @property
    def has_target(self) -> bool:
        return self._target.numel() > 0

    def capture(self, features: Tensor, exact: bool = True) -> None:
        self._target = _comparable(features).clone()

    def capture_region(self, features: Tensor, region: Region) -> None:
        """Make features the target of a region of the layer."""
        features = _comparable(features)
        shape = layer_shape(features, region)
        if self._target.shape != shape:
            self._target = large_empty_like(features, shape, features.device)
        crop(self._target, region.position).copy_(features)

    def statistic(
        self, features: Tensor, region: Region | None = None, exact: bool = True
    ) -> Tensor:
        """Return the sum of squared differences of each image: (N,)."""
        if region is not None or features.dtype in REDUCED_PRECISIONS:
            # The original's order of summation would not be that of the whole layer, and is slow.
            difference = self._difference(features, region)
            return torch.stack([image.square_().sum() for image in difference])
        images = zip(at_least_float32(features), self._target_of(features, None), strict=True)
        return torch.stack([sum_of_squares(image, target) for image, target in images])

    def value(self, statistic: Tensor, shape: torch.Size) -> Tensor:
        return statistic / shape[1:].numel()

    def gradient(
        self,
        features: Tensor,
        statistic: Tensor,
        region: Region | None = None,
        exact: bool = True,
    ) -> Tensor:
        difference = self._difference(features, region)
        return difference.mul_(self._slope(layer_shape(features, region)))

    def add_gradient(
        self,
        gradient: Tensor,
        features: Tensor,
        statistic: Tensor,
        region: Region | None = None,
        *,
        exact: bool = True,
        norms: Tensor | None = None,
        scale: float = 1.0,
    ) -> None:
        if self.normalize or self.precedes_relu or features.dim() != 4:
            super().add_gradient(
                gradient, features, statistic, region, exact=exact, norms=norms, scale=scale
            )
            return
        slope, weight = self._slope(layer_shape(features, region)), self.strength * scale
        chunks = row_chunks(features, self._target_of(features, region), gradient)
        for rows, target, total in zip(*chunks, strict=True):
            difference = _subtract(rows, target)
            if difference.dtype == total.dtype == torch.bfloat16:
                total.add_(difference, alpha=slope * weight)
            else:
                add_(total, at_least_float32(difference).mul_(slope).mul_(weight))

    def _slope(self, shape: torch.Size) -> float:
        """Return what the differences are multiplied by in the gradient."""
        return 2.0 / shape[1:].numel()

    def _target_of(self, features: Tensor, region: Region | None) -> Tensor:
        """View the target of features."""
        target = self._target if region is None else crop(self._target, region.position)
        return target.expand(len(features), *target.shape[1:])

    def _difference(self, features: Tensor, region: Region | None) -> Tensor:
        """Return F − P in float32 or more."""
        return at_least_float32(_subtract(features, self._target_of(features, region)))


class PaperContentLoss(ContentLoss):
    """The paper's content loss: strength · ½ Σ (F − P)².

    Source: Gatys et al. 2015, eq. 1 and 2.
    """

    def value(self, statistic: Tensor, shape: torch.Size) -> Tensor:
        return statistic / 2

    def _slope(self, shape: torch.Size) -> float:
        return 1.0


def _comparable(features: Tensor) -> Tensor:
    """Return features as they are compared: those in bfloat16 as they are."""
    return features if features.dtype == torch.bfloat16 else at_least_float32(features)


def _subtract(features: Tensor, target: Tensor) -> Tensor:
    """Return the difference, in bfloat16 if both are."""
    return (features if target.dtype == features.dtype else at_least_float32(features)) - target
