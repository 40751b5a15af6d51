"""The callbacks of a frame's run: they print losses, and end it."""

import time

import torch
from tqdm import tqdm

from neural_style.command.arguments import Arguments
from neural_style.command.out_of_memory import out_of_memory_message
from neural_style.command.report import DryRun, print_losses
from neural_style.command.signals import Interrupted, Interruption
from neural_style.command.terminal import print_line, warn
from neural_style.distributed import World
from neural_style.planning.planner import Plan
from neural_style.torch7.cmdline import modulo
from neural_style.transfer.checkpoint import Checkpoint
from neural_style.transfer.session import Iterate

RECENT = 8  # frames whose time tells how long the others will take


class FrameReport:
    """The callbacks of stylize for the frames of a video, one after the other.

    bar: counts the evaluations.  count: of all frames, or None if nobody knows.
    """

    def __init__(
        self,
        arguments: Arguments,
        interruption: Interruption,
        world: World,
        bar: tqdm,
        count: int | None,
    ):
        self.arguments = arguments
        self.interruption = interruption
        self.world = world
        self.bar = bar
        self.count = count
        self.plan: Plan | None = None
        self._started = time.monotonic()
        self._seconds: list[float] = []

    def begin(self) -> None:
        """Start with another frame."""
        self._started = time.monotonic()

    def expect(self, evaluations: float) -> None:
        """Count on as many evaluations of the frame at smaller sizes."""
        self.bar.total += evaluations

    def finish(self, done: int) -> None:
        """Say that a frame is finished; done: how many are."""
        self._seconds = [*self._seconds, time.monotonic() - self._started][-RECENT:]
        print_line(f'Frame {done} of {self.total}: {self._seconds[-1]:.1f} s{self._left(done)}')

    @property
    def total(self) -> str:
        return '?' if self.count is None else str(self.count)

    def _left(self, done: int) -> str:
        """Say how long the other frames will take."""
        if self.count is None or self.count <= done:
            return ''
        seconds = (self.count - done) * sum(self._seconds) / len(self._seconds)
        if seconds < 100:
            return f', {seconds:.0f} s left'
        minutes = round(seconds / 60)
        return f', {minutes} min left' if minutes < 100 else f', {minutes / 60:.1f} h left'

    def on_plan(self, plan: Plan) -> None:
        """Show the plan of the first frame where it is asked for or unusual.  Raises DryRun."""
        if self.arguments.dry_run:
            raise DryRun(f'{self.total} frames; {plan.text}')
        is_shown = self.arguments.memory != '' or not plan.is_default
        if self.plan is None and self.world.rank == 0 and is_shown:
            warn(plan.text)
        self.plan = plan

    def before_evaluation(self, checkpoint: Checkpoint) -> None:
        """Raise Interrupted once a signal has come."""
        self.interruption.gentle = True
        self.stop_if_interrupted()

    def stop_if_interrupted(self) -> None:
        """Raise Interrupted once a signal has come."""
        if self.interruption.signal:
            raise Interrupted('interrupted', self.interruption.signal)

    def after_evaluation(self, iterate: Iterate) -> None:
        """Print the losses when it is time."""
        interruption = self.interruption
        interruption.signal = self.world.max(interruption.signal)
        every = self.arguments.print_iter
        if every > 0 and modulo(iterate.iteration, every) == 0:
            print_losses(iterate)
        self.bar.update()

    def out_of_memory(self, size: tuple[int, int], device: torch.device) -> str:
        """Return the message.  size: (H, W) of the frames."""
        return out_of_memory_message(self.arguments, size, self.plan, device)
