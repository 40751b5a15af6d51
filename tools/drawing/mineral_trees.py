"""Trees in mineral green and ink: dots on far slopes, pines, groves in leaf."""

import numpy as np

from .canvas import curve
from .mineral import DEEP_MALACHITE, MALACHITE


def trees(paper, cx, top, half, tall):
    """Draw a row of dotted trees on the slope of a rock."""
    rng = paper.rng
    for _ in range(rng.integers(4, 11)):
        u = rng.normal(0, 0.4)
        x, y = cx + u * half, top + tall * (0.05 + 0.75 * abs(u) ** 1.5)
        high, leaf = rng.uniform(6, 12), (DEEP_MALACHITE, MALACHITE)[rng.integers(2)]
        paper.stroke([(x, y + 2, 1.2), (x + 0.5, y - high / 2, 1.1), (x, y - high, 0.7)], 1.3)
        for k in range(9):
            dx, dy, r = rng.normal(0, 2.6), rng.normal(0, 2.2), rng.uniform(1.5, 2.8)
            paper.dab(x + dx, y - high + dy, r, leaf, 0.8)
            if k > 4:
                dot = [(x + dx - r, y - high + dy, r * 0.5), (x + dx, y - high + dy - 0.5, r * 0.7),
                       (x + dx + r, y - high + dy, r * 0.5)]  # fmt: skip
                paper.stroke(dot, rng.uniform(0.5, 1.1), 0.1, 0.1, 0.2, 0.4)


def pine(paper, x, y, size):
    """Draw a pine with a bent trunk and flat clouds of needles."""
    rng = paper.rng
    bend = rng.choice([-1, 1]) * rng.uniform(6, 16)
    trunk = [(x, y, 9), (x + bend * 0.3, y - 30, 7.5), (x - bend * 0.2, y - 62, 6),
             (x + bend * 0.6, y - 92, 4), (x + bend * 0.4, y - 112, 2)]  # fmt: skip
    trunk = [(x + (px - x) * size, y + (py - y) * size, w * size * 0.8) for px, py, w in trunk]
    paper.stroke(trunk, 0.9, 0.1, 0.8, 0.5)
    paper.stroke([(px - w * 0.3, py, w * 0.4) for px, py, w in trunk], 1.6, 0.2)
    for k, level in enumerate(np.linspace(0.36, 1, 7)):
        px, py, _ = curve(trunk, 50)[int(level * 49)]
        out = (-1) ** k * size * rng.uniform(16, 34) * (1.15 - level * 0.8)
        ex, ey = px + out, py - size * rng.uniform(0, 8)
        paper.stroke([(px, py + 4 * size, 2.6 * size), ((px + ex) / 2, py + size, 1.8 * size),
                      (ex, ey, 1.0)], 1.4)  # fmt: skip
        needles(paper, ex, ey, size * 15)
        needles(paper, (px + ex) / 2, (py + ey) / 2 - 4 * size, size * 12)


def needles(paper, x, y, size):
    """Draw a flat cloud of needles: malachite below, fans of ink on it."""
    rng = paper.rng
    for _ in range(9):
        at = x + rng.normal(0, size * 0.36), y - size * 0.1 + rng.normal(0, size * 0.12)
        green = (DEEP_MALACHITE, MALACHITE)[rng.integers(2)]
        paper.dab(*at, size * rng.uniform(0.2, 0.34), green, 0.85)
    for _ in range(5):
        cx, cy = x + rng.normal(0, size * 0.45), y + rng.normal(0, size * 0.15)
        for angle in np.linspace(0.05, np.pi - 0.05, 9):
            long = size * rng.uniform(0.35, 0.5)
            tip = (cx + long * np.cos(angle), cy - long * np.sin(angle) * 0.8)
            middle = ((cx + tip[0]) / 2, (cy + tip[1]) / 2 - 0.6)
            paper.stroke([(cx, cy, 0.5), (*middle, 1.1), (*tip, 0.4)], rng.uniform(0.8, 1.5))


def grove(paper, cx, y, spread, count, size):
    """Leafy trees: a forked trunk, a crown of dots in several colours."""
    rng = paper.rng
    leaves = [DEEP_MALACHITE, MALACHITE, (0.16, 0.34, 0.46), (0.78, 0.42, 0.22)]
    for _ in range(count):
        x, foot = cx + rng.normal(0, spread), y + rng.normal(0, 5)
        tall, leaf = size * rng.uniform(22, 40), leaves[rng.integers(len(leaves))]
        paper.stroke([(x, foot, 2.6), (x + rng.normal(0, 2), foot - tall / 2, 2),
                      (x + rng.normal(0, 3), foot - tall, 1)], 1.4)  # fmt: skip
        for _ in range(30):
            px, py = x + rng.normal(0, tall * 0.16), foot - tall + rng.normal(0, tall * 0.15)
            paper.dab(px, py, rng.uniform(2.4, 4.2), leaf, 0.8)
            dot = [(px - 1.6, py, 1), (px, py - 0.6, 1.8), (px + 1.6, py, 0.8)]
            paper.stroke(dot, rng.uniform(0.3, 1.2), 0.1, 0.1, 0.2, 0.4)
