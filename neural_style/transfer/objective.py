"""The feval of a run: the function that its optimiser minimises, with the hooks it calls."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from neural_style.distributed import SINGLE_PROCESS
from neural_style.network.loss_network import LossNetwork
from neural_style.planning.planner import Plan
from neural_style.torch7.nn import has_dropout
from neural_style.torch7.optim import LONG_VECTOR
from neural_style.torch7.random import Generator
from neural_style.transfer.canvas import ImageParametrization
from neural_style.transfer.checkpoint import Checkpoint, to_device
from neural_style.transfer.evaluation import evaluate
from neural_style.transfer.session import Iterate, Session
from neural_style.transfer.settings import Settings


@dataclass
class Objective:
    """The feval of a run, a function of z that returns the loss and its gradient.

    z: what is optimised, a tensor of `shape`, or one shard of it if several processes share it.
    optimizer_state: of Torch7's lbfgs or adam, which keep it up to date.
    evaluations: how many are done.  final_image: the image of the last one, once it is done.
    Source: neural_style.lua: feval.
    """

    network: LossNetwork
    parametrization: ImageParametrization
    shape: tuple[int, int, int]
    plan: Plan
    settings: Settings
    session: Session
    callback: Callable[[Iterate], None]
    generator: Generator
    initial_generator_state: dict[str, Any]
    optimizer_state: dict[str, Any] = field(default_factory=dict)
    evaluations: int = 0
    final_image: Tensor | None = None

    def __post_init__(self) -> None:
        # Of small images, every process has everything.
        is_long = math.prod(self.shape) > LONG_VECTOR
        self.world = self.session.world if is_long else SINGLE_PROCESS
        self._has_vectors = False  # whether optimiser and callback have allocated what they keep

    def start(self, image: Tensor) -> Tensor:
        """Return the z of a start image (3, H, W), preprocessed."""
        z = self.parametrization.start(image.to(self.network.devices[0]))
        # The original runs the network once, which draws the masks of dropout layers once more.
        if has_dropout(self.network):
            self.network.forward_only(self.parametrization.image(z))
        return self.world.shard(self.session.world.broadcast(z))

    def resume(self, checkpoint: Checkpoint) -> Tensor:
        """Restore the run of a checkpoint; returns its z."""
        device = self.network.devices[0]
        self.generator.restore(checkpoint.generator_state)
        self.network.scale = checkpoint.network_scale
        self.optimizer_state = to_device(checkpoint.optimizer, device)
        self.evaluations = checkpoint.iteration
        return checkpoint.image.to(device)

    def image(self, z: Tensor) -> Tensor:
        """Return the image of z, gathered from all shards."""
        return self.parametrization.image(self.world.all_gather(z, self.shape))

    def result(self, z: Tensor) -> Tensor:
        """Return the image of the last evaluation; that of z if there was none."""
        return self.image(z) if self.final_image is None else self.final_image

    def __call__(self, z: Tensor) -> tuple[Tensor, Tensor]:
        self.session.on_evaluation_start(self._checkpoint(z))
        self.evaluations += 1
        x = self.image(z)
        loss, gradient = evaluate(self.network, x)
        is_last = self.evaluations >= self._last_evaluation()
        self._reserve(x.nbytes, is_last)
        self.callback(self._iterate(x, loss, gradient))
        if is_last:
            self.final_image = x.clone()
        return loss, self.world.shard(self.parametrization.gradient(gradient))

    def _checkpoint(self, z: Tensor) -> Checkpoint:
        return Checkpoint(
            iteration=self.evaluations,
            image=z,
            optimizer=self.optimizer_state,
            network_scale=self.network.scale,
            precision=self.settings.precision,
            generator_state=self.generator.state(),
            initial_generator_state=self.initial_generator_state,
        )

    def _iterate(self, x: Tensor, loss: Tensor, gradient: Tensor) -> Iterate:
        return Iterate(
            iteration=self.evaluations,
            num_iterations=self.settings.num_iterations,
            x=x,
            loss=loss,
            gradient=gradient,
            content_terms=[layer.loss for layer in self.network.content_losses],
            style_terms=[layer.loss for layer in self.network.style_losses],
            temporal_terms=[
                layer.loss for layer in self.network.image_losses if layer.loss is not None
            ],
        )

    def _last_evaluation(self) -> float:
        """L-BFGS may stop one evaluation before num_iterations."""
        number = self.settings.num_iterations
        return number - 1 if self.settings.optimizer == 'lbfgs' else int(number)

    def _reserve(self, image_bytes: int, is_last: bool) -> None:
        """Reserve memory for Adam's averages or L-BFGS's next pair, and for the callback."""
        images = 2 if self.settings.optimizer == 'lbfgs' else 0
        self.plan.reserve(image_bytes * ((images if self._has_vectors else 3) + is_last))
        self._has_vectors = True
