"""The callbacks of a run: they print losses, save pictures and states, and end it."""

import os
from collections.abc import Sequence

import torch
from tqdm import tqdm

from neural_style.command.arguments import Arguments
from neural_style.command.out_of_memory import out_of_memory_message
from neural_style.command.saving import (
    FinalPicture,
    OutputImage,
    StateFile,
    build_filename,
    save_final,
    save_or_report,
)
from neural_style.command.signals import Interrupted, Interruption
from neural_style.command.terminal import print_line, warn
from neural_style.distributed import World
from neural_style.memory.limits import format_bytes
from neural_style.planning.planner import Plan
from neural_style.planning.prediction import saving_bytes
from neural_style.torch7.cmdline import format_d, format_f, modulo
from neural_style.transfer.checkpoint import Checkpoint
from neural_style.transfer.divergence import (
    DivergenceError,
    DivergenceMonitor,
    leap_warning,
    likely_cause,
)
from neural_style.transfer.session import Iterate


class DryRun(Exception):
    """Raised with the plan of a dry run, which ends there."""


class Report:
    """The callbacks of stylize.

    output: the picture of the run.  states: where its states go.  last_scale: number of the last
    scale of -multiscale, from 0.  bar: counts the evaluations.  reading_peak: bytes that reading
    the images took.
    """

    def __init__(
        self,
        arguments: Arguments,
        output: OutputImage,
        states: StateFile,
        interruption: Interruption,
        last_scale: int,
        bar: tqdm,
        reading_peak: float = 0,
    ):
        self.arguments = arguments
        self.output = output
        self.states = states
        self.interruption = interruption
        self.last_scale = last_scale
        self.bar = bar
        self.reading_peak = reading_peak
        self.monitor = DivergenceMonitor()
        self.has_evaluated = False
        self.saved = ''  # where the picture is, once a signal has come
        self.final_picture: FinalPicture | None = None
        self.latest: Checkpoint | None = None  # the run before the current evaluation
        self.plan: Plan | None = None  # of the current scale

    @property
    def world(self) -> World:
        return self.states.world

    def on_plan(self, plan: Plan) -> None:
        """Show the plan where it is asked for or unusual.  Raises DryRun."""
        self.plan = plan
        text = plan.text
        if self.reading_peak > plan.peak:
            text += f', and {format_bytes(self.reading_peak)} while the pictures were read'
        if self.arguments.dry_run:
            raise DryRun(text)
        if self.world.rank == 0 and (self.arguments.memory != '' or not plan.is_default):
            warn(text)

    def on_plans(self, plans: Sequence[Plan]) -> None:
        """Show the plan of the last scale in a dry run.  Raises DryRun."""
        if self.arguments.dry_run:
            self.on_plan(plans[-1])

    def before_evaluation(self, checkpoint: Checkpoint) -> None:
        """Save the state when it is time.  Raises Interrupted once a signal has come."""
        self.latest = checkpoint
        self.interruption.gentle = True
        arguments, t = self.arguments, checkpoint.iteration
        if self.saved:
            state = self.states.save_resume_point(checkpoint)
            text = f'interrupted after iteration {t}; {self.saved}; {state}'
            raise Interrupted(text, self.interruption.signal)
        if arguments.checkpoint != '' and self.has_evaluated:
            every = arguments.checkpoint_iter
            is_last = checkpoint.scale == self.last_scale and t == arguments.num_iterations - 1
            if is_last or (every > 0 and modulo(t, every) == 0):
                self.states.save(checkpoint)

    def after_evaluation(self, iterate: Iterate) -> None:
        """Print the losses and save the picture when it is time.  Raises DivergenceError."""
        self.has_evaluated = True
        interruption = self.interruption
        interruption.signal = self.world.max(interruption.signal)
        if iterate.iteration >= iterate.num_iterations:
            self.latest = None  # the step that follows changes it, and nothing replaces it
        should_save = self._should_save(iterate)
        self.monitor(iterate, now=should_save or interruption.signal != 0)
        self._maybe_warn_of_leap()
        self._maybe_print(iterate)
        if self.arguments.page is not None:
            should_save |= self._show(iterate)
        if should_save and self.world.rank == 0:
            self._save(iterate)
        if interruption.signal:
            self.saved = self._save_last(iterate.iteration, iterate.x)
        self.bar.update()

    def diverged(self, error: DivergenceError) -> str:
        """Save the picture of the lowest loss; returns the message."""
        self.saved = self._save_last(error.iteration, error.best_image)
        arguments = self.arguments
        cause = likely_cause(arguments.precision, arguments.optimizer, arguments.learning_rate)
        return (
            f'{error}; {cause}; {self.saved}: the one with'
            f' the lowest loss, of iteration {error.iteration}'
        )

    def out_of_memory(self, device: torch.device) -> str:
        """Save picture and state, if there are any; returns the message."""
        text = out_of_memory_message(self.arguments, self.output.size, self.plan, device)
        if self.monitor.best_image is not None:
            text += '; ' + self._save_last(self.monitor.iteration, self.monitor.best_image)
            if self.latest is not None and self.world.size == 1:
                text += '; ' + self.states.save_resume_point(self.latest)
        return text

    def _maybe_warn_of_leap(self) -> None:
        """Say once that an unlimited step of L-BFGS has thrown the loss up."""
        arguments = self.arguments
        is_unlimited = arguments.lbfgs_max_step == 0 and arguments.multiscale == ''
        if not (is_unlimited and arguments.optimizer == 'lbfgs'):
            return
        leap = self.monitor.take_leap()
        if leap and self.world.rank == 0:
            warn(leap_warning(leap))

    def _maybe_print(self, iterate: Iterate) -> None:
        t = iterate.iteration
        if self.arguments.print_iter > 0 and modulo(t, self.arguments.print_iter) == 0:
            print_losses(iterate)

    def _show(self, iterate: Iterate) -> bool:
        """Show the evaluation on the page; tells whether its picture is to be saved."""
        page = self.arguments.page
        assert page is not None
        page.show(iterate)
        return page.take_save_request()

    def _should_save(self, iterate: Iterate) -> bool:
        t = iterate.iteration
        if iterate.x.shape[1:] != self.output.size:
            return False  # a coarser scale
        every = self.arguments.save_iter
        return t == self.arguments.num_iterations or (every > 0 and modulo(t, every) == 0)

    def _save(self, iterate: Iterate) -> None:
        """Save the picture under its name, or as an intermediate one."""
        self._reserve()
        write = self.output.writer(iterate.iteration, iterate.x)
        if iterate.iteration == self.arguments.num_iterations:
            path = self.arguments.output_image
            replaced = os.path.exists(path) and self.arguments.resume == ''
            save_final(path, write)
            if self.arguments.picture_stream is None:
                self.final_picture = FinalPicture(path, replaced)
            return
        try:
            write(build_filename(self.arguments.output_image, iterate.iteration))
        except (ValueError, OSError) as error:
            warn(f'{error}; continuing without it')

    def _save_last(self, iteration: int, x: torch.Tensor) -> str:
        """Save a picture that may be the last; says where it is."""
        if self.world.rank:
            return 'the first process saves the picture'
        self._reserve()
        return save_or_report(self.arguments.output_image, self.output.writer(iteration, x))

    def _reserve(self) -> None:
        """Make room for the tensors that saving needs."""
        if self.plan is not None:
            self.plan.reserve(saving_bytes(self.output.size))


def print_losses(iterate: Iterate) -> None:
    """Print the losses of an evaluation.  Source: neural_style.lua: maybe_print."""
    print_line(f'Iteration {format_d(iterate.iteration)} / {format_d(iterate.num_iterations)}')
    for i, loss in enumerate(iterate.content_losses, start=1):
        print_line(f'  Content {i} loss: {format_f(loss)}')
    for i, loss in enumerate(iterate.temporal_losses, start=1):
        print_line(f'  Temporal {i} loss: {format_f(loss)}')
    for i, loss in enumerate(iterate.style_losses, start=1):
        print_line(f'  Style {i} loss: {format_f(loss)}')
    print_line(f'  Total loss: {format_f(float(iterate.loss))}')
