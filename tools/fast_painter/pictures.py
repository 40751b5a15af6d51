"""Pictures to train on: crops of photographs, and whole paintings or drawings."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image
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
        """Return a picture (3, H, W), RGB, in [0, 1]."""
        rng = np.random.default_rng(index)
        side = int(rng.choice([192, 256, 320]))
        if index < len(self.files):
            picture = opened(self.files[index], side)
            longest = (2 * side,) * 2
            picture.thumbnail(longest, Image.Resampling.LANCZOS)
            return as_tensor(np.asarray(picture))
        pixels = drawn(rng, 256).clip(0, 1)
        return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1))).float()
