"""The targets of a network's losses, as data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from torch import Tensor


@dataclass(frozen=True)
class Targets:
    """Holds what the losses of a network compare with, by the names of their layers.

    content: features (N, C, H, W).  style: a Gram matrix (C, C) for every style term, divided as
    the network's style losses do it.  All are float32 (float64 of a network in float64).
    """

    content: Mapping[str, Tensor] = field(default_factory=dict)
    style: Mapping[str, Sequence[Tensor]] = field(default_factory=dict)

    def tensors(self) -> dict[str, Tensor]:
        """Return all tensors by name, content:LAYER and style:TERM:LAYER, for a .safetensors."""
        tensors = {f'content:{layer}': target for layer, target in self.content.items()}
        for layer, targets in self.style.items():
            tensors |= {f'style:{term}:{layer}': target for term, target in enumerate(targets)}
        return tensors

    @staticmethod
    def from_tensors(tensors: Mapping[str, Tensor]) -> 'Targets':
        """Undo tensors().  Raises ValueError for names of something else."""
        content: dict[str, Tensor] = {}
        terms: dict[str, dict[int, Tensor]] = {}
        for name, tensor in tensors.items():
            loss, _, content_layer = name.partition(':')
            term, _, layer = content_layer.partition(':')
            if loss == 'content':
                content[content_layer] = tensor
            elif loss == 'style' and term.isdecimal():
                terms.setdefault(layer, {})[int(term)] = tensor
            else:
                raise ValueError(f'{name!r} is not the name of a target')
        for layer, grams in terms.items():
            if sorted(grams) != list(range(len(grams))):
                raise ValueError(f'style targets of layer {layer!r} are missing')
        style = {layer: [grams[term] for term in sorted(grams)] for layer, grams in terms.items()}
        return Targets(content, style)

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
