"""A run between two evaluations, and what it takes to go on from there."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Checkpoint:
    """A run just before an evaluation.

    iteration: evaluations done (at this scale of -multiscale, the scale-th from 0).
    image: what is optimised, (3, H, W) or (1, H, W), preprocessed.
    optimizer: the state of torch7.optim's lbfgs or adam.
    network_scale: of float16 gradients.  precision: what -precision came to.
    generator: the state of the run's random numbers; begun: before anything was drawn.
    """

    iteration: int
    image: Tensor
    optimizer: dict[str, Any]
    network_scale: float
    precision: str
    generator: dict[str, Any]
    begun: dict[str, Any]
    scale: int = 0

    def state(self) -> dict[str, Any]:
        """What stylize takes as state: numbers, and the run's own tensors, not copies of them.

        Write or copy them before the run goes on.
        """
        return {
            'iteration': self.iteration,
            'scale': self.scale,
            'image': self.image,
            'optimizer': self.optimizer,
            'network_scale': self.network_scale,
            'precision': self.precision,
            'generator': self.generator,
            'begun': self.begun,
        }


def flatten(state: Any) -> tuple[dict[str, Tensor], Any]:
    """The tensors of a state by their place in it, optimizer.history.steps.3, and the rest.

    The rest is what JSON can say, with {'tensor': place} where a tensor was.
    """
    tensors: dict[str, Tensor] = {}

    def rest(value: Any, place: tuple[str, ...]) -> Any:
        if isinstance(value, Tensor):
            tensors['.'.join(place)] = value
            return {'tensor': '.'.join(place)}
        if isinstance(value, dict):
            return {key: rest(item, (*place, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [rest(item, (*place, str(k))) for k, item in enumerate(value)]
        return value

    return tensors, rest(state, ())


def unflatten(tensors: Mapping[str, Tensor], rest: Any) -> Any:
    """Undo take_apart.  Raises KeyError for a tensor that is not there."""
    if isinstance(rest, dict):
        if rest.keys() == {'tensor'}:
            return tensors[rest['tensor']]
        return {key: unflatten(tensors, item) for key, item in rest.items()}
    if isinstance(rest, list):
        return [unflatten(tensors, item) for item in rest]
    return rest


def to_device(state: Any, device: torch.device) -> Any:
    """An optimiser's state with its tensors on a device; mps has no doubles, which stay.

    The blocks of L-BFGS's history, which may have their place elsewhere, stay as well: the
    optimiser takes them there.
    """
    tensors, rest = flatten(state)
    for name, tensor in tensors.items():
        stays = name.startswith('history.blocks.') or (
            device.type == 'mps' and tensor.dtype == torch.float64
        )
        if not stays:
            tensors[name] = tensor.to(device)
    return unflatten(tensors, rest)
