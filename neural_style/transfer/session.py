"""Hooks of a run, and the iterates that it shows to them."""

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor

from neural_style.distributed import SINGLE_PROCESS, World
from neural_style.network.loss_network import LossNetwork
from neural_style.planning.planner import Plan
from neural_style.torch7.random import Generator
from neural_style.transfer.checkpoint import Checkpoint
from neural_style.transfer.images import UNCLAMPED
from neural_style.transfer.preprocessing import deprocess
from neural_style.transfer.targets import StyleTargets

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Iterate:
    """One evaluation, as a callback sees it.

    iteration: the number of the evaluation, from 1.
    x: the image evaluated, (3, H, W), preprocessed; changed in place once the callback returns.
    loss: the total loss, TV left out, 0-dim float64.
    gradient: of all losses and TV with respect to x, (3, H, W).
    content_terms, style_terms, temporal_terms: the single losses, 0-dim tensors on the device.
    """

    iteration: int
    num_iterations: float
    x: Tensor
    loss: Tensor
    gradient: Tensor
    content_terms: Sequence[Tensor] = ()
    style_terms: Sequence[Tensor] = ()
    temporal_terms: Sequence[Tensor] = ()

    @property
    def content_losses(self) -> list[float]:
        """Return the weighted content losses in the network's order; waits for the device."""
        return [float(term) for term in self.content_terms]

    @property
    def style_losses(self) -> list[float]:
        """Return the weighted style losses in the network's order; waits for the device."""
        return [float(term) for term in self.style_terms]

    @property
    def temporal_losses(self) -> list[float]:
        """Return the weighted temporal losses, the latest frame's first; waits for the device."""
        return [float(term) for term in self.temporal_terms]

    @property
    def image(self) -> Tensor:
        """Return what the original saves here: (3, H, W), RGB, float64, not clamped."""
        return deprocess(self.x.cpu().double())


def log_plan(plan: Plan) -> None:
    """Log a plan if it changes anything."""
    if not plan.is_default:
        logger.warning('%s', plan.text)


def ignore(event: object) -> None:
    """Do nothing: the hook of those who want none."""


@dataclass(frozen=True)
class Session:
    """The ties of a run to the program around it: hooks, processes, random numbers.

    on_plan: called with the plan that fits in memory, before anything is run.
    on_plans: called with the plans of all scales of stylize_multiscale, before the first is run.
    on_network: called with the network once it has its targets.
    on_evaluation_start: called with a Checkpoint before every evaluation.
        An exception in a hook ends the run.
    resume_from: a Checkpoint to continue from.  With the same images and settings, num_iterations
        apart, the result is that of an uninterrupted run, to the last bit on a CPU.  Its tensors
        become the run's own.
    generator: of the random numbers before the seed is set, and without one; by default a new one.
    world: the processes that share the run.  Each of them calls stylize with the same images and
        settings; images too small to share are evaluated by all of them.  The hooks are called
        everywhere; a Checkpoint holds one process's shard of the optimiser's vectors.
    monitored: whether the run ends with a DivergenceError once its numbers are no longer finite.
    style_targets: keeps the targets of the styles from run to run, if the runs share it.
    exact: whether small images are rounded as Torch7 does, on a CPU.
    plan: made before, or None.
    restores_colors: whether the result of stylize gets the colours back that `color` keeps.
    own_start: whether init_image is what the program has painted, whose values are not warned of.
    """

    on_plan: Callable[[Plan], None] = log_plan
    on_plans: Callable[[Sequence[Plan]], None] = ignore
    on_network: Callable[[LossNetwork], None] = ignore
    on_evaluation_start: Callable[[Checkpoint], None] = ignore
    resume_from: Checkpoint | None = None
    generator: Generator | None = None
    world: World = SINGLE_PROCESS
    monitored: bool = True
    style_targets: StyleTargets | None = None
    exact: bool = True
    plan: Plan | None = None
    restores_colors: bool = True
    own_start: bool = False

    @property
    def start_tolerance(self) -> float:
        """Return how far init_image may lie outside [0, 1] without a warning."""
        return math.inf if self.own_start else UNCLAMPED

    def make_generator(self) -> Generator:
        """Return the generator as it was when the run began."""
        generator = self.generator or Generator()
        if self.resume_from is not None:
            generator.restore(self.resume_from.initial_generator_state)
        return generator
