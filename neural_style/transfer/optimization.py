"""Minimising: L-BFGS or Adam over a feval."""

import logging
import math
from collections.abc import Callable
from typing import Any

from torch import Tensor

from neural_style.distributed import World
from neural_style.planning.planner import Plan
from neural_style.torch7.adam import adam
from neural_style.torch7.optim import LONG_VECTOR, lbfgs
from neural_style.transfer.settings import Settings

logger = logging.getLogger(__name__)


def optimize(
    feval: Callable[[Tensor], tuple[Tensor, Tensor]],
    z: Tensor,
    state: dict[str, Any],
    settings: Settings,
    plan: Plan,
    world: World,
) -> None:
    """Minimise feval, starting from z, which is changed in place.

    feval(z) gives the loss and its gradient.  state: the optimiser's; empty at the start of a run,
    and kept up to date.  plan: how L-BFGS keeps its history, and where.  world: the processes that
    have a shard of z each.
    Source: neural_style.lua: main.
    """
    if settings.optimizer == 'lbfgs':
        logger.info('Running optimization with L-BFGS')
        lbfgs(
            feval,
            z,
            state,
            max_iter=settings.num_iterations,
            n_correction=history_size(settings.lbfgs_num_correction),
            tol_x=-1,
            tol_fun=-1,
            max_step=settings.lbfgs_max_step,
            reduce_sum=None if world.size == 1 else world.all_reduce,
            history_dtype=plan.history,
            history_device='cpu' if plan.on_host else None,
            verbose=True,
        )
        return
    logger.info('Running optimization with ADAM')
    # Lua's loop over a fractional limit ends at the whole number below it.
    for _ in range(state.get('t', 0), int(max(settings.num_iterations, 0))):
        adam(
            feval,
            z,
            state,
            learning_rate=settings.learning_rate,
            beta1=settings.adam_beta1,
            beta2=settings.adam_beta2,
            epsilon=settings.adam_epsilon,
        )


def history_size(lbfgs_num_correction: float) -> int:
    """Return the pairs that L-BFGS remembers: 0 stands for 100."""
    return max(int(lbfgs_num_correction), 1) if lbfgs_num_correction > 0 else 100


def history_vectors(settings: Settings, elements: int) -> int:
    """Return the vectors that L-BFGS will keep memory for, in all of its run; 0 for Adam.

    elements: of what is optimised.
    """
    if settings.optimizer != 'lbfgs':
        return 0
    slots = history_size(settings.lbfgs_num_correction) + 1
    updates = max(settings.num_iterations - 1, 1)
    if elements <= LONG_VECTOR:
        return 2 * math.ceil(min(slots, updates))
    return math.ceil(min(2 * slots, updates))
