"""The targets of a network's losses, as data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from torch import Tensor


@dataclass(frozen=True)
class Targets:
    """What the losses of a network compare with, by the name of their layer.

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
            loss, _, place = name.partition(':')
            term, _, layer = place.partition(':')
            if loss == 'content':
                content[place] = tensor
            elif loss == 'style' and term.isdecimal():
                terms.setdefault(layer, {})[int(term)] = tensor
            else:
                raise ValueError(f'{name!r} is not the name of a target')
        for layer, found in terms.items():
            if sorted(found) != list(range(len(found))):
                raise ValueError(f'style targets of layer {layer!r} are missing')
        style = {layer: [found[term] for term in sorted(found)] for layer, found in terms.items()}
        return Targets(content, style)
