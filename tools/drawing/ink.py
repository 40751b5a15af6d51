"""Ink on paper: a loaded brush whose strokes run dry, washes with wet edges, a red seal."""

import numpy as np
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter, gaussian_filter1d

from .canvas import SCALE, curve, grid, mix, noise, reduce, resize, step

INK = np.array([1.00, 0.97, 0.90])  # ink absorbs red a little more than blue
# Lines of the seal, in a unit square.
CARVING = [
    [(0.15, 0.2), (0.45, 0.2), (0.45, 0.45), (0.15, 0.45), (0.15, 0.85), (0.45, 0.85)],
    [(0.15, 0.65), (0.45, 0.65)],
    [(0.6, 0.15), (0.6, 0.85)],
    [(0.6, 0.3), (0.88, 0.3), (0.88, 0.6), (0.6, 0.6)],
    [(0.74, 0.6), (0.88, 0.87)],
]


class Paper:
    """A sheet that collects ink; `ink` is optical density, 0 for none."""

    def __init__(self, width, height, seed):
        self.width, self.height = width, height
        self.rng = np.random.default_rng(seed)
        self.y, self.x = grid(height, width)
        self.ink = np.zeros(self.y.shape, np.float32)
        self.seals = []
        self.mask = 1.0  # strokes leave no ink where a mask is 0
        self.tooth = noise(*self.y.shape, self.rng, (200, 200), 3, 0.8)

    def stroke(self, points, dark=1.5, dry=0.0, rim=0.5, bristle=0.35, soften=0.5):
        """Draw one brush stroke along points, a list of (x, y, width).

        dark: density of the ink; dry: 0 a full brush, 1 one that leaves the paper bare between
        the hairs, ever more towards the end; rim: darkening of the wet edge; bristle: how
        different the hairs are; soften: how far the ink creeps, in pixels.
        """
        points = np.asarray(points, float)
        length = np.hypot(*np.diff(points[:, :2], axis=0).T).sum()
        count = max(8, int(length * SCALE * 1.8))
        path = curve(points, count)
        along = np.gradient(path[:, :2], axis=0)
        normal = np.stack([-along[:, 1], along[:, 0]], 1) / (np.hypot(*along.T)[:, None] + 1e-9)
        half = np.maximum(path[:, 2], 0.35) / 2
        hairs = max(4, int(half.max() * 2 * SCALE * 1.8))
        across = np.linspace(-1, 1, hairs)
        ink = self.hairs(count, hairs, length, dark, dry, rim, bristle)
        x = path[:, :1] + normal[:, :1] * half[:, None] * across
        y = path[:, 1:2] + normal[:, 1:2] * half[:, None] * across
        self.deposit(x, y, ink, soften)

    def hairs(self, count, hairs, length, dark, dry, rim, bristle):
        """Density over (along, across) of a stroke."""
        rng = self.rng
        t = np.linspace(0, 1, count)[:, None]
        across = np.linspace(-1, 1, hairs)[None]
        streaks = resize(rng.standard_normal((max(2, int(length / 60)) + 1, hairs)), count, hairs)
        streaks = gaussian_filter1d(streaks, 0.8, axis=1)
        ink = dark * (1 + bristle * streaks) * (1 + rim * np.abs(across) ** 6)
        ink = np.clip(ink, 0.05 * dark, None)
        if dry:
            thirst = dry * (0.25 + 0.95 * t) + 0.12 * np.abs(across)
            grain = resize(rng.standard_normal((max(2, int(length / 4)), max(2, hairs // 2))),
                           count, hairs)  # fmt: skip
            ink = ink * step(-0.30, 0.30, 0.9 * streaks + 0.35 * grain + 1.4 - 2.4 * thirst)
        return ink

    def deposit(self, x, y, ink, soften):
        """Leave ink at positions x, y; over wet ink a stroke adds only a part of its own."""
        margin = int(4 * soften * SCALE) + 3
        left, top = int(x.min() * SCALE) - margin, int(y.min() * SCALE) - margin
        right, bottom = int(x.max() * SCALE) + margin, int(y.max() * SCALE) + margin
        patch = np.zeros((bottom - top + 1, right - left + 1), np.float32)
        at = ((y * SCALE).astype(int) - top, (x * SCALE).astype(int) - left)
        np.maximum.at(patch, at, ink.astype(np.float32))
        patch = gaussian_filter(patch, soften * SCALE)
        y0, x0 = max(top, 0), max(left, 0)
        y1, x1 = min(bottom + 1, self.ink.shape[0]), min(right + 1, self.ink.shape[1])
        if y1 > y0 and x1 > x0:
            mask = np.broadcast_to(self.mask, self.ink.shape)[y0:y1, x0:x1]
            wet = self.ink[y0:y1, x0:x1]
            new = patch[y0 - top : y1 - top, x0 - left : x1 - left] * mask
            self.ink[y0:y1, x0:x1] = np.maximum(wet, new) + 0.35 * np.minimum(wet, new)

    def wash(self, density):
        """Add a wash: ink settles in the paper's tooth and in clouds of its own."""
        clouds = noise(*self.y.shape, self.rng, (5, 5), 6, 0.6)
        self.ink += density * (0.62 + 0.55 * clouds + 0.25 * (self.tooth - 0.5))

    def blot(self, points, dark=0.4, edge=0.35, soften=3.0):
        """A wash inside a closed curve through points, darker at its wet edge; returns its mask."""
        closed = curve([*points, points[0]], 300) * SCALE
        image = Image.new('L', (self.ink.shape[1], self.ink.shape[0]))
        ImageDraw.Draw(image).polygon([tuple(p) for p in closed], fill=255)
        inside = np.asarray(image, np.float32) / 255
        soft = gaussian_filter(inside, soften * SCALE)
        rim = np.clip(soft * (1 - soft) * 4, 0, 1) * gaussian_filter(inside, 1.0)
        self.wash(dark * soft * gaussian_filter(inside, 0.5 * SCALE) + dark * edge * rim)
        return gaussian_filter(inside, 0.8)

    def splash(self, x, y, spread, count, size, dark=1.2):
        """Drops of ink around a point, many small, few large."""
        for _ in range(count):
            r = size * self.rng.pareto(2.2) + 0.5
            dx, dy = self.rng.normal(0, spread, 2)
            r = min(r, 5 * size)
            turn = self.rng.uniform(0, np.pi)
            tip = (x + dx + r * np.cos(turn), y + dy + r * np.sin(turn))
            path = [(x + dx, y + dy, r), ((x + dx + tip[0]) / 2, (y + dy + tip[1]) / 2, r * 1.2),
                    (*tip, r * 0.7)]  # fmt: skip
            self.stroke(path, dark * self.rng.uniform(0.4, 1), bristle=0.1)

    def seal(self, x, y, size, strokes):
        """Draw a red seal; strokes are white lines of its carving, in a unit square."""
        image = Image.new('L', (self.ink.shape[1], self.ink.shape[0]))
        pen = ImageDraw.Draw(image)
        corners = [v * SCALE for v in (x, y, x + size, y + size)]
        pen.rounded_rectangle(corners, radius=size * 0.1 * SCALE, fill=255)
        for line in strokes:
            at = [((x + u * size) * SCALE, (y + v * size) * SCALE) for u, v in line]
            pen.line(at, fill=0, width=int(size * 0.075 * SCALE), joint='curve')
        self.seals.append(gaussian_filter(np.asarray(image, np.float32) / 255, 0.8))

    def ground(self, sheet):
        """Draw what is under the ink; here the bare sheet."""
        return sheet

    def image(self):
        """Return the finished sheet, as a Pillow image."""
        rng = self.rng
        fibres = noise(*self.y.shape, rng, (90, 500), 2, 0.8) + noise(
            *self.y.shape, rng, (500, 90), 2, 0.8
        )
        tone = noise(*self.y.shape, rng, (3, 3), 4)
        sheet = np.array([0.985, 0.968, 0.930]) - 0.018 * tone[..., None] * np.array([1, 1.3, 2])
        sheet = sheet - 0.014 * (fibres - 1)[..., None] - 0.014 * (self.tooth - 0.5)[..., None]
        picture = self.ground(sheet) * np.exp(-np.clip(self.ink, 0, 2.9)[..., None] * INK)
        for seal in self.seals:
            worn = seal * (0.80 + 0.30 * (self.tooth - 0.3)) * step(0.05, 0.3, tone + self.tooth)
            picture = mix(picture, (0.74, 0.13, 0.10), np.clip(worn, 0, 1))
        return reduce(picture)
