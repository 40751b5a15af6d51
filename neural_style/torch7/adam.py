"""Torch7's optim.adam."""

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from neural_style.torch7.optim import Feval, evaluate_flat

# A vector is updated in chunks of this many elements, which stay in a core's cache.
CHUNK_ELEMENTS = 1 << 18


def adam(
    feval: Feval,
    x: Tensor,
    state: dict[str, Any],
    *,
    learning_rate: float = 1e-3,
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-8,
) -> tuple[Tensor, Any]:
    """Take one step of Adam (Kingma and Ba 2015).

    feval: as for lbfgs.  x: any shape and device, changed in place.  state: a dict, empty before
    the first step, which keeps the step count t and the averages m and v.
    Returns x and the loss before the step.  Source: optim/adam.lua.
    """
    loss, g = evaluate_flat(feval, x)
    if not state:
        state.update(t=0, m=torch.zeros_like(g), v=torch.zeros_like(g))
    state['t'] += 1
    t = state['t']
    bias_correction1 = 1 - beta1**t
    bias_correction2 = 1 - beta2**t
    step_size = learning_rate * math.sqrt(bias_correction2) / bias_correction1

    flat = x.detach().reshape(-1)
    vectors = (flat, g, state['m'], state['v'])
    chunks = zip(*(vector.split(CHUNK_ELEMENTS) for vector in vectors), strict=True)
    for x_chunk, g_chunk, m, v in chunks:
        m.mul_(beta1).add_(g_chunk, alpha=1 - beta1)
        # each product rounded by itself, as there: addcmul_ would fuse the last one with the sum
        denom = g_chunk * (1 - beta2)
        v.mul_(beta2).add_(denom.mul_(g_chunk))
        _sqrt(v, out=denom)
        denom.add_(epsilon)
        x_chunk.addcdiv_(m, denom, value=-step_size)
    if not x.is_contiguous():  # flat is a copy
        x.detach().copy_(flat.view(x.shape))
    return x, loss


def _sqrt(v: Tensor, out: Tensor) -> None:
    """Round the square root correctly; torch.sqrt on a CPU is off in the last bit at times."""
    if v.is_cpu:
        np.sqrt(v.numpy(), out=out.numpy())
    else:
        torch.sqrt(v, out=out)
