"""The evaluations of a run, scale after scale."""

from collections.abc import Sequence
from dataclasses import dataclass

from neural_style.command.arguments import Arguments
from neural_style.transfer.checkpoint import Checkpoint
from neural_style.transfer.multiscale import iterations, scales


@dataclass(frozen=True)
class Schedule:
    """How many evaluations a run has, and how large they are.

    sides, counts: of each scale the longer side of the image, and the evaluations.
    done: evaluations of the run that this one continues.
    """

    sides: Sequence[int]
    counts: Sequence[float]
    done: int = 0

    @property
    def total(self) -> float:
        return sum(self.counts)

    def scale_number(self, evaluation: int) -> int:
        """Return at which scale an evaluation is, from 1."""
        number = 1
        for count in self.counts[:-1]:
            if evaluation <= count:
                break
            evaluation -= int(count)
            number += 1
        return number

    def work(self, evaluations: float) -> float:
        """Return the work of the first evaluations: their pixels, but for a factor."""
        work = 0.0
        for count, side in zip(self.counts, self.sides, strict=True):
            work += min(count, evaluations) * side**2
            evaluations -= min(count, evaluations)
        return work


def make_schedule(
    arguments: Arguments, size: tuple[int, int], checkpoint: Checkpoint | None
) -> Schedule:
    """Return the evaluations of a run for a picture of a size (H, W)."""
    sides = scales(arguments.multiscale, max(size))
    counts = iterations(arguments.multiscale, max(size), arguments.num_iterations)
    if checkpoint is None:
        return Schedule(sides, counts)
    done = int(sum(counts[: checkpoint.scale]) + checkpoint.iteration)
    return Schedule(sides, counts, done)
