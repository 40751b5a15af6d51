"""What happens at the losses while the tiles of a stage go through a network.

Every tile adds its share to the statistics of the losses.  Once they are those of whole layers, a
backward pass through the tile adds its part of the gradients.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from neural_style.distributed import World
from neural_style.kernels.relu import relu_backward_
from neural_style.losses.backward import change_in_backward
from neural_style.losses.base import FeatureLoss, Region, layer_shape
from neural_style.losses.content import ContentLoss
from neural_style.losses.features import at_least_float32, crop, to_float64
from neural_style.losses.passes import LossPass
from neural_style.losses.style import StyleLoss
from neural_style.memory.allocator import pooled_empty_like
from neural_style.tiling.geometry import TilePart


class Sums:
    """Sums up over tiles and processes, in float64, what losses take from features."""

    def __init__(self) -> None:
        self._sums: dict[FeatureLoss, Tensor] = {}
        self._layers: dict[FeatureLoss, tuple[Tensor, torch.Size]] = {}

    def add(self, loss: FeatureLoss, share: Tensor, features: Tensor, region: Region) -> None:
        share = to_float64(share)
        self._sums[loss] = self._sums[loss] + share if loss in self._sums else share
        # of no elements: dtype and device of the features
        like = at_least_float32(features.new_empty(0))
        self._layers[loss] = like, layer_shape(features, region)

    def totals(self, world: World) -> Iterator[tuple[FeatureLoss, Tensor, torch.Size]]:
        """Yield every loss, its total in the features' precision, and the shape of its layer."""
        for loss, total in self._sums.items():
            like, shape = self._layers[loss]
            yield loss, world.all_reduce(total).to(like), shape
        self._sums.clear()


class TilePass(LossPass):
    """Visits the losses of every tile.  parts: for each loss the part of its layer in the tile."""

    def __init__(self) -> None:
        self.parts: Mapping[FeatureLoss, TilePart] = {}

    def finish_stage(self, world: World) -> None:
        """Take what all tiles of a stage, in all processes, have added up to."""


@dataclass
class Totals:
    """Holds what is known of whole layers when the backward passes of tiles begin.

    statistics: of every loss.  norms: of the gradients of those that normalize.
    features: of the tile that comes next, recomputed for its losses.
    scale: what gradients are multiplied by, for float16.
    """

    scale: float = 1.0
    statistics: dict[FeatureLoss, Tensor] = field(default_factory=dict)
    norms: dict[FeatureLoss, Tensor] = field(default_factory=dict)
    features: dict[FeatureLoss, Tensor] = field(default_factory=dict)

    def gradient_adder(
        self, loss: FeatureLoss, part: TilePart, applies_relu_backward: bool
    ) -> Callable[..., Tensor]:
        """Make the backward pass of a tile's loss, which may take recomputed features."""

        def add(gradient: Tensor, features: Tensor | None = None) -> Tensor:
            if features is None:
                features = self.features.pop(loss)
            loss.add_gradient(
                crop(gradient, part.interior),
                crop(features, part.interior),
                self.statistics[loss],
                part.region,
                exact=False,
                norms=self.norms.get(loss),
                scale=self.scale,
            )
            return relu_backward_(gradient, features) if applies_relu_backward else gradient

        return add


class SumStatistics(TilePass):
    """Sums up the statistics of the losses; a backward pass may follow later.

    recomputed: losses whose features are not saved for it, but recomputed (KeepFeatures).
    """

    def __init__(self, totals: Totals | None = None, recomputed: Collection[FeatureLoss] = ()):
        super().__init__()
        self._totals = totals or Totals()
        self._recomputed = recomputed
        self._sums = Sums()

    def needs_backward(self, loss: FeatureLoss) -> bool:
        return torch.is_grad_enabled() and loss.has_target

    def visit(
        self, loss: FeatureLoss, features: Tensor, applies_relu_backward: bool = False
    ) -> Tensor:
        if not loss.has_target:
            return features
        part, tile_features, saved = self.parts[loss], features.detach(), None
        if self.needs_backward(loss) and loss not in self._recomputed:
            tile_features = saved = pooled_empty_like(features).copy_(tile_features)
        interior = crop(tile_features, part.interior)
        statistic = loss.statistic(interior, part.region, exact=False)
        self._sums.add(loss, statistic, interior, part.region)
        if not self.needs_backward(loss):
            return features
        adder = self._totals.gradient_adder(loss, part, applies_relu_backward)
        return change_in_backward(features, adder, saved)

    def finish_stage(self, world: World) -> None:
        for loss, total, shape in self._sums.totals(world):
            self._totals.statistics[loss] = total
            loss.set_value(total, shape)


class SumNorms(TilePass):
    """Sums up the L1 norms of the gradients of losses that normalize."""

    def __init__(self, totals: Totals):
        super().__init__()
        self._totals = totals
        self._sums = Sums()

    def visit(
        self, loss: FeatureLoss, features: Tensor, applies_relu_backward: bool = False
    ) -> Tensor:
        if loss.normalize and loss.has_target:
            part, statistic = self.parts[loss], self._totals.statistics[loss]
            interior = crop(features.detach(), part.interior)
            norm = loss.gradient_norm(interior, statistic, part.region)
            self._sums.add(loss, norm, interior, part.region)
        return features

    def finish_stage(self, world: World) -> None:
        for loss, total, _ in self._sums.totals(world):
            self._totals.norms[loss] = total


class KeepFeatures(TilePass):
    """Keeps the features of a tile for the losses' backward passes."""

    def __init__(self, totals: Totals):
        super().__init__()
        self._totals = totals

    def visit(
        self, loss: FeatureLoss, features: Tensor, applies_relu_backward: bool = False
    ) -> Tensor:
        if loss.has_target:
            self._totals.features[loss] = features.detach()
        return features


class AddGradients(TilePass):
    """Prepares the backward pass of a tile whose statistics are known."""

    def __init__(self, totals: Totals):
        super().__init__()
        self._totals = totals

    def needs_backward(self, loss: FeatureLoss) -> bool:
        return loss.has_target

    def visit(
        self, loss: FeatureLoss, features: Tensor, applies_relu_backward: bool = False
    ) -> Tensor:
        if not loss.has_target:
            return features
        adder = self._totals.gradient_adder(loss, self.parts[loss], applies_relu_backward)
        return change_in_backward(features, adder, features.detach())


class CaptureContent(TilePass):
    """Captures the targets of content losses."""

    def __init__(self, losses: Collection[ContentLoss]):
        super().__init__()
        self._losses: dict[FeatureLoss, ContentLoss] = {loss: loss for loss in losses}

    def visit(
        self, loss: FeatureLoss, features: Tensor, applies_relu_backward: bool = False
    ) -> Tensor:
        if loss in self._losses:
            part = self.parts[loss]
            interior = crop(features.detach(), part.interior)
            self._losses[loss].capture_region(interior, part.region)
        return features


class CaptureStyle(TilePass):
    """Captures the targets of style losses."""

    def __init__(self, losses: Collection[StyleLoss]):
        super().__init__()
        self._losses: dict[FeatureLoss, StyleLoss] = {loss: loss for loss in losses}
        self._sums = Sums()

    def visit(
        self, loss: FeatureLoss, features: Tensor, applies_relu_backward: bool = False
    ) -> Tensor:
        if loss in self._losses:
            part = self.parts[loss]
            interior = crop(features.detach(), part.interior)
            statistic = loss.statistic(interior, part.region, exact=False)
            self._sums.add(loss, statistic, interior, part.region)
        return features

    def finish_stage(self, world: World) -> None:
        for loss, total, shape in self._sums.totals(world):
            self._losses[loss].add_target(total, shape)
