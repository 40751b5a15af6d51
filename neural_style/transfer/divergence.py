"""A run whose numbers are lost: NaN or infinity where there were finite ones."""

import math

from torch import Tensor

from neural_style.transfer.evaluation import is_finite
from neural_style.transfer.stylize import Iterate

# Evaluations from check to check on a GPU, which would have to wait for each.
EVERY = 10


class DivergenceError(ArithmeticError):
    """Raised by Watch.  good: the Iterate.x of the lowest loss seen, that of iteration."""

    def __init__(self, found: str, good: Tensor, iteration: int):
        super().__init__(found)
        self.good = good
        self.iteration = iteration


class DivergenceMonitor:
    """Looks at every evaluation, on a GPU at every tenth; raises Diverged.

    The last finite picture is no good one: before they are lost, numbers grow for some
    evaluations.  So the one of the lowest loss is kept, of those of its size.
    A run that has no finite loss to begin with is let alone: the original goes on as well
    (-style_blend_weights 0,0), and there is no good picture to go back to.
    """

    def __init__(self) -> None:
        self.good: Tensor | None = None
        self.loss = math.inf
        self.iteration = 0
        self._seen = 0

    def __call__(self, iterate: Iterate, now: bool = False) -> None:
        """now: look in any case."""
        self._seen += 1
        began = self._seen == 1
        if self.good is None and not began:
            return
        if iterate.x.device.type != 'cpu' and self._seen % EVERY and not (began or now):
            return
        parts = {'image': iterate.x, 'loss': iterate.loss, 'gradient': iterate.gradient}
        lost = [name for name, part in parts.items() if not is_finite(part)]
        if not lost:
            loss = float(iterate.loss)
            if self.good is None or self.good.shape != iterate.x.shape:
                self.good, self.loss = iterate.x.clone(), math.inf
            if loss <= self.loss:
                self.good.copy_(iterate.x)
                self.loss, self.iteration = loss, iterate.iteration
        elif self.good is not None:
            found = f'iteration {iterate.iteration}: the {lost[0]} is no longer finite'
            raise DivergenceError(found, self.good, self.iteration)
