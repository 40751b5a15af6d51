"""Sequences of pictures with known flow: pan, zoom, parallax, an occluder, a photograph, a cut."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from neural_style import load, scale

HARBOUR = Path(__file__).resolve().parents[2] / 'examples' / 'inputs' / 'harbour.jpg'
NAMES = ('pan', 'zoom', 'parallax', 'occluder', 'harbour', 'cut')


@dataclass(frozen=True)
class Layer:
    """A painted plane that moves in front of the camera.

    seed: of its texture.  pose: scale, x and y of its origin in the picture at a time.
    radius: of the disc that it is, around its origin; infinite for a background.
    """

    seed: int
    pose: Callable[[int], tuple[float, float, float]]
    radius: float = math.inf

    def coordinates(self, time: int, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Return where on the plane the points of a picture are."""
        scale, left, top = self.pose(time)
        return (x - left) / scale, (y - top) / scale

    def covers(self, time: int, x: Tensor, y: Tensor) -> Tensor:
        a, b = self.coordinates(time, x, y)
        return a.square() + b.square() <= self.radius**2

    def color(self, time: int, x: Tensor, y: Tensor) -> Tensor:
        """Return the texture (3, ...) at points of a picture: waves of all lengths and colours."""
        a, b = self.coordinates(time, x, y)
        generator = torch.Generator().manual_seed(self.seed)
        numbers = torch.rand(24, 6, generator=generator, dtype=torch.float64)
        total = torch.zeros(3, *x.shape, dtype=x.dtype)
        for angle, length, phase, *color in numbers.tolist():
            frequency = 2 * math.pi / (6 * 10**length)  # lengths of 6 to 60 pixels
            wave = torch.sin(
                frequency * (math.cos(2 * math.pi * angle) * a + math.sin(2 * math.pi * angle) * b)
                + 2 * math.pi * phase
            )
            total += torch.tensor(color, dtype=x.dtype).view(3, *([1] * x.dim())) * wave
        return (0.5 + total / 7).clamp(0, 1)


@dataclass(frozen=True)
class Photograph(Layer):
    """A picture, (3, H, W), RGB, as the texture of a plane."""

    picture: Tensor | None = None

    def color(self, time: int, x: Tensor, y: Tensor) -> Tensor:
        assert self.picture is not None
        height, width = self.picture.shape[1:]
        a, b = self.coordinates(time, x, y)
        grid = torch.stack((2 * a / (width - 1) - 1, 2 * b / (height - 1) - 1), -1)
        options = {'padding_mode': 'reflection', 'align_corners': True}
        return functional.grid_sample(self.picture[None], grid[None], **options)[0]


@dataclass(frozen=True)
class MovingPicture:
    """Layers, the foremost first; from the time of a cut on, those of another scene."""

    size: tuple[int, int]
    layers: Sequence[Layer]
    cut: int | None = None
    layers_after: Sequence[Layer] = ()

    def frame(self, time: int) -> Tensor:
        """Return the picture at a time: (3, H, W), RGB in [0, 1], float64."""
        x, y = self._points()
        foremost = self._foremost(time, x, y)
        picture = torch.zeros(3, *self.size, dtype=torch.float64)
        for number, layer in enumerate(self._layers(time)):
            picture = torch.where(foremost == number, layer.color(time, x, y), picture)
        return picture

    def flow(self, time: int, other: int) -> tuple[Tensor, Tensor]:
        """Return the flow from one time to another, (2, H, W), and where it leads to what is seen.

        The second is (H, W), bool.
        """
        x, y = self._points()
        foremost = self._foremost(time, x, y)
        flow = torch.zeros(2, *self.size, dtype=torch.float64)
        if self._layers(time) is not self._layers(other):
            return flow, torch.zeros(self.size, dtype=torch.bool)
        for number, layer in enumerate(self._layers(time)):
            a, b = layer.coordinates(time, x, y)
            scale, left, top = layer.pose(other)
            moved = torch.stack((a * scale + left - x, b * scale + top - y))
            flow = torch.where(foremost == number, moved, flow)
        x, y = x + flow[0], y + flow[1]
        height, width = self.size
        inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
        return flow, inside & (self._foremost(other, x, y) == foremost)

    def _layers(self, time: int) -> Sequence[Layer]:
        return self.layers if self.cut is None or time < self.cut else self.layers_after

    def _foremost(self, time: int, x: Tensor, y: Tensor) -> Tensor:
        """Return the number of the layer that is seen at each point."""
        foremost = torch.full_like(x, -1, dtype=torch.long)
        for number, layer in enumerate(self._layers(time)):
            covered = layer.covers(time, x, y) & (foremost < 0)
            foremost = foremost.masked_fill(covered, number)
        return foremost

    def _points(self) -> tuple[Tensor, Tensor]:
        height, width = self.size
        y, x = torch.meshgrid(
            torch.arange(height, dtype=torch.float64),
            torch.arange(width, dtype=torch.float64),
            indexing='ij',
        )
        return x, y


def sequence(name: str, height: int = 72, width: int = 96) -> MovingPicture:
    """Return one of the sequences of NAMES."""
    size = (height, width)
    centre = (width / 2, height / 2)
    pan = Layer(1, lambda t: (1, -2.3 * t, -0.8 * t))
    if name == 'pan':
        return MovingPicture(size, [pan])
    if name == 'zoom':
        return MovingPicture(size, [Layer(2, lambda t: (1.03**t, *centre))])
    if name == 'parallax':
        near = Layer(3, lambda t: (1, 0.3 * width + 3.1 * t, 0.6 * height), 0.28 * height)
        far = Layer(4, lambda t: (1, 0.8 * width + 2 * t, 0.3 * height), 0.2 * height)
        return MovingPicture(size, [near, far, Layer(5, lambda t: (1, 1.1 * t, 0))])
    if name == 'occluder':
        walker = Layer(6, lambda t: (1, 0.15 * width + 5 * t, 0.55 * height), 0.2 * height)
        return MovingPicture(size, [walker, Layer(7, lambda t: (1, 0, 0))])
    if name == 'harbour':
        picture = scale(load(HARBOUR), 1.3 * max(size))

        def pose(t: int) -> tuple[float, float, float]:
            return 1.006**t, -0.01 * width * t, -0.1 * height

        return MovingPicture(size, [Photograph(0, pose, picture=picture)])
    if name == 'cut':
        return MovingPicture(size, [pan], 4, [Layer(8, lambda t: (1, 1.7 * t, 0))])
    raise ValueError(f'{name}: there are {", ".join(NAMES)}')
