"""Pictures to train on: crops of photographs, and whole paintings or drawings."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from neural_style.transfer.preprocessing import MEAN_PIXEL
from tools.small_vgg16.drawing import drawn


def files_in(folders: list[Path], without: list[str]) -> list[Path]:
    """List the pictures in folders whose names contain none of some words."""
    return [
        path
        for folder in folders
        for path in sorted(folder.iterdir())
        if path.suffix.lower() in ('.jpg', '.png')
        and not any(word.lower() in path.name.lower() for word in without)
    ]


def opened(path: Path, shorter: int) -> Image.Image:
    """Read a picture and scale it so that its shorter side has a length, in pixels."""
    picture = Image.open(path)
    picture.draft('RGB', (shorter, shorter))
    picture = picture.convert('RGB')
    factor = shorter / min(picture.size)
    size = tuple(max(shorter, round(side * factor)) for side in picture.size)
    return picture.resize(size, Image.Resampling.LANCZOS)


def as_tensor(pixels: np.ndarray) -> Tensor:
    """Turn bytes (H, W, 3) into (3, H, W) in [0, 1]."""
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1))).float().div_(255)


def preprocessed(images: Tensor) -> Tensor:
    """Turn RGB images (N, 3, H, W) into what a Caffe VGG expects."""
    return images.flip(1) * 256 - images.new_tensor(MEAN_PIXEL).view(1, 3, 1, 1)


class Photographs:
    """Supply random crops of photographs."""

    def __init__(self, files: list[Path], shorter: int = 400):
        self.pictures = [np.asarray(opened(path, shorter)) for path in files]

    def crop(self, rng: np.random.Generator, side: int) -> Tensor:
        """Draw a crop (3, side, side), RGB, in [0, 1]."""
        pixels = self.pictures[rng.integers(len(self.pictures))]
        height, width = pixels.shape[:2]
        window = int(min(height, width, side * rng.uniform(1, 2)))
        top, left = rng.integers(height - window + 1), rng.integers(width - window + 1)
        crop = Image.fromarray(pixels[top : top + window, left : left + window])
        pixels = np.asarray(crop.resize((side, side), Image.Resampling.BICUBIC))
        return as_tensor(pixels[:, ::-1] if rng.random() < 0.5 else pixels)


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
