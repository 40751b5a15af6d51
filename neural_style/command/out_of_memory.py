"""Out of memory: which size would fit."""

import math

import torch

from neural_style.command.arguments import Arguments
from neural_style.memory import limits
from neural_style.planning.planner import Plan

# A suggested size has at most this share of the pixels that did not fit.
SUGGESTED_SHARE = 0.64


def out_of_memory_message(
    arguments: Arguments, size: tuple[int, int], plan: Plan | None, device: torch.device
) -> str:
    """Name the size that should fit.  size: (H, W) of the image that did not."""
    height, width = size
    share = SUGGESTED_SHARE
    text = f'out of memory at {width} x {height}'
    if plan is not None:
        free = limits.free_memory(device)
        share = min(share, free / plan.peak)
        peak = limits.format_bytes(plan.peak)
        text += f', with {peak} predicted and {limits.format_bytes(free)} available'
    fitting = int(max(height, width) * math.sqrt(share)) // 8 * 8
    text += f': -image_size {fitting} should fit' if fitting >= 8 else ': too little for any size'
    if arguments.optimizer == 'lbfgs':
        text += '; -optimizer adam and a small -lbfgs_num_correction need less'
    return text
