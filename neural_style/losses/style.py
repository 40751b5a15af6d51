"""Style losses: squared differences of Gram matrices."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from neural_style.errors import SettingError
from neural_style.losses.base import Region, layer_shape, positions
from neural_style.losses.features import row_chunks, sum_of_squares
from neural_style.losses.gram import add_multiplied, gram_matrix, multiply, multiply_both
from neural_style.losses.guide import Guide
from neural_style.losses.layer import LossLayer

# Its target, its statistic, and their difference.
GRAMS_OF_A_TERM = 3


@dataclass
class StyleTerm:
    """Compares a layer with a style; the layer's loss is the weighted sum of its terms.

    target: a Gram matrix (C, C), blended of those of all style images.
    guide: how much each position of the image counts; None: all alike.
    weight: a factor beside the strength of the layer's loss.
    """

    target: Tensor = field(default_factory=lambda: torch.empty(0))
    guide: Guide | None = None
    weight: float = 1.0


class StyleLoss(LossLayer):
    """Mean squared difference of Gram matrices: strength · mean((G − A)²), G = F Fᵀ / (C·H·W).

    Several style images are blended in the target: A = Σ blend_weight · G.
    blend_weight: of the style image that is captured next; or one for every term.
    terms: one comparison without a guide, or several: the loss is their weighted sum.  With a
    guide, F is T F and the number of positions Σ T² (Guide).
    The statistic holds a Gram matrix for every image and every term: (N, terms, C, C).
    Source: neural_style.lua: StyleLoss; Gatys et al. 2017 (Controlling Perceptual Factors), eq. 5.
    """

    blend_weight: float | Sequence[float] = 1.0

    def __init__(self, strength: float, normalize: bool = False, precedes_relu: bool = False):
        super().__init__(strength, normalize, precedes_relu)
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
        return copies * super().gradient_bytes(feature_bytes)

    def guide_bytes(self, channels: int, positions: int) -> float:
        gram_bytes = 4 * channels**2 * (len(self.terms) - 1)
        guides = sum(guide is not None for guide in self.guides)
        return GRAMS_OF_A_TERM * gram_bytes + guides * Guide.bytes_of(positions)

    def check(self, features: Tensor) -> None:
        if features.dim() != 4:
            raise SettingError(
                'style_layers',
                'a fully connected layer has no positions to take a Gram matrix over;'
                ' name convolution, ReLU or pooling layers',
            )

    def capture(self, features: Tensor, exact: bool = True) -> None:
        self.add_target(self.statistic(features, exact=exact), features.shape)

    def add_target(self, statistic: Tensor, shape: torch.Size) -> None:
        """Add the Gram matrices of a style image, times blend_weight, to the targets."""
        (grams,) = statistic
        weights = self.blend_weight
        if not isinstance(weights, Sequence):
            weights = [weights] * len(self.terms)
        for term, gram, weight in zip(self.terms, grams, weights, strict=True):
            gram = gram / self._divisor(term, gram, shape)
            if term.target.numel() == 0:
                term.target = gram * weight
            else:
                term.target = term.target.add(gram, alpha=weight)

    def statistic(
        self, features: Tensor, region: Region | None = None, exact: bool = True
    ) -> Tensor:
        grams = [
            _guided_gram(image, term.guide, region, exact)
            for image in features.split(1)
            for term in self.terms
        ]
        stacked = grams[0].unsqueeze(0) if len(grams) == 1 else torch.stack(grams)
        return stacked.unflatten(0, (len(features), len(self.terms)))

    def value(self, statistic: Tensor, shape: torch.Size) -> Tensor:
        values = [
            self._value(term, gram, shape) * term.weight
            for grams in statistic
            for term, gram in zip(self.terms, grams, strict=True)
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
        gradients = [self._image_gradient(image, grams, region, exact) for image, grams in images]
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
        # With less to read and write: the slope is weighted, not the product.
        shape, weight = layer_shape(features, region), 2 * self.strength * scale
        images = zip(gradient.split(1), features.split(1), statistic, strict=True)
        for total, image, grams in images:
            for term, gram in zip(self.terms, grams, strict=True):
                slope = self._slope(term, gram, shape) * weight
                _add_guided_product(total, slope, image, term.guide, region)

    def _image_gradient(
        self, features: Tensor, grams: Tensor, region: Region | None, exact: bool
    ) -> Tensor:
        shape, total = layer_shape(features, region), None
        for term, gram in zip(self.terms, grams, strict=True):
            slope = self._slope(term, gram, shape)
            if exact and term.guide is None:
                gradient = multiply_both(slope, features)
            else:
                gradient = _guided_product(slope.mul_(2), features, term.guide, region)
            total = gradient if total is None else total.add_(gradient)
        assert total is not None
        return total

    def _value(self, term: StyleTerm, gram: Tensor, shape: torch.Size) -> Tensor:
        normalized = gram / self._divisor(term, gram, shape)
        return sum_of_squares(normalized, term.target) / normalized.numel()

    def _slope(self, term: StyleTerm, gram: Tensor, shape: torch.Size) -> Tensor:
        """Return the gradient with respect to the Gram matrix: (C, C), symmetric.

        Times the features it is half of theirs: the original adds two such products.
        """
        divisor = self._divisor(term, gram, shape)
        difference = gram / divisor - term.target
        return difference.mul_(2.0 * term.weight / difference.numel()).div_(divisor)

    def _divisor(self, term: StyleTerm, gram: Tensor, shape: torch.Size) -> float:
        """Return what a layer's Gram matrix is divided by."""
        return shape[1] * _guided_positions(term, gram, shape)


class PaperStyleLoss(StyleLoss):
    """The paper's style loss: strength · 1 / (4 N² M²) Σ (G − A)², G = F Fᵀ.

    N: channels.  M: positions.  Gram matrices are divided by their own M, so that a style image
    may be of another size than the image; with equal sizes this is the printed formula.
    Source: Gatys et al. 2015, eq. 4 and 6.
    """

    def _value(self, term: StyleTerm, gram: Tensor, shape: torch.Size) -> Tensor:
        return super()._value(term, gram, shape) / 4

    def _slope(self, term: StyleTerm, gram: Tensor, shape: torch.Size) -> Tensor:
        return super()._slope(term, gram, shape).div_(4)

    def _divisor(self, term: StyleTerm, gram: Tensor, shape: torch.Size) -> float:
        return _guided_positions(term, gram, shape)


def _guided_positions(term: StyleTerm, gram: Tensor, shape: torch.Size) -> float:
    """Count the positions of a layer, as much as each of them counts."""
    if term.guide is None:
        return positions(shape)
    return term.guide.sum_of_squares(shape[2:], gram)


def _guided_gram(
    features: Tensor, guide: Guide | None, region: Region | None, exact: bool
) -> Tensor:
    """Take the Gram matrix of T F."""
    if guide is None:
        return gram_matrix(features, exact)
    guide_map = guide.of(features, region)
    if exact:
        return gram_matrix(features * guide_map, exact)
    chunks = zip(*row_chunks(features, guide_map), strict=True)
    return torch.stack([gram_matrix(rows * guide, exact=False) for rows, guide in chunks]).sum(0)


def _guided_product(
    matrix: Tensor, features: Tensor, guide: Guide | None, region: Region | None
) -> Tensor:
    """Multiply T · matrix · T F, in the layout of the features."""
    if guide is None:
        return multiply(matrix, features)
    guide_map = guide.of(features, region)
    return multiply(matrix, features * guide_map).mul_(guide_map)


def _add_guided_product(
    total: Tensor, matrix: Tensor, features: Tensor, guide: Guide | None, region: Region | None
) -> None:
    """Add T · matrix · T F to a total, some rows at a time."""
    if guide is None:
        add_multiplied(total, matrix, features)
        return
    chunks = row_chunks(features, guide.of(features, region), total)
    for rows, guide_map, total_rows in zip(*chunks, strict=True):
        total_rows.add_(multiply(matrix, rows * guide_map).mul_(guide_map))
