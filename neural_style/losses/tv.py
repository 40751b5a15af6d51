"""Total variation."""

from collections.abc import Iterator

import torch
from torch import Tensor

from neural_style.losses.base import ImageLoss
from neural_style.losses.features import rows_per_chunk


class TVLoss(ImageLoss):
    """Total variation: a gradient alone, over the (H−1) × (W−1) interior.

    It adds the gradient of strength · ½ Σ ((x − right)² + (x − below)²) and never shows in the
    printed total.  Source: neural_style.lua: TVLoss.
    """

    def add_gradient(self, gradient: Tensor, image: Tensor, scale: float = 1.0) -> None:
        for start, rows in self._gradient_rows(image):
            total = gradient[..., start : start + rows.shape[-2], :]
            total.add_(rows.mul_(self.strength * scale))

    def gradient(self, image: Tensor) -> Tensor:
        """Return the gradient, not weighted."""
        return torch.cat([rows for _, rows in self._gradient_rows(image)], -2)

    def _gradient_rows(self, image: Tensor) -> Iterator[tuple[int, Tensor]]:
        """Yield chunks of rows of the gradient, each with the number of its first row."""
        height, count = image.shape[-2], rows_per_chunk(image)
        for start in range(0, height, count):
            stop, last = min(start + count, height), min(start + count, height - 1)
            inner = image[..., start:last, :-1]
            x_diff = inner - image[..., start:last, 1:]
            y_diff = inner - image[..., start + 1 : last + 1, :-1]
            gradient = torch.zeros_like(image[..., start:stop, :])
            gradient[..., : last - start, :-1].add_(x_diff).add_(y_diff)
            gradient[..., : last - start, 1:].sub_(x_diff)
            first = max(start, 1)
            upper, lower = image[..., first - 1 : stop - 1, :-1], image[..., first:stop, :-1]
            gradient[..., first - start :, :-1].sub_(upper - lower)
            yield start, gradient
