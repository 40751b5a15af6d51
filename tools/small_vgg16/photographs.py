"""Crops to train on: cut from photographs and paintings, or drawn; recoloured and noisy."""

import logging
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from neural_style import preprocess
from tools.small_vgg16.drawing import drawn, fractal_noise

log = logging.getLogger(__name__)


class Crops:
    """Supply square crops without end.

    folders: where the photographs are.  without: parts of file names that are left out.
    """

    def __init__(
        self, folders: list[Path], without: list[str], rng: np.random.Generator, side: int = 128
    ):
        self.rng = rng
        self.side = side
        self.photographs = []
        for file in (file for folder in folders for file in sorted(folder.iterdir())):
            if file.suffix.lower() in ('.jpg', '.png') and not any(w in file.name for w in without):
                picture = Image.open(file).convert('RGB')
                picture.thumbnail((800, 800), Image.Resampling.LANCZOS)
                self.photographs.append(picture)
        log.info('%d pictures', len(self.photographs))

    def draw(self) -> Tensor:
        """Draw a crop at random, two in three from a photograph: (3, side, side), preprocessed."""
        rng = self.rng
        pixels = self._cut() if rng.random() < 2 / 3 else drawn(rng, self.side)
        pixels = recolored(pixels, rng)
        if rng.random() < 0.3:  # as an unfinished picture, or an old photograph
            noise = rng.standard_normal(pixels.shape)
            if rng.random() < 0.5:
                noise = fractal_noise(rng, self.side, 3)
            pixels = pixels + noise * 10 ** rng.uniform(-2.3, -0.5)
        if rng.random() < 0.7:
            pixels = pixels.clip(0, 1)
        image = torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))
        return preprocess(image.float())

    def _cut(self) -> np.ndarray:
        rng = self.rng
        picture = self.photographs[rng.integers(len(self.photographs))]
        shorter = min(picture.size)
        side = int(min(shorter, 96 * (shorter / 96) ** rng.random()))
        left, top = (rng.integers(size - side + 1) for size in picture.size)
        box = (left, top, left + side, top + side)
        target = (self.side, self.side)
        crop = picture.resize(target, Image.Resampling.BICUBIC, box=box, reducing_gap=2)
        pixels = np.asarray(crop) / 255
        if rng.random() < 0.5:
            pixels = pixels[:, ::-1]
        return np.rot90(pixels, rng.integers(4)) if rng.random() < 0.2 else pixels


def recolored(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Change colours, mostly mildly: order, saturation, gamma, gain, offset."""
    if rng.random() < 0.15:
        pixels = pixels[..., rng.permutation(3)]
    if rng.random() < 0.6:
        grey = pixels.mean(-1, keepdims=True)
        pixels = grey + (pixels - grey) * rng.choice([0.0, rng.uniform(0.3, 1.8)], p=[0.1, 0.9])
        pixels = pixels.clip(0, 1) ** np.exp(rng.normal(0, 0.3))
        pixels = (pixels - 0.5) * rng.uniform(0.5, 1.3) + 0.5 + rng.normal(0, 0.08)
        pixels = pixels * np.exp(rng.normal(0, 0.1, 3))
    return pixels
