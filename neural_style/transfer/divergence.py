"""Divergence: NaN or infinity after finite values, and leaps of L-BFGS."""

import logging
import math
from collections.abc import Callable

import torch
from torch import Tensor

from neural_style.transfer.evaluation import is_finite
from neural_style.transfer.preprocessing import deprocess
from neural_style.transfer.session import Iterate
from neural_style.transfer.settings import Settings

logger = logging.getLogger(__name__)

# A step that raises the loss by this factor above the lowest is a leap.
LEAP = 100
# Evaluations from check to check on a GPU, which would have to wait for each.
CHECK_INTERVAL = 10


class DivergenceError(ArithmeticError):
    """Raised by DivergenceMonitor, and so by stylize.

    best_image: the Iterate.x of the lowest loss seen, that of evaluation number iteration.
    """

    def __init__(self, problem: str, best_image: Tensor, iteration: int):
        super().__init__(problem)
        self.best_image = best_image
        self.iteration = iteration

    @property
    def image(self) -> Tensor:
        """Return the best image as stylize would: (3, H, W), RGB, float64, not clamped."""
        return deprocess(self.best_image.cpu().double())


def likely_cause(precision: str, optimizer: str, learning_rate: float) -> str:
    """Return why a run may have diverged, and what to do about it."""
    if precision == 'fp16':
        return 'float16 overflows at 65504: give `precision` bf16 or fp32, or smaller weights'
    if optimizer == 'adam':
        return f'`learning_rate` {learning_rate:g} or the weights are too large'
    return 'a step of L-BFGS went too far: give `lbfgs_max_step` 10, or smaller weights'


def leap_warning(iteration: int) -> str:
    """Say that an unlimited step of L-BFGS has thrown the loss up, and what prevents it."""
    return (
        f'iteration {iteration}: a step of L-BFGS went too far, and the loss rose a hundredfold,'
        ' from where it may not come back; `lbfgs_max_step` 10 prevents it'
    )


class DivergenceMonitor:
    """A callback that raises DivergenceError once numbers are no longer finite.

    It checks every evaluation, on a GPU every tenth.  The last finite image is not a good one:
    numbers grow for some evaluations before they overflow.  So the image of the lowest loss at the
    current size is kept.
    A run without a finite loss at its start is not checked: the original continues as well
    (style_blend_weights that sum to 0), and there is no good image to return to.
    """

    def __init__(self) -> None:
        self.best_image: Tensor | None = None
        self.loss = math.inf
        self.iteration = 0
        self.leap = 0  # the number of the first evaluation after a leap
        self._is_leap_taken = False
        self._evaluations = 0
        self._lowest = math.inf  # of all losses at the current size, checked or not
        self._unread: dict[int, Tensor] = {}  # losses since the last check, by iteration

    def __call__(self, iterate: Iterate, now: bool = False) -> None:
        """Check an evaluation, and keep its image if it is the best.  now: check in any case."""
        self._evaluations += 1
        is_first = self._evaluations == 1
        if self.best_image is None and not is_first:
            return
        self._begin_size(iterate)
        self._unread[iterate.iteration] = iterate.loss
        is_due = self._evaluations % CHECK_INTERVAL == 0 or is_first or now
        if iterate.x.device.type != 'cpu' and not is_due:
            return
        self.read_losses()
        tensors = {'image': iterate.x, 'loss': iterate.loss, 'gradient': iterate.gradient}
        diverged = [name for name, tensor in tensors.items() if not is_finite(tensor)]
        if not diverged:
            self._keep(iterate)
        else:
            self.fail(f'iteration {iterate.iteration}: the {diverged[0]} is no longer finite')

    def read_losses(self) -> None:
        """Look for a leap among the losses since the last check; waits for the device."""
        losses = torch.stack(list(self._unread.values())).tolist() if self._unread else []
        for iteration, loss in zip(self._unread, losses, strict=True):
            if not self.leap and loss > LEAP * self._lowest > 0:
                self.leap = iteration
            self._lowest = min(self._lowest, loss)
        self._unread.clear()

    def take_leap(self) -> int:
        """Return the number of the first evaluation after a leap, once; else 0."""
        leap = 0 if self._is_leap_taken else self.leap
        self._is_leap_taken |= leap > 0
        return leap

    def fail(self, problem: str) -> None:
        """Raise DivergenceError, if there is a good image."""
        if self.best_image is not None:
            raise DivergenceError(problem, self.best_image, self.iteration)

    def _begin_size(self, iterate: Iterate) -> None:
        """Forget the losses of the former scale of a coarse-to-fine run."""
        if self.best_image is not None and self.best_image.shape != iterate.x.shape:
            self.read_losses()
            self._lowest = math.inf

    def _keep(self, iterate: Iterate) -> None:
        """Keep a finite image if its loss is the lowest of its size."""
        loss = float(iterate.loss)
        if self.best_image is None or self.best_image.shape != iterate.x.shape:
            self.best_image, self.loss = iterate.x.clone(), math.inf
        if loss <= self.loss:
            self.best_image.copy_(iterate.x)
            self.loss, self.iteration = loss, iterate.iteration


class MonitoredCallback:
    """A callback of stylize that watches the run first.

    Errors name the likely cause, and a leap of L-BFGS is logged once.
    """

    def __init__(self, callback: Callable[[Iterate], None], settings: Settings):
        self._callback = callback
        self._settings = settings
        self._monitor = DivergenceMonitor()

    def __call__(self, iterate: Iterate) -> None:
        try:
            self._monitor(iterate)
        except DivergenceError as error:
            raise self._with_cause(error) from None
        self._maybe_warn()
        self._callback(iterate)

    def finish(self, result: Tensor) -> None:
        """Check the result of the run.  Raises DivergenceError."""
        self._monitor.read_losses()
        self._maybe_warn()
        if is_finite(result):
            return
        try:
            self._monitor.fail('the image is no longer finite')
        except DivergenceError as error:
            raise self._with_cause(error) from None

    def _with_cause(self, error: DivergenceError) -> DivergenceError:
        settings = self._settings
        cause = likely_cause(settings.precision, settings.optimizer, settings.learning_rate)
        return DivergenceError(f'{error}; {cause}', error.best_image, error.iteration)

    def _maybe_warn(self) -> None:
        settings = self._settings
        is_unlimited = settings.optimizer == 'lbfgs' and settings.lbfgs_max_step == 0
        if is_unlimited and (leap := self._monitor.take_leap()):
            logger.warning(leap_warning(leap))
