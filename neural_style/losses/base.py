"""What losses have in common.

A loss of features (N, C, H, W), or (1, C) after a fully connected layer, has two halves, so that
a layer may be computed region by region:

    statistic(features)            adds over positions: a layer's is the sum of its regions'
    gradient(features, statistic)  is local, once the statistic of the whole layer is known

A loss of the image itself adds its gradient to the image's.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from neural_style.losses.backward import change_in_backward
from neural_style.losses.features import Area, as_channels_last, to_float64

# Added to the norm that a gradient is divided by.  Source: neural_style.lua.
EPSILON = 1e-8


@dataclass(frozen=True)
class Region:
    """Locates features in their layer.

    position: its rows and columns in the layer.  size: (H, W) of the layer.
    """

    position: Area
    size: tuple[int, int]


def layer_shape(features: Tensor, region: Region | None) -> torch.Size:
    """Return the shape of the whole layer that features are a region of."""
    if region is None:
        return features.shape
    return torch.Size((*features.shape[:2], *region.size))


def positions(shape: torch.Size) -> int:
    """Count the positions of a layer: H · W, or 1 after a fully connected one."""
    return math.prod(shape[2:])


class FeatureLoss(nn.Module):
    """A content or style loss.

    strength: the weight of the loss.
    normalize: divide the gradient by its L1 norm before the strength is applied.
    precedes_relu: the next layer is a ReLU.  In the original it works in place, so that the loss
        takes its value from the features before the ReLU but its gradient from those after it.

    loss: the value that was set last, the one that is printed: 0-dim, float64.

    region is None where the features are the whole layer.  exact: whether products are summed in
    Torch7's order, for small images.  Each image of a batch has a statistic, a value and a gradient
    of its own.
    """

    def __init__(self, strength: float, normalize: bool = False, precedes_relu: bool = False):
        super().__init__()
        self.strength = strength
        self.normalize = normalize
        self.precedes_relu = precedes_relu
        self.loss = torch.zeros((), dtype=torch.float64)

    @property
    def has_target(self) -> bool:
        raise NotImplementedError

    def check(self, features: Tensor) -> None:
        """Raise SettingError for features that the loss cannot take."""

    def capture(self, features: Tensor, exact: bool = True) -> None:
        """Make a whole layer's features the target, or add to it."""
        raise NotImplementedError

    def statistic(
        self, features: Tensor, region: Region | None = None, exact: bool = True
    ) -> Tensor:
        """Return what adds over positions: (N, ...)."""
        raise NotImplementedError

    def value(self, statistic: Tensor, shape: torch.Size) -> Tensor:
        """Return the loss of a layer of a shape, not weighted: (N,)."""
        raise NotImplementedError

    def gradient(
        self,
        features: Tensor,
        statistic: Tensor,
        region: Region | None = None,
        exact: bool = True,
    ) -> Tensor:
        """Return the gradient of the value, like the features, in float32 or more."""
        raise NotImplementedError

    def gradient_bytes(self, feature_bytes: float) -> float:
        """Count the bytes of a gradient that is not at once added to the next layer's."""
        return feature_bytes if self.normalize else 0.0

    def guide_bytes(self, channels: int, positions: int) -> float:
        """Count the bytes of guides for a layer, and of the statistics of further terms."""
        return 0.0

    def held_bytes(self, channels: int) -> float:
        """Count the bytes that are kept beside features and gradients, where there are many."""
        return 0.0

    def workspace_bytes(self, channels: int) -> float:
        """Count the bytes in use while the loss or its gradient is computed, likewise."""
        return 0.0

    def set_value(self, statistic: Tensor, shape: torch.Size) -> None:
        """Weight the value, sum it over the images of a batch, and keep it as `loss`."""
        # The original's criterion answers in the features' precision, and the strength is
        # multiplied in double.
        self.loss = to_float64(self.value(statistic, shape)).sum() * self.strength

    def gradient_norm(self, features: Tensor, statistic: Tensor, region: Region) -> Tensor:
        """Return a region's share of the gradient's L1 norm: (N,)."""
        gradient = self._gradient(features, statistic, region, exact=False)
        return torch.stack([image.abs().sum() for image in gradient])

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
        """Add the loss's gradient, normalized and weighted, to a gradient.

        norms: of each image's whole gradient, (N,), for features that are a region.
        scale: a further factor of gradients, for float16.
        """
        added = self._gradient(features, statistic, region, exact)
        if self.normalize:
            if norms is None:
                norms = torch.stack([to_float64(image.abs()).sum() for image in added])
            for image, norm in zip(added, norms, strict=True):
                image /= norm + EPSILON
        gradient.add_(added.mul_(self.strength * scale))

    def _gradient(
        self, features: Tensor, statistic: Tensor, region: Region | None, exact: bool
    ) -> Tensor:
        """Return the gradient as the original takes it, after a ReLU in place."""
        if region is not None:
            features = as_channels_last(features)
        if self.precedes_relu:
            features = features.clamp(min=0)
        return self.gradient(features, statistic, region, exact)


class ImageLoss(nn.Module):
    """A loss of the generated image, (N, 3, H, W), itself.

    It is always given the whole image, so that tiles and processes make no difference.
    As a layer of a network of one's own it is the identity, and adds its gradient in the backward
    pass.

    strength: the weight of the loss.
    loss: its value, 0-dim, float64; None if it is never shown, nor part of the total.
    """

    loss: Tensor | None = None

    def __init__(self, strength: float):
        super().__init__()
        self.strength = strength

    def set_value(self, image: Tensor) -> None:
        """Keep the weighted value as `loss`, if the loss has one."""

    def add_gradient(self, gradient: Tensor, image: Tensor, scale: float = 1.0) -> None:
        """Add the loss's gradient, weighted and times scale, to the image's."""
        raise NotImplementedError

    def forward(self, image: Tensor) -> Tensor:
        if image.dim() > 3:
            check_single(image)
        self.set_value(image.detach())

        def add(gradient: Tensor, image: Tensor) -> Tensor:
            gradient = gradient.clone()  # others may have it
            self.add_gradient(gradient, image)
            return gradient

        return change_in_backward(image, add, image.detach())


def check_single(features: Tensor) -> None:
    if len(features) != 1:
        raise ValueError(f'a loss takes the features of one image, not of {len(features)}')
