"""The targets of a network's losses, as data."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from torch import Tensor

from neural_style.losses.content import ContentLoss
from neural_style.losses.style import StyleLoss

GRAM = 'gram'


@dataclass(frozen=True)
class Targets:
    """Holds what the losses of a network compare with, by the names of their layers.

    content: features (N, C, H, W).  style: for every style term a target of the network's style
    statistic, such as a Gram matrix (C, C), divided as its style losses do it.  All are float32
    (float64 of a network in float64).
    statistic: the name of the style statistic.
    """

    content: Mapping[str, Tensor] = field(default_factory=dict)
    style: Mapping[str, Sequence[Tensor]] = field(default_factory=dict)
    statistic: str = GRAM

    def tensors(self) -> dict[str, Tensor]:
        """Return all tensors by name, for a .safetensors.

        The names are content:LAYER and style:TERM:LAYER, or style=STATISTIC:TERM:LAYER where the
        style statistic is no Gram matrix.
        """
        tensors = {f'content:{layer}': target for layer, target in self.content.items()}
        loss = 'style' if self.statistic == GRAM else f'style={self.statistic}'
        for layer, targets in self.style.items():
            tensors |= {f'{loss}:{term}:{layer}': target for term, target in enumerate(targets)}
        return tensors

    @staticmethod
    def from_tensors(tensors: Mapping[str, Tensor]) -> 'Targets':
        """Undo tensors().  Raises ValueError for names of something else."""
        content: dict[str, Tensor] = {}
        terms: dict[str, dict[int, Tensor]] = {}
        statistics: set[str] = set()
        for name, tensor in tensors.items():
            loss, _, content_layer = name.partition(':')
            term, _, layer = content_layer.partition(':')
            loss, equals, statistic = loss.partition('=')
            if loss == 'content' and not equals:
                content[content_layer] = tensor
            elif loss == 'style' and term.isdecimal():
                terms.setdefault(layer, {})[int(term)] = tensor
                statistics.add(statistic if equals else GRAM)
            else:
                raise ValueError(f'{name!r} is not the name of a target')
        for layer, grams in terms.items():
            if sorted(grams) != list(range(len(grams))):
                raise ValueError(f'style targets of layer {layer!r} are missing')
        if len(statistics) > 1:
            raise ValueError(
                f'style targets of several statistics: {", ".join(sorted(statistics))}'
            )
        style = {layer: [grams[term] for term in sorted(grams)] for layer, grams in terms.items()}
        return Targets(content, style, *statistics)

    def check_statistics(self, statistics: Iterable[str]) -> None:
        """Raise ValueError for style targets of another statistic than one of a network's."""
        others = sorted(set(statistics) - {self.statistic})
        if self.style and others:
            raise ValueError(
                f'the style targets are those of {self.statistic}; the network compares {others[0]}'
            )

    def check_layers(self, content_layers: Sequence[str], style_layers: Sequence[str]) -> None:
        """Raise ValueError for targets of other layers than a network's.

        There may be no targets at all for the content, or for the style.
        """
        for loss, targets, layers in (
            ('content', self.content, content_layers),
            ('style', self.style, style_layers),
        ):
            if targets and sorted(targets) != sorted(layers):
                raise ValueError(
                    f'the {loss} targets are those of layers {", ".join(targets)}; the network has'
                    f' {loss} losses at {", ".join(layers) or "none"}'
                )


def targets_of(
    content_losses: Mapping[str, ContentLoss], style_losses: Mapping[str, StyleLoss]
) -> Targets:
    """Return the targets that losses have, by the names of their layers."""
    return Targets(
        {layer: loss.target for layer, loss in content_losses.items()},
        {layer: [term.target for term in loss.terms] for layer, loss in style_losses.items()},
        *{loss.compared.name for loss in style_losses.values()},
    )
