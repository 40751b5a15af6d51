"""Divergence: NaN or infinity after finite values."""

import math

from torch import Tensor

from neural_style.transfer.evaluation import is_finite
from neural_style.transfer.session import Iterate

# A step that raises the loss by this factor above the lowest is a leap.
LEAP = 100
# Evaluations from check to check on a GPU, which would have to wait for each.
CHECK_INTERVAL = 10


class DivergenceError(ArithmeticError):
    """Raised by DivergenceMonitor.

    best_image: the Iterate.x of the lowest loss seen, that of evaluation number iteration.
    """

    def __init__(self, problem: str, best_image: Tensor, iteration: int):
        super().__init__(problem)
        self.best_image = best_image
        self.iteration = iteration


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
