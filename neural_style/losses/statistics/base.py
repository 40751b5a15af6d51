"""What the statistics that style losses compare have in common."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor


@dataclass(frozen=True)
class LayerExtent:
    """Measures a layer.  channels: C.  count: its positions, or Σ T² where a guide weights them."""

    channels: int
    count: float


class StyleStatistic:
    """Compares the features of an image with those of style images.

    Features are those of one image, (1, C, H, W), or of a region of the layer.  guide: T, a map
    (1, 1, H, W): what is weighted counts T² times.

    sums: what is added up over positions, on the features' device, in float32 or more.
    target: sums by the position; those of several style images are blended as a weighted sum.
    slope: whatever the gradient with respect to the features needs beside them.

    name: as `style_statistic` and the names of saved targets have it.
    further_gradients: that are held while the gradient is computed.
    """

    name: str
    further_gradients = 0

    def sums(self, features: Tensor, guide: Tensor | None, exact: bool) -> Tensor:
        """Add up over positions.  exact: in Torch7's order, where it has one."""
        raise NotImplementedError

    def sums_near(
        self, features: Tensor, guide: Tensor | None, target: Tensor, extent: LayerExtent
    ) -> Tensor:
        """Add up over a whole layer what is compared with a target.

        It may be rounded the more, the farther from the target it is.
        """
        return self.sums(features, guide, exact=False)

    def target(self, sums: Tensor, extent: LayerExtent) -> Tensor:
        """Turn the sums of a layer into a target, or a part of a blended one."""
        raise NotImplementedError

    def value(self, sums: Tensor, target: Tensor, extent: LayerExtent) -> Tensor:
        """Return the distance to the target, 0-dim."""
        raise NotImplementedError

    def slope(self, sums: Tensor, target: Tensor, extent: LayerExtent, weight: float) -> Any:
        """Return what makes the gradient of the value, times a weight, out of features."""
        raise NotImplementedError

    def gradient(self, slope: Any, features: Tensor, guide: Tensor | None, exact: bool) -> Tensor:
        """Return the gradient like the features, in float32 or more."""
        raise NotImplementedError

    def add_gradient(
        self, total: Tensor, slope: Any, factor: float, features: Tensor, guide: Tensor | None
    ) -> None:
        """Add the gradient, times a factor, to a total, with temporaries of a chunk's size."""
        raise NotImplementedError

    def shape(self, channels: int) -> tuple[int, ...]:
        """Return the shape of sums and targets of a layer."""
        raise NotImplementedError

    def held_bytes(self, channels: int) -> float:
        """Count the bytes of sums, target and slope, where they are more than Gram matrices."""
        return 0.0

    def workspace_bytes(self, channels: int) -> float:
        """Count the bytes in use while a value, a slope or a gradient is computed."""
        return 0.0
