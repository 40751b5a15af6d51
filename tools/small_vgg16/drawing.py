"""Pictures drawn at random: leaves, brush strokes and shards over clouds of colour."""

import numpy as np
from PIL import Image, ImageDraw


def drawn(rng: np.random.Generator, side: int) -> np.ndarray:
    """Draw a picture: (side, side, 3), mostly in [0, 1]."""
    clouds = 0.5 + 0.2 * fractal_noise(rng, side, 3)
    picture = Image.fromarray((clouds.clip(0, 1) * 255).astype(np.uint8))
    picture = picture.resize((2 * side, 2 * side))  # drawn twice as large, against jagged edges
    pen = ImageDraw.Draw(picture)
    palette = rng.integers(0, 256, (rng.integers(2, 12), 3))
    angles = fractal_noise(rng, side, 1)[..., 0] * rng.uniform(0.2, 2)
    shape = rng.integers(4)  # 3: none, clouds alone
    for _ in range(0 if shape == 3 else rng.integers(20, 600)):
        color = palette[rng.integers(len(palette))] + rng.integers(-20, 20, 3)
        color = tuple(int(c) for c in color.clip(0, 255))
        x, y = rng.integers(0, 2 * side, 2)
        _draw_shape(pen, shape, (x, y), angles[y // 2, x // 2], color, rng)
    pixels = np.asarray(picture.resize((side, side), Image.Resampling.BOX)) / 255
    return pixels * (1 + rng.choice([0.0, 0.1, 0.2]) * fractal_noise(rng, side, 1))


def _draw_shape(pen, shape: int, center, angle: float, color, rng: np.random.Generator) -> None:
    (x, y), size = center, 4 / (rng.random() + 0.05)
    if shape == 0:  # dead leaves
        pen.ellipse((x - size, y - size, x + size, y + size * rng.uniform(0.3, 1)), color)
        return
    dx, dy = 2 * size * np.cos(angle), 2 * size * np.sin(angle)
    if shape == 1:  # strokes
        pen.line((x - dx, y - dy, x + dx, y + dy), color, int(rng.integers(1, 7)))
    else:  # shards
        corners = (x - dx, y - dy, x + dy / 2, y - dx / 2, x + dx, y + dy)
        pen.polygon(corners, color, outline=color if rng.random() < 0.5 else (0, 0, 0))


def fractal_noise(rng: np.random.Generator, side: int, channels: int) -> np.ndarray:
    """Noise with power at all scales: (side, side, channels), about unit variance."""
    persistence, total = rng.uniform(0.4, 1.1), np.zeros((side, side, channels))
    for octave in range(1, 8):
        grid = rng.standard_normal((channels, 2**octave, 2**octave)).astype(np.float32)
        layers = [
            np.asarray(Image.fromarray(g).resize((side, side), Image.Resampling.BICUBIC))
            for g in grid
        ]
        total += np.stack(layers, -1) * persistence**octave
    return total / total.std()
