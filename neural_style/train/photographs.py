"""Photographs to train on: random crops, read when they are drawn."""

import contextlib
import hashlib
import json
import logging
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from neural_style.files.image_formats import has_image_extension

logger = logging.getLogger(__name__)

SHORTER = 400  # pixels of the shorter side to which photographs are scaled
CACHED_BYTES = 512 << 20  # of scaled photographs, kept in memory
ATTEMPTS = 100  # to draw a photograph that can be read
# What Pillow raises for damaged files, and for those that would fill the memory.
UNREADABLE = (
    *(OSError, SyntaxError, ValueError, EOFError, IndexError),
    Image.DecompressionBombError,
)


def files_in(folders: Iterable[Path], without: Iterable[str] = ()) -> list[Path]:
    """List the pictures in folders, sorted, whose names contain none of some words."""
    words = [word.lower() for word in without]
    return [
        path
        for folder in folders
        for path in sorted(folder.iterdir())
        if path.is_file()
        and has_image_extension(path.name)
        and not any(word in path.name.lower() for word in words)
    ]


def listing_checksum(files: Iterable[Path]) -> str:
    """Return the SHA-256 of names, without folders, and sizes of files: what tells them apart."""
    listing = [(path.name, path.stat().st_size) for path in files]
    return hashlib.sha256(json.dumps(listing).encode()).hexdigest()


def opened(path: Path, shorter: int) -> Image.Image:
    """Read a picture and scale it so that its shorter side has a length, in pixels."""
    with Image.open(path) as file:
        file.draft('RGB', (shorter, shorter))
        picture = file.convert('RGB')
    factor = shorter / min(picture.size)
    width, height = (max(shorter, round(side * factor)) for side in picture.size)
    return picture.resize((width, height), Image.Resampling.LANCZOS)


def as_tensor(pixels: np.ndarray) -> Tensor:
    """Turn bytes (H, W, 3) into (3, H, W) in [0, 1]."""
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1))).float().div_(255)


class Photographs:
    """Supply random crops of photographs; files that cannot be read are named and passed over.

    shorter: pixels of the shorter side to which they are scaled.
    """

    def __init__(self, files: list[Path], shorter: int = SHORTER):
        self.files, self.shorter = files, shorter
        self.unreadable: set[Path] = set()
        self._cache: dict[Path, np.ndarray] = {}
        self._cached_bytes = 0

    def crop(self, rng: np.random.Generator, side: int) -> Tensor:
        """Draw a crop (3, side, side), RGB, in [0, 1].  Raises ValueError if none can be read."""
        pixels = self._draw(rng)
        height, width = pixels.shape[:2]
        window = int(min(height, width, side * rng.uniform(1, 2)))
        top, left = rng.integers(height - window + 1), rng.integers(width - window + 1)
        crop = Image.fromarray(pixels[top : top + window, left : left + window])
        pixels = np.asarray(crop.resize((side, side), Image.Resampling.BICUBIC))
        return as_tensor(pixels[:, ::-1] if rng.random() < 0.5 else pixels)

    def first(self) -> Tensor:
        """Return the first photograph that can be read, whole: (3, H, W), RGB, in [0, 1]."""
        for path in self.files:
            with contextlib.suppress(*UNREADABLE):
                return as_tensor(self._pixels(path))
        raise ValueError(f'{self.files[0].parent}: no photograph in it can be read')

    def _draw(self, rng: np.random.Generator) -> np.ndarray:
        """Draw a photograph, scaled: bytes (H, W, 3)."""
        for _ in range(ATTEMPTS):
            path = self.files[rng.integers(len(self.files))]
            if path in self.unreadable:
                continue
            try:
                return self._pixels(path)
            except UNREADABLE as error:
                self.unreadable.add(path)
                logger.warning('%s: skipped, as it cannot be read: %s', path, error)
        raise ValueError(f'{self.files[0].parent}: hardly a photograph in it can be read')

    def _pixels(self, path: Path) -> np.ndarray:
        if path in self._cache:
            return self._cache[path]
        pixels = np.asarray(opened(path, self.shorter))
        if self._cached_bytes + pixels.nbytes <= CACHED_BYTES:
            self._cached_bytes += pixels.nbytes
            self._cache[path] = pixels
        return pixels
