"""Pictures to train on: crops of photographs, and whole paintings or drawings."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from neural_style.train.photographs import as_tensor, opened
from tools.small_vgg16.drawing import drawn


class Styles:
    """Supply pictures of styles: paintings, each always at the same scale, and drawings."""

    def __init__(self, files: list[Path], drawings: int):
        self.files = files
        self.drawings = drawings

    def __len__(self) -> int:
        return len(self.files) + self.drawings

    def __getitem__(self, index: int) -> Tensor:
        """Return a picture (3, H, W), RGB, in [0, 1]; of long ones, the middle."""
        rng = np.random.default_rng(index)
        side = int(rng.choice([256, 320, 384]))
        if index < len(self.files):
            pixels = np.asarray(opened(self.files[index], side))
            top, left = (max(0, size - 2 * side) // 2 for size in pixels.shape[:2])
            return as_tensor(pixels[top : top + 2 * side, left : left + 2 * side])
        pixels = drawn(rng, 256).clip(0, 1)
        return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1))).float()
