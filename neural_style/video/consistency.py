"""Where a flow can be trusted."""

from collections.abc import Sequence

import torch
from torch import Tensor

from neural_style.video.warping import positions, warp


def reliability(backward: Tensor, forward: Tensor) -> Tensor:
    """Return 1 where a flow leads to what is the same point, 0 elsewhere: (1, H, W).

    backward: of the frame, to an earlier one; forward: of that one, to the frame; (2, H, W).
    Not to be trusted are points that were hidden, or beyond the image, and the boundaries of what
    moves.  Source: Ruder et al. 2016, section 4.2.
    """
    unreliable = disoccluded(backward, forward) | motion_boundary(backward) | leaves(backward)
    return (~unreliable).to(backward.dtype)[None]


def disoccluded(backward: Tensor, forward: Tensor) -> Tensor:
    """Tell where the way back and forth does not end where it began: (H, W).

    |w̃ + ŵ|² > 0.01 (|w̃|² + |ŵ|²) + 0.5, with w̃ the forward flow where the backward flow ŵ leads.
    """
    returned = warp(forward, backward)
    error = (returned + backward).square().sum(0)
    lengths = returned.square().sum(0) + backward.square().sum(0)
    return error > 0.01 * lengths + 0.5


def motion_boundary(backward: Tensor) -> Tensor:
    """Tell where the flow changes abruptly: |∇û|² + |∇v̂|² > 0.01 |ŵ|² + 0.002: (H, W)."""
    change = _derivative(backward, 1).square() + _derivative(backward, 2).square()
    return change.sum(0) > 0.01 * backward.square().sum(0) + 0.002


def leaves(flow: Tensor, margin: float = 0) -> Tensor:
    """Tell where a flow leads beyond the image, by more than a margin in pixels: (H, W)."""
    height, width = flow.shape[1:]
    x, y = positions(flow)
    far_right, far_down = width - 1 + margin, height - 1 + margin
    return (x < -margin) | (x > far_right) | (y < -margin) | (y > far_down)


def long_term_weights(reliabilities: Sequence[Tensor]) -> list[Tensor]:
    """Return how much each of several earlier frames counts, the latest first.

    c_long = max(c − Σ c of the later ones, 0).  Source: Ruder et al. 2016, section 4.3.
    """
    weights = []
    later = torch.zeros_like(reliabilities[0])
    for weight in reliabilities:
        weights.append((weight - later).clamp(min=0))
        later = later + weight
    return weights


def _derivative(flow: Tensor, axis: int) -> Tensor:
    """Return central differences, one-sided at the ends."""
    if flow.shape[axis] < 2:
        return torch.zeros_like(flow)
    return torch.gradient(flow, dim=axis)[0]
