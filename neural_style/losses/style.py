"""Style losses: distances of statistics of features, such as Gram matrices."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from neural_style.errors import SettingError
from neural_style.losses.base import Region, layer_shape, positions
from neural_style.losses.guide import Guide
from neural_style.losses.layer import LossLayer
from neural_style.losses.statistics.base import LayerExtent, StyleStatistic
from neural_style.losses.statistics.gram import Gram, PaperGram

# The target of a term, its sums, and their difference.
STATISTICS_OF_A_TERM = 3


@dataclass
class StyleTerm:
    """Compares a layer with a style; the layer's loss is the weighted sum of its terms.

    target: of the loss's statistic, such as a Gram matrix (C, C), blended of all style images.
    guide: how much each position of the image counts; None: all alike.
    weight: a factor beside the strength of the layer's loss.
    """

    target: Tensor = field(default_factory=lambda: torch.empty(0))
    guide: Guide | None = None
    weight: float = 1.0


class StyleLoss(LossLayer):
    """Distance of a statistic of features from those of style images: strength · distance.

    compared: the statistic, by default Gram matrices.
    Several style images are blended in the target: A = Σ blend_weight · G.
    blend_weight: of the style image that is captured next; or one for every term.
    terms: one comparison without a guide, or several: the loss is their weighted sum.
    The loss's statistic holds the sums of every image and every term: (N, terms, ...).
    Source: neural_style.lua: StyleLoss.
    """

    blend_weight: float | Sequence[float] = 1.0
    default_statistic: type[StyleStatistic] = Gram

    def __init__(
        self,
        strength: float,
        normalize: bool = False,
        precedes_relu: bool = False,
        compared: StyleStatistic | None = None,
    ):
        super().__init__(strength, normalize, precedes_relu)
        self.compared = compared or self.default_statistic()
        self.terms = [StyleTerm()]

    @property
    def has_target(self) -> bool:
        return all(term.target.numel() > 0 for term in self.terms)

    @property
    def target(self) -> Tensor:
        """The target of a loss with a single term."""
        (term,) = self.terms
        return term.target

    @target.setter
    def target(self, target: Tensor) -> None:
        (term,) = self.terms
        term.target = target

    @property
    def guides(self) -> list[Guide | None]:
        return [term.guide for term in self.terms]

    def set_guides(
        self, guides: Sequence[Guide | None], weights: Sequence[float] | None = None
    ) -> None:
        """Set the guide, and perhaps the weight, of each term; make terms where there are fewer."""
        self._add_terms(len(guides))
        for term, guide in zip(self.terms, guides, strict=True):
            term.guide = guide
        if weights is not None:
            for term, weight in zip(self.terms, weights, strict=True):
                term.weight = weight

    def set_targets(self, targets: Sequence[Tensor]) -> None:
        """Set the target of each term; make terms where there are fewer."""
        self._add_terms(len(targets))
        for term, target in zip(self.terms, targets, strict=True):
            term.target = target

    def _add_terms(self, count: int) -> None:
        self.terms += [StyleTerm() for _ in range(len(self.terms), count)]

    def gradient_bytes(self, feature_bytes: float) -> float:
        copies = 1 if self.guides == [None] else 3  # T F, the product of a term, and the sum
        copies += self.compared.further_gradients
        return copies * super().gradient_bytes(feature_bytes)

    def guide_bytes(self, channels: int, positions: int) -> float:
        statistic_bytes = 4 * math.prod(self.compared.shape(channels)) * (len(self.terms) - 1)
        guides = sum(guide is not None for guide in self.guides)
        return STATISTICS_OF_A_TERM * statistic_bytes + guides * Guide.bytes_of(positions)

    def check(self, features: Tensor) -> None:
        if features.dim() != 4:
            raise SettingError(
                'style_layers',
                'a fully connected layer has no positions to take a Gram matrix over;'
                ' name convolution, ReLU or pooling layers',
            )

    def capture(self, features: Tensor, exact: bool = True) -> None:
        self.add_target(self._sums(features, None, exact), features.shape)

    def add_target(self, statistic: Tensor, shape: torch.Size) -> None:
        """Add the statistic of a style image, times blend_weight, to the targets."""
        (term_sums,) = statistic
        weights = self.blend_weight
        if not isinstance(weights, Sequence):
            weights = [weights] * len(self.terms)
        for term, sums, weight in zip(self.terms, term_sums, weights, strict=True):
            target = self.compared.target(sums, _extent(term, sums, shape))
            if term.target.numel() == 0:
                term.target = target * weight
            else:
                term.target = term.target.add(target, alpha=weight)

    def statistic(
        self, features: Tensor, region: Region | None = None, exact: bool = True
    ) -> Tensor:
        return self._sums(features, region, exact, near_targets=region is None and not exact)

    def _sums(
        self, features: Tensor, region: Region | None, exact: bool, near_targets: bool = False
    ) -> Tensor:
        sums = [
            self._term_sums(term, image, region, exact, near_targets)
            for image in features.split(1)
            for term in self.terms
        ]
        stacked = sums[0].unsqueeze(0) if len(sums) == 1 else torch.stack(sums)
        return stacked.unflatten(0, (len(features), len(self.terms)))

    def _term_sums(
        self,
        term: StyleTerm,
        image: Tensor,
        region: Region | None,
        exact: bool,
        near_target: bool,
    ) -> Tensor:
        guide = _guide_map(term, image, region)
        if near_target:
            extent = _extent(term, term.target, image.shape)
            return self.compared.sums_near(image, guide, term.target, extent)
        return self.compared.sums(image, guide, exact)

    def value(self, statistic: Tensor, shape: torch.Size) -> Tensor:
        values = [
            self.compared.value(sums, term.target, _extent(term, sums, shape)) * term.weight
            for term_sums in statistic
            for term, sums in zip(self.terms, term_sums, strict=True)
        ]
        return torch.stack(values).unflatten(0, statistic.shape[:2]).sum(1)

    def gradient(
        self,
        features: Tensor,
        statistic: Tensor,
        region: Region | None = None,
        exact: bool = True,
    ) -> Tensor:
        images = zip(features.split(1), statistic, strict=True)
        gradients = [self._image_gradient(image, sums, region, exact) for image, sums in images]
        return gradients[0] if len(gradients) == 1 else torch.cat(gradients)

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
        if exact or self.normalize or self.precedes_relu:
            super().add_gradient(
                gradient, features, statistic, region, exact=exact, norms=norms, scale=scale
            )
            return
        shape, factor = layer_shape(features, region), self.strength * scale
        images = zip(gradient.split(1), features.split(1), statistic, strict=True)
        for total, image, term_sums in images:
            for term, sums in zip(self.terms, term_sums, strict=True):
                guide = _guide_map(term, image, region)
                slope = self._slope(term, sums, shape)
                self.compared.add_gradient(total, slope, factor, image, guide)

    def held_bytes(self, channels: int) -> float:
        return self.compared.held_bytes(channels)

    def workspace_bytes(self, channels: int) -> float:
        return self.compared.workspace_bytes(channels)

    def _image_gradient(
        self, features: Tensor, term_sums: Tensor, region: Region | None, exact: bool
    ) -> Tensor:
        shape, total = layer_shape(features, region), None
        for term, sums in zip(self.terms, term_sums, strict=True):
            guide = _guide_map(term, features, region)
            slope = self._slope(term, sums, shape)
            gradient = self.compared.gradient(slope, features, guide, exact)
            total = gradient if total is None else total.add_(gradient)
        assert total is not None
        return total

    def _slope(self, term: StyleTerm, sums: Tensor, shape: torch.Size) -> Any:
        extent = _extent(term, sums, shape)
        return self.compared.slope(sums, term.target, extent, term.weight)


class PaperStyleLoss(StyleLoss):
    """The paper's style loss: strength times the distance of PaperGram."""

    default_statistic = PaperGram


def _extent(term: StyleTerm, like: Tensor, shape: torch.Size) -> LayerExtent:
    """Measure a layer of a shape, each of its positions as much as it counts for a term."""
    if term.guide is None:
        return LayerExtent(shape[1], positions(shape))
    return LayerExtent(shape[1], term.guide.sum_of_squares(shape[2:], like))


def _guide_map(term: StyleTerm, features: Tensor, region: Region | None) -> Tensor | None:
    """Return T for features that may be a region of their layer."""
    return None if term.guide is None else term.guide.of(features, region)
