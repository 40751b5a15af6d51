"""Minimising: L-BFGS or Adam over a feval."""

import logging
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from neural_style.torch7.optim import adam, lbfgs

logger = logging.getLogger(__name__)


def optimize(
    feval: Callable[[Tensor], tuple[Tensor, Tensor]],
    image: Tensor,
    state: dict[str, Any] | None = None,
    *,
    optimizer: str,
    num_iterations: float,
    learning_rate: float,
    lbfgs_num_correction: float,
    lbfgs_max_step: float = 0,
    adam_beta1: float = 0.9,
    adam_beta2: float = 0.999,
    adam_epsilon: float = 1e-8,
    total: Callable[[Tensor], Tensor] | None = None,
    history: torch.dtype | None = None,
    history_on_host: bool = False,
) -> Tensor:
    """Minimise feval, starting from image, which is changed in place and returned.

    feval(x) gives the loss and its gradient.  L-BFGS takes no learning rate, as in the original.
    optimizer: 'lbfgs' or 'adam'; ValueError otherwise.  state: the optimiser's, to go on with;
    empty at the start, and kept up to date.  total: where image is one of several parts.
    history, history_on_host: how L-BFGS keeps its history, and where; as the image by default.
    Source: neural_style.lua: main.
    """
    state = {} if state is None else state
    if optimizer == 'lbfgs':
        logger.info('Running optimization with L-BFGS')
        lbfgs(
            feval,
            image,
            state,
            max_iter=num_iterations,
            n_correction=history_size(lbfgs_num_correction),
            tol_x=-1,
            tol_fun=-1,
            max_step=lbfgs_max_step,
            total=total,
            history_dtype=history,
            history_device='cpu' if history_on_host else None,
            verbose=True,
        )
    elif optimizer == 'adam':
        logger.info('Running optimization with ADAM')
        # Lua's loop over a fractional limit ends at the whole number below it.
        for _ in range(state.get('t', 0), int(max(num_iterations, 0))):
            adam(
                feval,
                image,
                state,
                learning_rate=learning_rate,
                beta1=adam_beta1,
                beta2=adam_beta2,
                epsilon=adam_epsilon,
            )
    else:
        raise ValueError(f'-optimizer {optimizer}: choose lbfgs or adam')
    return image


def history_size(lbfgs_num_correction: float) -> int:
    """Pairs that L-BFGS remembers: 0 stands for 100."""
    return max(int(lbfgs_num_correction), 1) if lbfgs_num_correction > 0 else 100
