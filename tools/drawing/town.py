"""The hill of the harbour picture, its houses, trees and church, and the quay below."""

import numpy as np

from .canvas import box, brush, gradient, grid, mix, noise, step, to_image, to_picture, tone

WIDTH, HEIGHT = 1024, 768
SHORE = 520  # row where the quay meets the water
HAZE = np.array([0.86, 0.80, 0.76])
WALLS = [
    (236, 214, 178), (226, 186, 130), (214, 150, 112), (240, 232, 214), (205, 116, 92),
    (228, 200, 160), (196, 176, 150), (238, 206, 120), (180, 190, 186), (222, 170, 150),
]  # fmt: skip
ROOFS = [(168, 84, 56), (150, 72, 50), (184, 100, 66), (130, 70, 58), (158, 92, 70)]
SHUTTERS = [(62, 92, 82), (54, 80, 110), (110, 62, 48), (90, 100, 70), (210, 200, 180)]


def hill_top(x):
    """Row of the skyline of the hill on which the town stands."""
    return 372 + 44 * np.cos(x / 1024 * 2 * np.pi * 0.9 + 0.5) - 22 * np.sin(x / 130)


def hill(scene, rng):
    """Draw the wooded hill behind the houses."""
    y, x = grid(HEIGHT, WIDTH)
    top = hill_top(x) - 16 + 5 * np.sin(x / 23) + 3 * np.sin(x / 9)
    leaves = noise(*y.shape, rng, (40, 54), 5, 0.75)
    lit = leaves - np.roll(leaves, (5, 6), (0, 1))
    colour = gradient(leaves + 1.2 * lit, [(0, (0.10, 0.15, 0.08)), (1, (0.44, 0.46, 0.20))])
    colour = mix(colour, HAZE, 0.28 * step(460, 340, y))
    return mix(scene, colour, step(-1, 1, y + 6 * (leaves - 0.5) - top))


def town(scene, rng):
    """Rows of houses from the hill down to the quay, the far rows smaller, trees between."""
    image = to_image(scene)
    polygon = brush(image)
    for row in range(8):
        t = row / 7
        x = -30.0 + rng.uniform(0, 20)
        while x < WIDTH:
            size = (0.50 + 0.62 * t) * rng.uniform(0.85, 1.15)
            width = rng.uniform(26, 52) * size
            base = hill_top(x) * (1 - t) + 507 * t + (rng.uniform(-5, 5) if row < 7 else 0)
            if row < 7 and rng.random() < 0.22:
                tree(polygon, x + width / 2, base + 4, size * rng.uniform(20, 34), rng)
            else:
                stories = rng.integers(2, 4) if row < 7 else rng.integers(3, 6)
                house(polygon, x, base, width, stories * 13.5 * size, size, rng)
            x += width + (rng.uniform(2, 11) * size if row < 7 else rng.uniform(0, 3))
        if row == 3:
            church(polygon, 655, 440)
    quay(polygon, rng)
    picture = to_picture(image)
    y, _ = grid(HEIGHT, WIDTH)
    grime = noise(*y.shape, rng, (30, 40), 6, 0.8)
    streaks = noise(*y.shape, rng, (12, 300), 3, 0.8)
    texture = 0.80 + 0.26 * grime + 0.14 * streaks
    changed = np.abs(picture - scene).sum(-1, keepdims=True) > 0.01
    built = picture * texture[..., None]
    built = mix(built, HAZE, 0.26 * step(500, 330, y))
    return np.where(changed, built, scene)


def house(polygon, x, base, width, height, size, rng):
    """Draw a house seen a little from the right: lit front, shaded side, tiled roof, windows."""
    wall = np.array(WALLS[rng.integers(len(WALLS))]) * rng.uniform(0.9, 1.05)
    tiles = np.array(ROOFS[rng.integers(len(ROOFS))]) * rng.uniform(0.85, 1.2)
    top, side, rise = base - height, width * rng.uniform(0.18, 0.32), 11 * size
    right = x + width
    shadow = [(right, base), (right, top), (right + side + 9 * size, base - height * 0.4)]
    polygon([*shadow, (right + side + 14 * size, base)], (20, 24, 50, 110))
    polygon([(right, base), (right, top), (right + side, top - 1), (right + side, base - 1)],
            tone(wall * (0.50, 0.52, 0.64), 1))  # fmt: skip
    polygon(box(x, top, right, base), tone(wall, 1))
    if rng.random() < 0.4:  # gable to the front
        peak = (x + width / 2, top - rise * 1.2)
        back = (peak[0] + side, peak[1] - 1)
        polygon([(x, top), (right, top), peak], tone(wall, 1))
        polygon([peak, back, (right + side + 2, top), (right + 2, top + 2)], tone(tiles, 0.72))
        polygon([(x - 2, top + 2), (x, top + 3), (peak[0], peak[1] + 3), peak], tone(tiles, 1.15))
    else:
        ridge = [(x + 3 * size, top - rise), (right + side * 0.5, top - rise - 1)]
        polygon([(right, top), (right + side + 2, top), ridge[1]], tone(tiles, 0.6))
        polygon([(x - 2, top + 1), *ridge, (right + 2, top + 1)], tone(tiles, 1))
        for k in np.linspace(0.1, 0.9, max(3, int(width / 3))):  # rows of tiles
            foot, head = x - 2 + k * (width + 4), ridge[0][0] + k * (ridge[1][0] - ridge[0][0])
            polygon([(foot, top + 1), (head, top - rise), (head + 0.6, top - rise),
                     (foot + 0.9, top + 1)], (50, 20, 20, 60))  # fmt: skip
    polygon(box(x, top + 1, right, top + 1 + 2.2 * size), (40, 30, 60, 110))  # under the eaves
    for _ in range(rng.integers(0, 3)):
        at = rng.uniform(x + 3, right - 3)
        polygon(box(at, top - rise - 5 * size, at + 3.5 * size, top - rise * 0.4), tone(wall, 0.8))
        polygon(box(at - 0.5, top - rise - 6 * size, at + 4 * size, top - rise - 4.6 * size),
                tone(tiles, 0.8))  # fmt: skip
    windows(polygon, x, top, right, base, side, size, rng)


def windows(polygon, x, top, right, base, side, size, rng):
    """Windows in rows, some with shutters, some alight; doors at the street."""
    columns = max(2, int((right - x) / (9.5 * size)))
    rows = max(1, round((base - top) / (13.5 * size)))
    shutter = SHUTTERS[rng.integers(len(SHUTTERS))]
    shuttered = rng.random() < 0.6
    wide, tall = 3.6 * size, 6.4 * size
    for i in range(rows):
        y = top + (i + 0.32) * (base - top) / rows
        for j in range(columns):
            cx = x + (j + 0.5) * (right - x) / columns
            if i == rows - 1 and j % 2 == 0:  # a door or a shop below
                door = box(cx - wide * 0.7, y - 1, cx + wide * 0.7, base)
                polygon(door, tone(shutter, rng.uniform(0.4, 0.8)))
                continue
            glass = (44, 48, 62) if rng.random() < 0.8 else (120, 140, 160)
            glass = (250, 200, 110) if rng.random() < 0.06 else glass
            polygon(box(cx - wide / 2 - 0.6, y - 0.6, cx + wide / 2 + 0.6, y + tall + 0.9),
                    (245, 236, 220, 190))  # fmt: skip
            polygon(box(cx - wide / 2, y, cx + wide / 2, y + tall), glass)
            polygon(box(cx - 0.25, y, cx + 0.25, y + tall), (235, 226, 210, 150))
            if shuttered:
                for left in (cx - wide / 2 - 2.2 * size, cx + wide / 2 + 0.3):
                    polygon(box(left, y - 0.3, left + 1.9 * size, y + tall), tone(shutter, 1))
        polygon(box(right + side * 0.4, y, right + side * 0.62, y + tall), (30, 32, 50, 200))


def tree(polygon, x, base, height, rng):
    """Draw a cypress or a round crown, built from many dabs, lighter towards the sun."""
    slim = rng.random() < 0.45
    half = height * (0.14 if slim else 0.45)
    hue = np.array([rng.uniform(50, 90), rng.uniform(74, 98), rng.uniform(36, 52)])
    for _ in range(int(120 if slim else 170)):
        u, v = rng.uniform(-1, 1), rng.uniform(0, 1)
        wide = (1 - v) ** 0.6 if slim else np.sqrt(max(0.0, 1 - (2 * v - 1) ** 2))
        px, py = x + u * half * wide, base - height * (v + (0 if slim else 0.12))
        light = 0.55 + 0.55 * step(0.7, -0.9, u - 0.5 * (v - 0.5)) * rng.uniform(0.7, 1.4)
        r = rng.uniform(0.8, 2.4) * height / 30
        angles = np.arange(6) / 6 * 2 * np.pi + rng.uniform(0, 1)
        dab = [(px + r * np.cos(a), py + 1.3 * r * np.sin(a)) for a in angles]
        polygon(dab, tone(hue, light))


def church(polygon, x, base):
    """Draw a bell tower with a copper spire beside a long nave."""
    stone, dark = (226, 208, 176), (128, 116, 122)
    polygon(box(x + 22, base - 52, x + 92, base), stone)
    polygon([(x + 18, base - 52), (x + 30, base - 76), (x + 92, base - 76), (x + 97, base - 52)],
            (150, 78, 58))  # fmt: skip
    for k in range(5):
        left = x + 33 + 12 * k
        polygon(box(left, base - 42, left + 4, base - 20), (52, 54, 72))
    polygon(box(x, base - 128, x + 20, base), stone)
    polygon(box(x + 20, base - 127, x + 29, base), dark)
    polygon([(x - 2, base - 128), (x + 11, base - 178), (x + 22, base - 128)], (104, 150, 134))
    polygon([(x + 11, base - 178), (x + 31, base - 128), (x + 20, base - 128)], (58, 92, 90))
    for level in (122, 96):
        polygon(box(x + 4, base - level, x + 8, base - level + 15), (44, 44, 60))
        polygon(box(x + 12, base - level, x + 16, base - level + 15), (44, 44, 60))
        polygon(box(x - 2, base - level + 19, x + 30, base - level + 21), (240, 226, 198))
    angles = np.linspace(0, 2 * np.pi, 20)
    polygon([(x + 10 + 5.5 * np.cos(a), base - 68 + 5.5 * np.sin(a)) for a in angles],
            (246, 240, 226))  # fmt: skip
    polygon(box(x + 9.5, base - 72, x + 10.5, base - 67), (40, 40, 50))


def quay(polygon, rng):
    """Draw the stone quay, its people and its wall."""
    polygon(box(0, 503, WIDTH, SHORE), (176, 158, 136))
    polygon(box(0, 503, WIDTH, 507.5), (222, 202, 172))
    for course in range(3):
        x = -10.0 * course
        y = 508 + course * 4
        while x < WIDTH:
            width = rng.uniform(7, 18)
            stone = tone((168, 148, 128), rng.uniform(0.6, 1.1))
            polygon(box(x, y, x + width - 0.7, y + 3.5), stone)
            x += width
    polygon(box(0, SHORE - 2.5, WIDTH, SHORE), (56, 58, 46))
    for _ in range(70):
        x, tall = rng.uniform(0, WIDTH), rng.uniform(7, 9)
        coat = rng.uniform(30, 210, 3) * (0.9, 0.8, 0.8)
        polygon([(x, 507), (x + 6, 507), (x + 9, 506), (x + 2, 505.5)], (40, 30, 50, 120))
        polygon(box(x, 507 - tall * 0.5, x + 2.2, 507), tone(coat, 0.5))
        polygon(box(x - 0.3, 507 - tall * 0.85, x + 2.6, 507 - tall * 0.4), tone(coat, 1))
        polygon(box(x + 0.3, 507 - tall, x + 1.9, 507 - tall * 0.82), (186, 140, 112))
    for x in range(40, WIDTH, 118):  # lamps
        polygon(box(x, 480, x + 1.2, 507), (40, 44, 50))
        polygon(box(x - 1.4, 476, x + 2.6, 481), (250, 232, 180))
