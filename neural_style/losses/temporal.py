"""The temporal loss: a frame of a video compared with earlier ones, moved to where they are now."""

import torch
from torch import Tensor

from neural_style.losses.base import EPSILON, ImageLoss
from neural_style.losses.features import to_float64


class TemporalLoss(ImageLoss):
    """The mean of c (x − ω)² over the D values of an image; each pixel has a reliability c.

    strength: the weight of the loss.  target: ω, (3, H, W).  reliability: c, (1, H, W) in [0, 1].
    normalize: divide the gradient by its L1 norm, as for the losses of features.
    sides: rows and columns by which the network's padding has extended the image; they count for
        nothing.
    Source: Ruder et al. 2016, section 4.2; there c is 0 or 1.
    """

    def __init__(
        self,
        strength: float,
        target: Tensor,
        reliability: Tensor,
        normalize: bool = False,
        sides: tuple[int, int] = (0, 0),
    ):
        super().__init__(strength)
        self.target = target
        self.reliability = reliability
        self.normalize = normalize
        self.sides = sides
        self.loss: Tensor = torch.zeros((), dtype=torch.float64)

    def set_value(self, image: Tensor) -> None:
        difference = self._inner(image) - self.target
        weighted = to_float64(difference.square_().mul_(self.reliability))
        self.loss = weighted.sum() / self.target.numel() * self.strength

    def add_gradient(self, gradient: Tensor, image: Tensor, scale: float = 1.0) -> None:
        added = (self._inner(image) - self.target).mul_(self.reliability)
        added.mul_(2 / self.target.numel())
        if self.normalize:
            added /= to_float64(added.abs()).sum() + EPSILON
        self._inner(gradient).add_(added.mul_(self.strength * scale))

    def _inner(self, image: Tensor) -> Tensor:
        """View (N, 3, H, W) without what the padding has added."""
        rows, columns = self.sides
        height, width = self.target.shape[-2:]
        return image[..., rows : rows + height, columns : columns + width]
