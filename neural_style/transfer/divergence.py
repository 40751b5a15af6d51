"""Divergence: NaN or infinity after finite values."""

import math
from collections.abc import Callable

from torch import Tensor

from neural_style.transfer.evaluation import is_finite
from neural_style.transfer.preprocessing import deprocess
from neural_style.transfer.session import Iterate
from neural_style.transfer.settings import Settings

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


def monitored(callback: Callable[[Iterate], None], settings: Settings) -> Callable[[Iterate], None]:
    """Return a callback that first raises DivergenceError, with the likely cause."""
    monitor = DivergenceMonitor()

    def check(iterate: Iterate) -> None:
        try:
            # L-BFGS may end one evaluation earlier
            monitor(iterate, now=iterate.iteration >= iterate.num_iterations - 1)
        except DivergenceError as error:
            cause = likely_cause(settings.precision, settings.optimizer, settings.learning_rate)
            error.args = (f'{error}; {cause}',)
            raise
        callback(iterate)

    return check


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
        self._evaluations = 0

    def __call__(self, iterate: Iterate, now: bool = False) -> None:
        """Check an evaluation, and keep its image if it is the best.  now: check in any case."""
        self._evaluations += 1
        is_first = self._evaluations == 1
        if self.best_image is None and not is_first:
            return
        is_due = self._evaluations % CHECK_INTERVAL == 0 or is_first or now
        if iterate.x.device.type != 'cpu' and not is_due:
            return
        tensors = {'image': iterate.x, 'loss': iterate.loss, 'gradient': iterate.gradient}
        diverged = [name for name, tensor in tensors.items() if not is_finite(tensor)]
        if not diverged:
            self._keep(iterate)
        elif self.best_image is not None:
            problem = f'iteration {iterate.iteration}: the {diverged[0]} is no longer finite'
            raise DivergenceError(problem, self.best_image, self.iteration)

    def _keep(self, iterate: Iterate) -> None:
        """Keep a finite image if its loss is the lowest of its size."""
        loss = float(iterate.loss)
        if self.best_image is None or self.best_image.shape != iterate.x.shape:
            self.best_image, self.loss = iterate.x.clone(), math.inf
        if not self.leap and loss > LEAP * self.loss > 0:
            self.leap = iterate.iteration
        if loss <= self.loss:
            self.best_image.copy_(iterate.x)
            self.loss, self.iteration = loss, iterate.iteration
