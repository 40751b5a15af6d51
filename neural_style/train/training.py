"""Training: steps of Adam, and the running mean of the weights."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from neural_style.distributed import SINGLE_PROCESS, World
from neural_style.fast.bands import reflected
from neural_style.fast.trained import MARGIN
from neural_style.fast.transformation import Shape, TransformationNetwork
from neural_style.train.objective import Objective
from neural_style.train.photographs import Photographs

# Of the running mean of weights, which is what is kept: steps of few pictures jump about.
DECAY = 0.99
WARM_UP = 20  # steps in which the learning rate rises


@dataclass(frozen=True)
class Plan:
    """The course of training.

    batch: photographs a step, of all processes.  side: of crops, in pixels.  Random numbers depend
    on the seed and the number of a step alone, so that any step may be the first of a process.
    """

    batch: int = 2
    side: int = 256
    learning_rate: float = 1e-3
    seed: int = 1


class Training:
    """The state of a training: the network, Adam, the running mean of the weights."""

    def __init__(
        self,
        shape: Shape,
        plan: Plan,
        objective: Objective,
        photos: Photographs,
        world: World = SINGLE_PROCESS,
    ):
        self.plan, self.objective, self.photos, self.world = plan, objective, photos, world
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(plan.seed)
            network = TransformationNetwork(shape)
        self.network = _channels_last(network, objective.device)
        self.optimizer = torch.optim.Adam(self.network.parameters())
        self.mean = {name: value.clone() for name, value in self.network.state_dict().items()}
        self.done = 0

    def step(self) -> dict[str, float]:
        """Take a step; return content and style loss, averaged over this process's pictures."""
        share = self.plan.batch // self.world.size
        first = share * self.world.rank
        photos = torch.stack([self._crop(first + number) for number in range(share)])
        photos = photos.to(self.objective.device).contiguous(memory_format=torch.channels_last)
        rng = np.random.default_rng([self.plan.seed, self.done])
        style = int(rng.integers(self.network.shape.styles))
        for group in self.optimizer.param_groups:
            group['lr'] = self.plan.learning_rate * min(1, (self.done + 1) / WARM_UP)
        painted = self._paint(photos, style)
        self.optimizer.zero_grad()
        gradient = self.objective.gradient(painted, photos, style)
        painted.backward(gradient / self.plan.batch)  # type: ignore[no-untyped-call]
        self._sum_gradients()
        self.optimizer.step()
        self.done += 1
        self._average()
        return {name: value / share for name, value in self.objective.values().items()}

    def state(self) -> dict[str, Any]:
        """Return what a training continues from, in dicts, lists, tensors and numbers."""
        state = self.optimizer.state_dict()['state']
        return {
            'done': self.done,
            'network': dict(self.network.state_dict()),
            'mean': dict(self.mean),
            'adam': [state[index] for index in sorted(state)],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from a state.  Raises KeyError, TypeError and RuntimeError for others."""
        self.network.load_state_dict(state['network'])
        for name, value in self.mean.items():
            value.copy_(state['mean'][name])
        optimizer = self.optimizer.state_dict()
        if len(state['adam']) not in (0, len(optimizer['param_groups'][0]['params'])):
            raise KeyError('adam')
        self.optimizer.load_state_dict({**optimizer, 'state': dict(enumerate(state['adam']))})
        self.done = int(state['done'])

    def averaged(self) -> TransformationNetwork:
        """Return a network with the running mean of the weights."""
        network = TransformationNetwork(self.network.shape)
        network.load_state_dict(self.mean)
        return _channels_last(network, self.objective.device).eval()

    def _crop(self, number: int) -> Tensor:
        """Draw the photograph of a number in the batch of this step."""
        rng = np.random.default_rng([self.plan.seed, self.done, number])
        return self.photos.crop(rng, self.plan.side)

    def _paint(self, photos: Tensor, style: int) -> Tensor:
        network, side = self.network, self.plan.side
        weights = [float(number == style) for number in range(network.shape.styles)]
        painted: Tensor = network(reflected(photos, MARGIN), network.mixture(weights))
        return painted[..., MARGIN : MARGIN + side, MARGIN : MARGIN + side]

    def _sum_gradients(self) -> None:
        """Add up the gradients of all processes."""
        if self.world.size == 1:
            return
        gradients = [p.grad for p in self.network.parameters() if p.grad is not None]
        flat = self.world.all_reduce(torch.cat([gradient.flatten() for gradient in gradients]))
        for gradient, part in zip(
            gradients, flat.split([gradient.numel() for gradient in gradients]), strict=True
        ):
            gradient.copy_(part.view_as(gradient))

    def _average(self) -> None:
        decay = min(DECAY, self.done / (self.done + 10))
        with torch.no_grad():
            for name, value in self.network.state_dict().items():
                self.mean[name].lerp_(value, 1 - decay)


def _channels_last(network: TransformationNetwork, device: torch.device) -> TransformationNetwork:
    # the stubs do not know the keyword
    return network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]
