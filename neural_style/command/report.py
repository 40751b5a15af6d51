"""What a run shows and keeps of its evaluations: lines, pictures, states."""

import functools
from collections.abc import Callable
from types import SimpleNamespace

import torch
from tqdm import tqdm

from neural_style.command import checkpoint as checkpoints
from neural_style.command.checks import build_filename
from neural_style.command.emergency import (
    Interrupted,
    Interruption,
    likely_cause,
    save_final,
    save_or_report,
    save_resume_point,
    too_large,
)
from neural_style.command.input_files import InputChecksums
from neural_style.command.terminal import say, warn
from neural_style.distributed import World
from neural_style.planning.planner import Plan
from neural_style.planning.prediction import saving
from neural_style.torch7 import image
from neural_style.torch7.cmdline import format_d, format_f, modulo
from neural_style.transfer.checkpoint import Checkpoint
from neural_style.transfer.color import original_colors, style_tint
from neural_style.transfer.divergence import DivergenceError, DivergenceMonitor
from neural_style.transfer.preprocessing import deprocess
from neural_style.transfer.stylize import Iterate


class DryRun(Exception):
    """The plan, where it is all that is wanted."""


class Report:
    """The callbacks of stylize: evaluated, before and planned.

    params: the flags.  scales: of -multiscale, how many.  size: (H, W) of the picture.
    colors: the picture whose colours come back, (3, H, W), or None.  alpha: of Pictures.
    recipe: the comment in a picture of an iteration, or None.  sums: of the inputs, for states.
    bar: counts the evaluations.
    """

    def __init__(
        self,
        params: SimpleNamespace,
        scales: int,
        size: tuple[int, int],
        colors: torch.Tensor | None,
        alpha: torch.Tensor,
        recipe: Callable[[int], str] | None,
        sums: InputChecksums,
        interruption: Interruption,
        world: World,
        bar: tqdm,
    ):
        self.params = params
        self.scales = scales
        self.size = size
        self.colors = colors
        self.alpha = alpha if len(alpha) else None
        self.recipe = recipe
        self.sums = sums
        self.interruption = interruption
        self.world = world
        self.bar = bar
        self.watch = DivergenceMonitor()
        self.begun = False  # whether there was an evaluation
        self.saved = ''  # where the picture is, once a signal has come
        self.latest: Checkpoint | None = None  # the run before the evaluation at hand
        self.plan: Plan | None = None  # of the scale at hand

    def planned(self, plan: Plan) -> None:
        """stylize has a plan.  Raises DryRun where that is all."""
        self.plan = plan
        if self.params.dry_run:
            raise DryRun(plan.text)
        if self.world.rank == 0 and (self.params.memory != '' or not plan.plain):
            warn(plan.text)

    def before(self, checkpoint: Checkpoint) -> None:
        """An evaluation is to come.  Raises Interrupted once a signal has come."""
        self.latest = checkpoint
        self.interruption.gentle = True
        params, t = self.params, checkpoint.iteration
        often = params.checkpoint_iter > 0 and modulo(t, params.checkpoint_iter) == 0
        last = checkpoint.scale == self.scales - 1 and t == params.num_iterations - 1
        if self.saved:
            state = save_resume_point(params, self.sums, checkpoint, self.world)
            text = f'interrupted after iteration {t}; {self.saved}; {state}'
            raise Interrupted(text, self.interruption.signal)
        if params.checkpoint != '' and self.begun and (often or last):
            sums = self.sums.by_flag()
            try:
                checkpoints.write(params.checkpoint, params, sums, checkpoint, self.world)
            except OSError as error:
                warn(f'{error}; going on without it')

    def evaluated(self, iterate: Iterate) -> None:
        """An evaluation is done.  Raises Diverged where its numbers are lost."""
        self.begun = True
        interruption = self.interruption
        interruption.signal = self.world.max(interruption.signal)
        if iterate.iteration >= iterate.num_iterations:
            self.latest = None  # the step that follows changes it, and nothing replaces it
        shows = self._should_save(iterate)
        self.watch(iterate, now=shows or interruption.signal != 0)
        self._maybe_print(iterate)
        if shows and self.world.rank == 0:
            self._save(iterate)
        if interruption.signal:
            self.saved = self._save_here(iterate.iteration, iterate.x)
        self.bar.update()

    def diverged(self, error: DivergenceError) -> str:
        """What to say of lost numbers; the picture of the lowest loss is saved."""
        self.saved = self._save_here(error.iteration, error.good)
        return (
            f'{error}; {likely_cause(self.params)}; {self.saved}: that of iteration'
            f' {error.iteration}, of the lowest loss'
        )

    def lacking(self, device: torch.device) -> str:
        """What to say where memory is out; picture and state are saved if there are some."""
        text = too_large(self.params, self.size, self.plan, device)
        if self.watch.good is not None:
            text += '; ' + self._save_here(self.watch.iteration, self.watch.good)
        if self.watch.good is not None and self.latest is not None and self.world.size == 1:
            text += '; ' + save_resume_point(self.params, self.sums, self.latest)
        return text

    def _maybe_print(self, iterate: Iterate) -> None:
        t = iterate.iteration
        if self.params.print_iter > 0 and modulo(t, self.params.print_iter) == 0:
            say(f'Iteration {format_d(t)} / {format_d(iterate.num_iterations)}')
            for i, content_module in enumerate(iterate.network.content_losses, start=1):
                say(f'  Content {i} loss: {format_f(float(content_module.loss))}')
            for i, style_module in enumerate(iterate.network.style_losses, start=1):
                say(f'  Style {i} loss: {format_f(float(style_module.loss))}')
            say(f'  Total loss: {format_f(float(iterate.loss))}')

    def _should_save(self, iterate: Iterate) -> bool:
        t = iterate.iteration
        if iterate.x.shape[1:] != self.size:
            return False  # a coarser scale
        often = self.params.save_iter > 0 and modulo(t, self.params.save_iter) == 0
        return often or t == self.params.num_iterations

    def _painted(self, x: torch.Tensor) -> torch.Tensor:
        """The picture of an x, at the full size."""
        if self.plan is not None:
            self.plan.reserve(saving(self.size))
        disp = deprocess(x.cpu().double())
        if disp.shape[1:] != self.size:
            height, width = self.size
            disp = image.scale_to(disp, width, height)

        # Maybe perform postprocessing for color-independent style transfer
        if self.colors is None:
            return disp
        back = original_colors if self.params.original_colors == 1 else style_tint
        return back(self.colors, disp)

    def _saver(self, iteration: int, x: torch.Tensor) -> Callable[[str], None]:
        """What writes the picture of an x under a name."""
        return functools.partial(
            image.save,
            image=self._painted(x),
            jpeg_quality=self.params.jpeg_quality,
            alpha=self.alpha,
            comment=None if self.recipe is None else self.recipe(iteration),
        )

    def _save(self, iterate: Iterate) -> None:
        write = self._saver(iterate.iteration, iterate.x)
        if iterate.iteration == self.params.num_iterations:
            save_final(self.params.output_image, write)
            return
        try:
            write(build_filename(self.params.output_image, iterate.iteration))
        except (ValueError, OSError) as error:
            warn(f'{error}; going on without it')

    def _save_here(self, iteration: int, x: torch.Tensor) -> str:
        """Save a picture that may be the last; says where it is."""
        if self.world.rank:
            return 'the first process saves the picture'
        return save_or_report(self.params.output_image, self._saver(iteration, x))
