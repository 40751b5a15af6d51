"""What is to be run, as far as memory depends on it."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from neural_style.network.loss_network import LossNetwork


@dataclass(frozen=True)
class Workload:
    """Describes a run: sizes (H, W) of the image and the style images, and the optimiser.

    vectors: that the history of L-BFGS keeps, 0 for Adam.
    used: bytes in use already, on the device, by that process of the run that has the most.
    released_bytes: of those, the bytes that are only needed until the targets are captured.
    reparametrized: whether the image is computed from what is optimised.
    coming_bytes: of images that will be there once the run begins, and are not yet.
    """

    network: LossNetwork
    size: tuple[int, int]
    style_sizes: tuple[tuple[int, int], ...]
    vectors: int
    used: int
    released_bytes: int = 0
    reparametrized: bool = False
    coming_bytes: int = 0
    cache: dict[Any, Any] = field(default_factory=dict, compare=False)

    @property
    def on_cpu(self) -> bool:
        return self.network.devices[0].type == 'cpu'

    def extended(self, size: tuple[int, int]) -> tuple[int, int]:
        """Return the size of an image with the edges that the first layer sees beyond it."""
        return self.network.edges.extended_size(size)

    def cached(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Return what a function of the network and hashable arguments does, called once."""
        key = function, *arguments
        if key not in self.cache:
            self.cache[key] = function(self.network, *arguments)
        return self.cache[key]

    def scaled(self, factor: float) -> 'Workload':
        """Return the same run with images of other sizes."""
        sizes = (self.size, *self.style_sizes)
        scaled = [
            (max(1, int(height * factor)), max(1, int(width * factor))) for height, width in sizes
        ]
        used, released_bytes = self.used, self.released_bytes
        coming_bytes = self.coming_bytes
        if self.on_cpu:  # the images are there already, in float64
            before, after = (24 * sum(map(math.prod, images)) for images in (sizes, scaled))
            used = max(used + after - before, 0)
            released_bytes = int(released_bytes * after / before)
            coming_bytes = int(coming_bytes * after / before)
        return replace(
            self,
            size=scaled[0],
            style_sizes=tuple(scaled[1:]),
            used=used,
            released_bytes=released_bytes,
            coming_bytes=coming_bytes,
            cache={},
        )
