"""A blue-green landscape: peaks in azurite and malachite, mist, a river, pines, a pavilion."""

import numpy as np

from .canvas import curve, noise, step
from .ink import CARVING
from .mineral import DISTANT, LOWER, MALACHITE, OCHRE, UPPER, Mineral, crags, peak
from .mineral_trees import grove, pine, trees

WIDTH, HEIGHT = 1200, 800

# Massifs from back to front: centre, summit, foot, half width of the main peak.
MASSIFS = [
    (625, 190, 520, 130, 6),
    (925, 128, 540, 150, 8),
    (1130, 200, 580, 150, 7),
    (385, 62, 590, 175, 11),
    (120, 150, 600, 160, 9),
    (740, 360, 600, 130, 7),
    (1030, 400, 620, 140, 7),
    (240, 420, 630, 150, 8),
    (520, 430, 610, 110, 5),
]


def qinglu():
    """Draw the whole sheet, as a Pillow image."""
    paper = Mineral(WIDTH, HEIGHT, 41)
    distance(paper)
    for massif in MASSIFS:
        mountain(paper, *massif)
    waterfall(paper)
    mist(paper)
    river(paper)
    for x, y, half, tall in ((690, 652, 170, 36), (1030, 690, 270, 100), (110, 752, 330, 130)):
        shore(paper, x, y, half, tall)
    pavilion(paper, 985, 622, 0.95)
    for x, y, size in ((104, 700, 1.5), (170, 716, 1.15), (40, 716, 1.2), (912, 648, 0.85),
                       (1096, 650, 0.95), (1132, 658, 0.8)):  # fmt: skip
        pine(paper, x, y, size)
    for x, y, spread, count in ((290, 742, 46, 9), (1050, 664, 22, 5), (700, 644, 60, 11)):
        grove(paper, x, y, spread, count, 1.0)
    boat(paper, 580, 722)
    paper.seal(1118, 52, 40, CARVING)
    return paper.image()


def distance(paper):
    """Far ranges, flat and pale."""
    ranges = [(660, 172, 430, 130), (770, 214, 440, 110), (560, 226, 440, 100),
              (1070, 166, 440, 140), (240, 176, 440, 110), (20, 190, 440, 120)]  # fmt: skip
    for cx, top, foot, half in ranges:
        peak(paper, cx, top, foot, half, DISTANT, paper.rng.normal(0, 0.1), 0.25, 0.75, 0.7)


def mountain(paper, cx, top, foot, half, count):
    """Draw a main peak, shoulders beside it, rocks stacked in front of it down to its foot."""
    rng = paper.rng
    tall = foot - top
    for side in (-1, 1):
        for k in (2, 1):
            x = cx + side * half * (0.30 + 0.36 * k) + rng.normal(0, 8)
            y = top + tall * (0.10 + 0.17 * k) + rng.normal(0, 10)
            peak(paper, x, y, foot, half * rng.uniform(0.42, 0.6), UPPER, -side * 0.12)
    peak(paper, cx, top, foot, half * 0.78, UPPER, rng.normal(0, 0.08))
    rocks = int(count * 1.7)
    for k in range(rocks):
        t = (k + 0.5) / rocks
        t = np.clip(t + rng.normal(0, 0.06), 0, 1)
        x = cx + rng.uniform(-1, 1) * half * (0.45 + 0.75 * t)
        y = top + tall * (0.24 + 0.50 * t)
        high = tall * rng.uniform(0.20, 0.42) * (1.1 - 0.35 * t)
        stops = UPPER if rng.random() > 0.30 + 0.5 * t else LOWER
        wide = high * rng.uniform(0.45, 0.95)
        peak(paper, x, y, min(foot, y + high * 1.25), wide, stops, rng.normal(0, 0.22), 0.9)
        if rng.random() < 0.6:
            trees(paper, x, y, wide, high)


def waterfall(paper):
    """Draw a thin fall between two peaks: bare paper, a few lines, spray at its foot."""
    rng = paper.rng
    for x, top, half, lean in ((270, 226, 48, -0.2), (346, 238, 56, 0.2)):
        peak(paper, x, top, 430, half, UPPER, lean)
    path = curve([(307, 290, 3.5), (303, 322, 4.5), (307, 352, 5), (304, 384, 6), (306, 418, 7),
                  (303, 456, 10)], 120)  # fmt: skip
    at = paper.window(270, 262, 340, 475)
    middle = np.interp(paper.y[at], path[:, 1], path[:, 0])
    half = np.interp(paper.y[at], path[:, 1], path[:, 2])
    inside = step(half + 0.8, half - 0.8, np.abs(paper.x[at] - middle))
    paper.clear(at, inside * step(286, 294, paper.y[at]) * step(475, 440, paper.y[at]))
    for side in (-1, 1):
        edge = np.column_stack([path[:, 0] + side * path[:, 2], path[:, 1], np.full(120, 1.8)])
        paper.stroke(edge[::8], 1.2, 0.3)
    for _ in range(9):
        u, k = rng.uniform(-0.7, 0.7), rng.integers(0, 80)
        line = path[k : k + rng.integers(18, 40) : 4]
        wide = np.full(len(line), 0.9)
        paper.stroke(np.column_stack([line[:, 0] + u * line[:, 2], line[:, 1], wide]), 0.4, 0.3)


def mist(paper):
    """Bands of bare paper that drift across the feet of the mountains."""
    rng = paper.rng
    field = noise(*paper.y.shape, rng, (9, 5), 5, 0.5)
    y = paper.y + 70 * (noise(*paper.y.shape, rng, (3, 5), 3) - 0.5)
    # Height, thickness, centre, half length, strength.
    bands = [
        (622, 30, 520, 900, 1.0),
        (512, 30, 650, 200, 1.0),
        (456, 30, 60, 190, 1.0),
        (500, 28, 1050, 210, 1),
        (372, 20, 470, 140, 0.9),
        (350, 20, 830, 99, 0.8),
    ]
    for y0, thick, x0, long, amount in bands:
        band = np.exp(-(((y - y0) / thick) ** 2) - ((paper.x - x0) / long) ** 4)
        veil = amount * step(0.08, 0.80, band * (0.45 + 1.1 * field))
        paper.clear((slice(None), slice(None)), veil)


def river(paper):
    """Draw a thin green wash that deepens towards us, and fine ripples in groups."""
    rng = paper.rng
    calm = noise(*paper.y.shape, rng, (14, 4), 4)
    deep = step(622, 715, paper.y) * (0.38 + 0.42 * calm)
    paper.paint((slice(None), slice(None)), np.array((0.58, 0.74, 0.68)), deep)
    for _ in range(130):
        y = 650 + 150 * rng.random() ** 0.9
        x, size = rng.uniform(-20, WIDTH), (y - 590) / 210
        half = rng.uniform(18, 60) * size
        for k in range(rng.integers(2, 5)):
            yy, shift = y + 4.5 * k * size, rng.normal(0, 10)
            t = np.linspace(-1, 1, 9)
            wave = 1.5 * size * np.sin(t * half / (6 * size) + k)
            line = np.column_stack([x + shift + t * half, yy + wave, 1.1 * (1.1 - t**2)])
            paper.stroke(line, rng.uniform(0.2, 0.5), 0.2, 0.1, 0.2, 0.4)


def shore(paper, cx, y, half, tall):
    """Draw a bank in ochre and green with rocks on it."""
    rng = paper.rng
    t = np.linspace(-1, 1, 40)
    edge = y + tall * 0.14 * np.abs(t) ** 3 + 2.5 * np.sin(9 * t) + 6 * crags(40, rng)
    top = np.column_stack([cx + t * half, edge - tall * 0.5 * (1 - t**4)])
    foot = np.column_stack([cx + t[::-1] * half, edge[::-1] + tall * 0.16 * (1 - t**6)])
    bank = np.concatenate([top, foot])
    paper.area(bank, [(0, MALACHITE), (0.45, (0.62, 0.66, 0.42)), (1, OCHRE)], 0.85)
    paper.stroke(np.column_stack([foot, 2.2 * np.sin(np.linspace(0.2, 2.9, 40))]), 1.1, 0.3)
    paper.stroke(np.column_stack([top, 1.6 * np.sin(np.linspace(0.2, 2.9, 40))]), 0.8, 0.4)
    for x, height in top[rng.integers(2, 38, int(half / 3)), :2]:  # moss
        x, r = x + rng.normal(0, 6), rng.uniform(1.2, 2.6)
        dot = [(x - r, height, r), (x, height - 1, r * 1.3), (x + r, height + rng.normal(0, 2), r)]
        paper.stroke(dot, rng.uniform(0.4, 1.2), 0.1, 0.1, 0.2, 0.5)
    for _ in range(9):
        x = cx + rng.uniform(-0.85, 0.85) * half
        high = tall * rng.uniform(0.35, 0.75)
        base = y + tall * (0.05 + 0.1 * rng.random())
        peak(paper, x, base - high, base, high * rng.uniform(0.6, 1.0), LOWER, 0.1, 1.0, 0.95, 0.1)


def pavilion(paper, x, y, size):
    """Draw a small open pavilion with a red-brown frame and a tiled roof."""

    def place(points):
        return [(x + u * size, y + v * size) for u, v in points]

    def line(points, width, dark=1.5):
        paper.stroke([(*p, width) for p in place(points)], dark, 0.0, 0.1, 0.2, 0.4)

    wood = [(0, (0.66, 0.26, 0.16)), (1, (0.72, 0.36, 0.22))]
    paper.area(place([(-34, 20), (36, 20), (40, 27), (-38, 27)]), [(0, OCHRE), (1, OCHRE)])
    for u in (-28, -10, 10, 28):
        paper.area(place([(u - 2, -14), (u + 2, -14), (u + 2, 20), (u - 2, 20)]), wood)
        line([(u, -14), (u, 4), (u, 20)], 0.9, 0.8)
    paper.area(place([(-28, 6), (28, 6), (28, 9), (-28, 9)]), wood)
    roof = [(-48, -10), (-28, -20), (-12, -38), (0, -46), (12, -38), (28, -20), (48, -10), (0, -13)]
    paper.area(place(roof), [(0, (0.24, 0.34, 0.44)), (1, (0.40, 0.50, 0.54))])
    line([(-50, -12), (-28, -20), (-12, -38), (0, -47)], 2.4)
    line([(50, -12), (28, -20), (12, -38), (0, -47)], 2.4)
    line([(-49, -11), (0, -13), (49, -11)], 2.2)
    for u in np.linspace(-0.8, 0.8, 9):
        line([(u * 8, -40), (u * 22, -25), (u * 44, -13)], 0.9, 0.8)
    line([(0, -47), (0, -51), (0, -54)], 2.6)
    line([(-38, 27), (0, 28), (40, 27)], 1.8)


def boat(paper, x, y):
    """Draw a fishing boat, small."""
    hull = [(x - 40, y - 6), (x - 20, y + 3), (x + 20, y + 3), (x + 42, y - 7), (x + 18, y - 3),
            (x - 18, y - 3)]  # fmt: skip
    paper.area(hull, [(0, OCHRE), (1, (0.50, 0.36, 0.22))])
    paper.stroke([(x - 41, y - 7, 1), (x - 18, y + 3, 2.6), (x + 18, y + 3, 2.6),
                  (x + 43, y - 8, 1)], 1.5)  # fmt: skip
    mat = [(x - 14, y - 3), (x - 11, y - 14), (x, y - 18), (x + 11, y - 14), (x + 14, y - 3)]
    paper.area(mat, [(0, (0.62, 0.50, 0.32)), (1, OCHRE)])
    paper.stroke([(px, py, 1.6) for px, py in mat], 1.4)
    paper.stroke([(x + 25, y - 3, 2), (x + 26, y - 10, 4.4), (x + 26, y - 16, 2)], 1.4)
    paper.stroke([(x + 20, y - 17, 1), (x + 26, y - 21, 3), (x + 32, y - 17, 1)], 1.5)
    paper.stroke([(x + 29, y - 10, 1), (x + 40, y - 28, 1), (x + 52, y - 50, 0.7)], 1.2)
