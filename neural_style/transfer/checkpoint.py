"""Checkpoints: the state of a run between two evaluations, from which it can be resumed."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor

# Names of fields in version 0.1.
FORMER_NAMES = {'begun': 'initial_generator_state', 'generator': 'generator_state'}


@dataclass(frozen=True)
class Checkpoint:
    """The state of a run just before an evaluation.

    iteration: evaluations done at this scale.
    image: the optimised z, (3, H, W) or (1, H, W), preprocessed.
    optimizer: the state of Torch7's lbfgs or adam.
    network_scale: the factor of float16 gradients.
    precision: the precision that the setting led to: 'fp32', 'bf16' or 'fp16'.
    generator_state: of the random numbers; initial_generator_state: before any was drawn.
    scale: of stylize_multiscale, from 0.
    The tensors are the run's own, not copies: write or copy them before the run continues.
    """

    iteration: int
    image: Tensor
    optimizer: dict[str, Any]
    network_scale: float
    precision: str
    generator_state: dict[str, Any]
    initial_generator_state: dict[str, Any]
    scale: int = 0

    def state(self) -> dict[str, Any]:
        """Return the fields by name: numbers, tensors, and dicts and lists of them."""
        return dict(vars(self))

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> 'Checkpoint':
        """Undo state, of version 0.1 as well.  Raises KeyError for a missing field."""
        current = {FORMER_NAMES.get(name, name): value for name, value in state.items()}
        return cls(**{field.name: current[field.name] for field in fields(cls)})


def flatten(state: Any) -> tuple[dict[str, Tensor], Any]:
    """Take the tensors out of nested dicts and lists: pytree leaves and structure.

    Returns the tensors by path, such as optimizer.history.steps.3, and the structure, which JSON
    can hold: {'tensor': path} stands where a tensor was.
    """
    tensors: dict[str, Tensor] = {}

    def structure(value: Any, path: tuple[str, ...]) -> Any:
        if isinstance(value, Tensor):
            tensors['.'.join(path)] = value
            return {'tensor': '.'.join(path)}
        if isinstance(value, dict):
            return {key: structure(item, (*path, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [structure(item, (*path, str(k))) for k, item in enumerate(value)]
        return value

    return tensors, structure(state, ())


def unflatten(tensors: Mapping[str, Tensor], structure: Any) -> Any:
    """Undo flatten.  Raises KeyError for a tensor that is missing."""
    if isinstance(structure, dict):
        if structure.keys() == {'tensor'}:
            return tensors[structure['tensor']]
        return {key: unflatten(tensors, item) for key, item in structure.items()}
    if isinstance(structure, list):
        return [unflatten(tensors, item) for item in structure]
    return structure


def to_device(state: Any, device: torch.device) -> Any:
    """Return an optimiser's state with its tensors on a device.

    Doubles stay where they are if the device is mps, which has none.  The blocks of L-BFGS's
    history stay as well: the optimiser moves them to where its history is kept.
    """
    tensors, structure = flatten(state)
    for path, tensor in tensors.items():
        stays = path.startswith('history.blocks.') or (
            device.type == 'mps' and tensor.dtype == torch.float64
        )
        if not stays:
            tensors[path] = tensor.to(device)
    return unflatten(tensors, structure)
