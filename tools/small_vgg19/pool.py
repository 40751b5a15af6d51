"""Crops kept together with their teachers' features at random positions."""

import numpy as np
import torch
from torch import Tensor

from tools.small_vgg19.losses import normalized
from tools.small_vgg19.teachers import Teachers

POSITIONS = 128  # of a crop, at which a layer is compared

# By layer: the positions, and each teacher's features there, (D, POSITIONS).
Targets = dict[str, tuple[Tensor, list[Tensor]]]


class Pool:
    """Crops with their targets, at most `limit` of them."""

    def __init__(self, teachers: Teachers, rng: np.random.Generator, limit: int = 720):
        self.teachers = teachers
        self.rng = rng
        self.limit = limit
        self.entries: list[tuple[Tensor, Targets]] = []

    def put(self, image: Tensor) -> None:
        """Add a preprocessed crop; if the pool is full, it replaces another one."""
        entry = image, self._targets(image)
        if len(self.entries) < self.limit:
            self.entries.append(entry)
        else:
            self.entries[self.rng.integers(self.limit)] = entry

    def _targets(self, image: Tensor) -> Targets:
        chosen = {}
        for name, targets in self.teachers(image[None]).items():
            height, width = targets[0].shape[1:]
            inside = torch.zeros(height, width, dtype=torch.bool)
            edge = 2 if name < '4' else int(name < '5')  # the padding distorts what is nearer
            inside[edge : height - edge, edge : width - edge] = True
            positions = inside.flatten().nonzero().flatten().numpy()
            positions = self.rng.permutation(positions)[:POSITIONS]
            index = torch.from_numpy(np.sort(positions))
            chosen[name] = (index, [t.flatten(1)[:, index].relu().half() for t in targets])
        return chosen

    def batch(self, size: int) -> tuple[Tensor, list[Targets]]:
        """Return crops (size, 3, H, W), and the targets of each."""
        chosen = self.rng.choice(len(self.entries), size, replace=False)
        entries = [self.entries[i] for i in chosen]
        return torch.stack([image for image, _ in entries]), [targets for _, targets in entries]


def positions_of(targets: list[Targets], name: str) -> Tensor:
    """Return where a layer is compared in each crop of a batch: (N, POSITIONS)."""
    return torch.stack([crop[name][0] for crop in targets])


def joined_targets(targets: list[Targets], name: str) -> Tensor:
    """Join a layer's targets over a batch: (N * POSITIONS, D), teachers weigh the same."""
    parts = []
    for part in zip(*(crop[name][1] for crop in targets), strict=True):
        parts.append(normalized(torch.cat([value.float() for value in part], 1).t()))
    return torch.cat(parts, 1)
