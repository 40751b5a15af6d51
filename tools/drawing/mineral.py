"""Mineral colours on paper: azurite, malachite and ochre below ink lines; rocks and peaks."""

import numpy as np
from scipy.ndimage import gaussian_filter, gaussian_filter1d

from .canvas import SCALE, gradient, mix, noise, step
from .ink import Paper

AZURITE, DEEP_AZURITE, SKY_BLUE = (0.17, 0.38, 0.58), (0.10, 0.25, 0.44), (0.55, 0.69, 0.76)
MALACHITE, DEEP_MALACHITE, OCHRE = (0.36, 0.58, 0.45), (0.17, 0.38, 0.31), (0.76, 0.59, 0.38)
# Colours from the top of a rock to its foot.
UPPER = [(0.0, DEEP_AZURITE), (0.14, AZURITE), (0.36, (0.24, 0.50, 0.58)), (0.54, MALACHITE),
         (0.74, (0.64, 0.66, 0.46)), (0.90, OCHRE), (1.2, (0.88, 0.77, 0.58))]  # fmt: skip
LOWER = [(0.0, DEEP_MALACHITE), (0.20, MALACHITE), (0.46, (0.54, 0.66, 0.46)),
         (0.66, (0.72, 0.64, 0.42)), (0.86, OCHRE), (1.2, (0.90, 0.80, 0.62))]  # fmt: skip
DISTANT = [(0.0, (0.40, 0.58, 0.70)), (0.5, SKY_BLUE), (1.0, (0.78, 0.83, 0.79))]


class Mineral(Paper):
    """A sheet that takes opaque colours as well as ink."""

    def __init__(self, width, height, seed):
        super().__init__(width, height, seed)
        self.colour = np.ones((*self.ink.shape, 3), np.float32)
        self.cover = np.zeros_like(self.ink)
        self.clouds = noise(*self.ink.shape, self.rng, (14, 20), 6, 0.6)
        self.grains = gaussian_filter(self.rng.standard_normal(self.ink.shape), 1.1) * 2.2

    def ground(self, sheet):
        """Pigment on the sheet, uneven as ground stone is."""
        worn = self.cover * np.clip(0.93 + 0.05 * self.grains + 0.20 * (self.clouds - 0.5), 0, 1)
        stone = self.colour * (1 + 0.035 * self.grains + 0.16 * (self.clouds - 0.5))[..., None]
        return mix(sheet, stone * (0.94 + 0.06 * sheet), np.clip(worn, 0, 1))

    def window(self, x0, y0, x1, y1):
        """Slices of the part of the sheet between two corners."""
        rows, columns = self.ink.shape
        top, bottom = (int(np.clip(v * SCALE, 0, rows)) for v in (y0, y1))
        left, right = (int(np.clip(v * SCALE, 0, columns)) for v in (x0, x1))
        return slice(top, bottom), slice(left, right)

    def paint(self, at, colour, cover):
        """Lay pigment over a window; what is below disappears as far as the cover goes."""
        self.colour[at] = mix(self.colour[at], colour, cover)
        self.cover[at] += cover - self.cover[at] * cover

    def clear(self, at, amount):
        """Take ink and pigment away, for mist and for what stands in front."""
        self.ink[at] *= 1 - amount
        self.cover[at] *= 1 - amount

    def dab(self, x, y, r, colour, cover=0.9):
        """Draw a round dab of pigment."""
        at = self.window(x - r - 2, y - r - 2, x + r + 2, y + r + 2)
        far = np.hypot(self.x[at] - x, (self.y[at] - y) * 1.15)
        self.paint(at, np.array(colour), cover * step(r + 0.6, r - 0.9, far))

    def area(self, points, stops, cover=0.9):
        """Pigment inside a polygon, from the first colour at its top to the last at its foot."""
        x, y = np.asarray(points, float).T
        at = self.window(x.min() - 3, y.min() - 3, x.max() + 3, y.max() + 3)
        inside = np.zeros(self.x[at].shape, bool)
        for x0, y0, x1, y1 in zip(x, y, np.roll(x, -1), np.roll(y, -1), strict=True):
            crosses = (y0 > self.y[at]) != (y1 > self.y[at])
            inside ^= crosses & (self.x[at] < x0 + (self.y[at] - y0) * (x1 - x0) / (y1 - y0 + 1e-9))
        soft = gaussian_filter(inside.astype(np.float32), 0.9)
        self.clear(at, soft)
        self.paint(at, gradient((self.y[at] - y.min()) / np.ptp(y), stops), cover * soft)


def crags(count, rng):
    """Return a rough line of so many points, mean near 0, within about 0.5 of it."""
    at = np.linspace(0, 1, count)
    bumps = (6, 13, 27, 55, 110)
    return sum(np.interp(at, np.linspace(0, 1, n), rng.normal(0, 1.6 / n**0.9, n)) for n in bumps)


def profile(x, cx, top, foot, half, lean, rng):
    """Height of the outline of a peak over positions x: a summit, shoulders, broken flanks."""
    u = (x - cx) / half
    u = np.clip(u - lean * (1 - u * u), -1, 1)
    shape = (1 - np.abs(u) ** rng.uniform(1.15, 1.8)) ** 0.9
    for side in (-1, 1):  # shoulders stand out from the flanks
        at, wide = side * rng.uniform(0.30, 0.55), rng.uniform(0.13, 0.24)
        shape += rng.uniform(0.02, 0.15) * np.exp(-(((u - at) / wide) ** 2)) * (1 - u * u)
    shape = shape / shape.max()
    rough = min(0.17 * (foot - top), 0.42 * half)
    line = foot - (foot - top) * shape + rough * crags(x.size, rng) * np.clip(shape * 4, 0, 1)
    return gaussian_filter1d(line, 1.5)


def peak(paper, cx, top, foot, half, stops, lean=0.0, ink=1.0, cover=0.93, mist=0.35):
    """Draw one rock or peak: colours that change downwards, an outline, folds; its foot in mist."""
    at = paper.window(cx - half, top - 30, cx + half, foot)
    if paper.x[at].size < 400:
        return
    x, tall = paper.x[at][0], foot - top
    line = profile(x, cx, top, foot, half, lean, paper.rng)
    distance = paper.y[at] - line
    inside = step(-0.6, 0.7, distance)
    drop = np.clip((paper.y[at] - top) / tall, 0, 1)
    depth = np.clip(distance / tall, 0, 1)
    sway = 0.16 * (paper.clouds[at] - 0.5)
    fade = inside * step(1, 1 - mist, drop + sway)
    paper.ink[at] *= 1 - fade
    paper.cover[at] *= 1 - fade * step(0.1, 0.3, mist)
    folds = noise(*distance.shape, paper.rng, (max(2, tall / 60), max(3, half / 13)), 4, 0.6)
    colour = gradient(0.50 * drop + 0.80 * depth + 2.2 * sway + 0.25 * (folds - 0.5), stops)
    colour = colour * (0.82 + 0.36 * folds)[..., None]
    paper.paint(at, colour, cover * fade)
    paper.ink[at] += 0.28 * ink * fade * step(0.42, 0.15, folds) * step(0.95, 0.3, drop)
    paper.ink[at] += 0.20 * ink * fade * step(9, 0, distance)
    ridge = np.column_stack([x, line])
    outline(paper, ridge, foot, tall, ink, mist)
    paper.mask = np.zeros_like(paper.ink)
    paper.mask[at] = fade
    texture(paper, ridge, foot, tall, ink, mist)
    paper.mask = 1.0


def outline(paper, ridge, foot, tall, ink, mist):
    """Draw the contour in separate strokes, thinner and paler towards the foot."""
    rng = paper.rng
    path = ridge[:: max(3, len(ridge) // 90)]
    path = path[path[:, 1] < foot - tall * (0.10 + 0.5 * mist)]
    k = 0
    while k < len(path) - 4:
        long = rng.integers(10, 26)
        part = path[k : k + long]
        k += long - 2
        if len(part) < 4:
            continue
        high = (foot - part[:, 1].mean()) / tall
        wide = np.sin(np.linspace(0.4, 2.8, len(part))) * rng.uniform(1.1, 2.6) * (0.5 + 0.5 * ink)
        dark = ink * (0.35 + 0.9 * high) * rng.uniform(0.8, 1.1)
        paper.stroke(np.column_stack([part, wide]), dark, 0.25, 0.2, 0.5, 0.4)


def texture(paper, ridge, foot, tall, ink, mist):
    """Veins that fan out from the summit, and hemp-fibre strokes that hang from them."""
    rng = paper.rng
    half = np.ptp(ridge[:, 0]) / 2
    end = foot - tall * mist * 0.8
    for _ in range(int(np.clip(half / 11, 2, 6))):
        u = rng.uniform(-0.65, 0.65)
        k = int((0.5 + 0.36 * u) * (len(ridge) - 1))
        x, y = ridge[k]
        long = (end - y) * rng.uniform(0.45, 0.9)
        if long < 12:
            continue
        t = np.linspace(0, 1, 7)
        bend = np.concatenate([[0], np.cumsum(rng.normal(0, 0.035, 6))]) * tall
        vein = np.column_stack([x + u * half * 0.45 * t + bend, y + 2 + long * t])
        wide, dark = rng.uniform(1.1, 1.9) * (1 - 0.75 * t), ink * rng.uniform(0.6, 1.0)
        paper.stroke(np.column_stack([vein, wide]), dark, 0.35, 0.1, 0.5, 0.4)
        for _ in range(int(long / 7)):
            px, py = vein[rng.integers(0, 6)] + rng.normal(0, 2, 2)
            side = rng.choice([-1, 1])
            fall = rng.uniform(0.07, 0.17) * min(tall, 200)
            lean = side * fall * rng.uniform(0.25, 0.75) + u * fall * 0.4
            path = [(px, py, 0.5), (px + lean * 0.45, py + fall * 0.4, rng.uniform(0.9, 1.9)),
                    (px + lean, py + fall, 0.4)]  # fmt: skip
            high = 1 - (py - ridge[:, 1].min()) / tall
            dark = ink * rng.uniform(0.3, 0.8) * (0.4 + 0.6 * high)
            if py + fall < end:
                paper.stroke(path, dark, 0.3, 0.1, 0.4, 0.4)
