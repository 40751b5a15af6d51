"""Hair and grass: mane and tail of the horse in many fine strands, blades that grow in depth."""

import numpy as np
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter

from .canvas import SCALE, curve, grid, mix, noise, step
from .horse_shape import HEIGHT, WIDTH, fit

GROUND = 742


class Strands:
    """A transparent sheet for fine lines that cover one another."""

    def __init__(self):
        self.image = Image.new('RGBA', (WIDTH * SCALE, HEIGHT * SCALE))
        self.pen = ImageDraw.Draw(self.image)

    def lock(self, path, spread, count, rng, root=0.4, tip=0.25):
        """Strands side by side along path, `spread` apart at the widest, together at the tip."""
        t = np.linspace(0, 1, 30)
        middle = curve(path, 30)[:, :2]
        along = np.gradient(middle, axis=0)
        normal = np.stack([-along[:, 1], along[:, 0]], 1) / (np.hypot(*along.T)[:, None] + 1e-9)
        spreads = np.interp(t, [0, 0.35, 0.7, 1], [root, 1, 0.8, tip]) * spread
        for _ in range(count):
            side = rng.normal(0, 0.42)
            wave = rng.normal(0, 0.2) * np.sin(t * rng.uniform(2, 5) + rng.uniform(0, 6)) * t
            line = (middle + normal * ((side + wave) * spreads)[:, None]) * SCALE
            start, end = rng.integers(0, 7), rng.integers(17, 31)
            tone = rng.uniform(10, 24) + rng.gamma(1.5, 9) * (side < 0.3)
            for k in range(start, end - 1, 2):
                gleam = tone * (0.8 + 0.9 * np.exp(-(((t[k] - 0.35) / 0.16) ** 2)))
                colour = (int(gleam * 1.2), int(gleam * 0.95), int(gleam * 0.80), 255)
                piece = [tuple(p) for p in line[k : min(k + 3, end)]]
                width = 1 + (k < end * 0.8) + (start < k < end * 0.6)
                self.pen.line(piece, fill=colour, width=width)

    def over(self, scene, blur=0.7):
        """Return the scene with the sheet on top of it."""
        layer = np.asarray(self.image, np.float32) / 255
        alpha = gaussian_filter(layer[..., 3], blur)[..., None]
        colour = gaussian_filter(layer[..., :3] * layer[..., 3:], (blur, blur, 0))
        return scene * (1 - alpha) + colour


def tail(scene, rng, behind):
    """The tail streams out behind; its root lies over the croup, the rest behind the thigh."""
    sheet = Strands()
    for _ in range(40 if behind else 18):
        u = np.clip(rng.normal(0, 0.45), -0.8, 0.8)
        long = rng.uniform(0.70, 1.05) * (1 - 0.18 * u)
        path = [(420 + rng.normal(0, 7), 304 + 3 * u), (382, 299 + 6 * u),
                (380 - 62 * long, 293 + 30 * u), (380 - 124 * long, 314 + 58 * u),
                (380 - 180 * long, 338 + 84 * u),
                (380 - 222 * long, 340 + 106 * u + rng.normal(0, 8))]  # fmt: skip
        sheet.lock(fit(path), rng.uniform(18, 30), 46, rng, 0.12)
    return sheet.over(scene)


def mane(scene, rng):
    """Locks along the crest, blown up and back; a forelock between the ears."""
    sheet = Strands()
    for u in np.sort(rng.uniform(0, 1, 62))[::-1]:
        x, y = 836 - 140 * u, 160 + 90 * u**1.2
        long = rng.uniform(56, 100) * (1 - 0.25 * u)
        lift, low = rng.normal(-6, 13), rng.uniform(0, 13)
        path = [(x + 9, y + low), (x - long * 0.20, y + low - 12 + lift * 0.3),
                (x - long * 0.60, y + low - 6 + lift),
                (x - long, y + low + 10 + lift * 1.3)]  # fmt: skip
        sheet.lock(fit(path), rng.uniform(9, 15), 30, rng, 0.8)
    for k in range(4):
        path = [(838, 158), (848 + 2 * k, 155 + 2 * k), (858 + 2 * k, 166 + k), (866, 178 + 3 * k)]
        sheet.lock(fit(path), 6, 16, rng)
    return sheet.over(scene)


def grass(scene, rng, near):
    """Draw a strip of meadow: dim far blades, then the sharp near ones; the shadow of the horse."""
    y, x = grid(HEIGHT, WIDTH)
    if not near:
        field = noise(*y.shape, rng, (40, 16), 6, 0.6)
        green = step(GROUND, HEIGHT, y)
        ground = mix(np.array((0.36, 0.45, 0.20)), np.array((0.22, 0.33, 0.12)), green)
        ground = ground * (0.75 + 0.5 * field[..., None])
        scene = mix(scene, ground, step(-4, 5, y - GROUND - 6 * (field - 0.5)))
    for depth in np.linspace(0.3, 1, 6) if near else np.linspace(0, 0.24, 3):
        sheet = Strands()
        blades(sheet.pen, depth, rng)
        scene = sheet.over(scene, max(0.6, 1.6 - 2 * depth, 2 * depth - 0.6))
    return scene


def blades(pen, depth, rng):
    """Draw one row of blades; depth: 0 for the farthest, 1 for the nearest."""
    foot = GROUND + 6 + (HEIGHT + 26 - GROUND) * depth**1.2
    tall = 10 + 34 * depth
    for _ in range(int(2600 - 1500 * depth)):
        x, y = rng.uniform(-10, WIDTH + 10), foot + rng.normal(0, 4 + 7 * depth)
        lean, high = rng.normal(0.15, 0.4) * tall, tall * rng.uniform(0.4, 1.1)
        shade = np.exp(-(((x - 600) / 330) ** 2) - ((y - 784) / 22) ** 2)
        lum, hue = rng.uniform(0.55, 1.15) * (1 - 0.55 * shade) * (1 - 0.12 * depth), rng.random()
        colour = [int(lum * (low + more * hue)) for low, more in ((84, 66), (112, 34), (44, 24))]
        blade = [(x, y), (x + lean * 0.35, y - high * 0.6), (x + lean, y - high)]
        blade = [(px * SCALE, py * SCALE) for px, py in blade]
        pen.line(blade, fill=(*colour, 255), width=2 + int(2.4 * depth))
