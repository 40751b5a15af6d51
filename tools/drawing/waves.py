"""A great wave with claws of foam, flat colours and indigo lines, as a woodblock prints it."""

import numpy as np
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter, map_coordinates

from .canvas import SCALE, curve, grid, mix, noise, reduce, step, to_picture

WIDTH, HEIGHT = 1024, 704
INDIGO, DEEP, BLUE = (22, 36, 78), (32, 62, 118), (70, 122, 168)
PALE, WHITE, STRAW, SKIN = (168, 200, 208), (243, 237, 218), (214, 178, 110), (226, 196, 160)
SKY, MIST = (232, 216, 178), (188, 178, 152)

# The back of the wave and its hollow, both from the foot to the tip of the crest.
BACK = [(-190, 760), (-110, 560), (-40, 410), (50, 300), (130, 205), (225, 128), (330, 84),
        (440, 80), (530, 118), (588, 182), (612, 232)]  # fmt: skip
HOLLOW = [(720, 700), (560, 650), (450, 590), (375, 520), (336, 440), (330, 360), (356, 286),
          (410, 232), (476, 206), (540, 208), (600, 236)]  # fmt: skip
NEAR_BACK = [(-60, 690), (30, 640), (100, 586), (160, 540), (214, 516), (262, 520), (290, 542)]
NEAR_HOLLOW = [(520, 720), (440, 696), (370, 660), (320, 622), (288, 590), (276, 566), (290, 546)]


def waves():
    """Draw the whole print, as a Pillow image."""
    rng = np.random.default_rng(8)
    image = Image.new('RGB', (WIDTH * SCALE, HEIGHT * SCALE), SKY)
    pen = ImageDraw.Draw(image)
    mountain(pen)
    far = [(x, 520 + 26 * np.sin(x / 105 + 0.4) - 60 * np.exp(-(((x - 1010) / 130) ** 2)))
           for x in range(240, 1060, 8)]  # fmt: skip
    swell(pen, far, 7, 19)
    skiff(pen, 760, 520, 210, -0.10, rng)
    middle = [(x, 588 + 34 * np.sin(x / 120 - 1.2)) for x in range(240, 1060, 8)]
    swell(pen, middle, 7, 20)
    breaker(pen, BACK, HOLLOW, 13)
    crest = curve(BACK, 200)[70:]
    lip = curve(HOLLOW, 200)[118:]
    foam(pen, [*crest, *lip[::-1]], 30, rng)
    spray(pen, rng)
    skiff(pen, 560, 622, 250, 0.14, rng)
    near = [(x, 668 + 22 * np.sin(x / 140 + 2.2)) for x in range(250, 1060, 8)]
    swell(pen, near, 6, 17)
    breaker(pen, NEAR_BACK, NEAR_HOLLOW, 9)
    foam(pen, [*curve(NEAR_BACK, 80)[34:], *curve(NEAR_HOLLOW, 80)[:56:-1]], 17, rng)
    cartouche(pen)
    return finish(to_picture(image), rng)


def scaled(points):
    """Points in pixels of the enlarged canvas."""
    return [(float(x) * SCALE, float(y) * SCALE) for x, y in np.asarray(points)[:, :2]]


def shape(pen, points, fill, outline=INDIGO, width=2.0):
    """Draw a flat colour with an even line around it."""
    at = scaled(points)
    pen.polygon(at, fill=fill)
    if outline:
        pen.line([*at, at[0]], fill=outline, width=int(width * SCALE), joint='curve')


def mountain(pen):
    """Draw the far snow-capped peak below a darker band of sky."""
    slope = curve([(480, 540), (600, 500), (690, 462), (760, 410), (806, 372), (838, 372),
                   (884, 412), (960, 462), (1060, 502)], 120)  # fmt: skip
    shape(pen, [*slope, (1060, 560), (480, 560)], (96, 116, 138), INDIGO, 1.6)
    snow = [p for p in slope if p[1] < 420]
    edge = np.linspace(snow[-1][0], snow[0][0], 17)[2:-2]
    teeth = [(x, 396 + 22 * (k % 2) + 7 * ((k // 2) % 2)) for k, x in enumerate(edge)]
    shape(pen, [*snow, *teeth], WHITE, INDIGO, 1.2)


def swell(pen, top, stripes, gap):
    """Draw a band of sea below the line top, striped along it."""
    top = np.array(top, float)
    bottom = [(top[-1, 0], HEIGHT + 40), (top[0, 0], HEIGHT + 40)]
    shape(pen, [*top, *bottom], DEEP)
    for k in range(1, stripes + 1):
        colour = (PALE, BLUE, WHITE)[k % 3]
        swing = np.sin(np.linspace(0, 3 * np.pi, len(top)) + 1.4 * k)
        thick = np.clip(2.2 + gap * 0.32 * swing, 0, None)
        line = top[:, 1] + k * gap + 3 * swing
        upper, lower = (np.stack([top[:, 0], line + v], 1) for v in (-thick, thick))
        shape(pen, [*upper, *lower[::-1]], colour, None)


def breaker(pen, back, hollow, stripes):
    """Draw the body of a wave: colours sweep from its foot to its crest between back and hollow."""
    count = 160
    back, hollow = curve(back, count), curve(hollow, count)
    shape(pen, [*back, *hollow[::-1], (back[0, 0], HEIGHT + 40)], DEEP, None)
    foot = [(hollow[0, 0], HEIGHT + 40), (back[0, 0], HEIGHT + 40)]
    shape(pen, [*foot, back[0], hollow[0]], DEEP, None)
    t = np.linspace(0, 1, count)[:, None]
    for k in range(stripes):
        u = (k + 0.5) / stripes
        colour = (WHITE, BLUE, PALE, BLUE)[k % 4]
        thick = (0.30, 0.20, 0.27, 0.13)[k % 4] / stripes
        thick = thick * (0.35 + 0.65 * np.sin(np.pi * np.clip(1.05 * t + 0.1, 0, 1)) ** 0.7)
        bend = u + 0.05 * np.sin(3 * t + k) * (1 - t)
        first, last = bend - thick, bend + thick
        edge = [back * (1 - v) + hollow * v for v in (first, last)]
        shape(pen, [*edge[0], *edge[1][::-1]], colour, None)
    for line in (back, hollow):
        pen.line(scaled(line), fill=INDIGO, width=int(2.4 * SCALE), joint='curve')


def claw(x, y, angle, size, turn, depth):
    """Discs (x, y, radius) of a hooked finger of foam and of smaller fingers along it."""
    discs, sprouts = [], []
    steps = 22
    for k in range(steps):
        t = k / steps
        discs.append((x, y, size * 0.19 * (1 - t) ** 0.8 + 0.7))
        x, y = x + np.cos(angle) * size / steps * 1.5, y + np.sin(angle) * size / steps * 1.5
        angle += turn * (0.01 + 0.30 * t**2)
        if depth and k in (5, 9, 13):
            sprouts.append((x, y, angle - turn * 0.8, size * (0.62 - 0.018 * k), turn, depth - 1))
    for sprout in sprouts:
        discs += claw(*sprout)
    return discs


def foam(pen, line, size, rng):
    """White foam along a line, which fingers leave on its left: outline first, then white."""
    line = np.asarray(line)[:, :2]
    along = np.gradient(line, axis=0)
    length = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(line, axis=0).T))])
    groups, veins = [], []
    for s in np.arange(0, length[-1], size * 0.60):
        k = min(int(np.searchsorted(length, s)), len(line) - 1)
        (x, y), forward = line[k], np.arctan2(along[k, 1], along[k, 0])
        out = forward - rng.uniform(0.30, 0.85)
        turn, reach = rng.uniform(0.8, 1.2), size * rng.uniform(1.1, 1.9)
        groups.append([(x, y, size * rng.uniform(0.36, 0.5)), *claw(x, y, out, reach, turn, 2)])
        at = rng.normal(0, size * 0.2, 2)
        veins.append(claw(x + at[0], y + at[1], out + 0.2, reach * 0.7, turn, 1))
    for discs in groups:  # each finger overlaps the one before, as cut in the block
        dots(pen, discs, INDIGO, 1.4)
        dots(pen, discs, WHITE)
    for discs in veins:
        dots(pen, [(x, y, r * 0.5) for x, y, r in discs], PALE)


def dots(pen, discs, colour, grow=0.0):
    """Fill discs (x, y, radius)."""
    for x, y, r in discs:
        r = r + grow
        pen.ellipse([v * SCALE for v in (x - r, y - r, x + r, y + r)], fill=colour)


def spray(pen, rng):
    """Drops thrown off the crest."""
    tips = curve(BACK, 200)
    for _ in range(230):
        x, y = tips[rng.integers(95, 200)][:2]
        away = rng.exponential(34) + 26
        angle = rng.uniform(-1.5, 0.9)
        x, y = x + away * np.cos(angle) * 1.2, y + away * np.sin(angle)
        dots(pen, [(x, y, rng.uniform(0.8, 2.9))], WHITE)


def skiff(pen, x, y, long, tilt, rng):
    """Draw a long boat that rides the swell, its rowers crouched."""

    def at(u, v):
        v = v - 16 * (2 * u) ** 2  # the ends rise
        c, s = np.cos(tilt), np.sin(tilt)
        return x + c * u * long - s * v, y + s * u * long + c * v

    ends = np.linspace(-0.5, 0.5, 24)
    for u in np.linspace(-0.26, 0.30, 7):
        cx, cy = at(u, -9)
        dots(pen, [(cx, cy, 8)], INDIGO)
        dots(pen, [(cx, cy, 6.6)], (62, 92, 138) if rng.random() < 0.5 else BLUE)
        cx, cy = at(u + 0.028, -17)
        dots(pen, [(cx, cy, 4.8)], INDIGO)
        dots(pen, [(cx, cy, 3.8)], SKIN)
        oar = [at(u, -6), at(u - 0.09, 22)]
        pen.line(scaled(oar), fill=INDIGO, width=int(1.6 * SCALE))
    hull = [at(u, -5) for u in ends] + [at(u, 12 - 26 * (2 * u) ** 4 * 0.4) for u in ends[::-1]]
    shape(pen, hull, STRAW, INDIGO, 1.8)
    pen.line(scaled([at(u, 1) for u in ends]), fill=(150, 112, 66), width=2 * SCALE)
    shape(pen, [at(0.5, -5), at(0.60, -14), at(0.5, 0)], STRAW, INDIGO, 1.6)


def cartouche(pen):
    """Draw a title block: a few plain signs and a seal."""
    left, right = 940, 982
    shape(pen, [(left, 42), (right, 42), (right, 172), (left, 172)], (236, 222, 180), INDIGO, 1.6)
    signs = [
        [(10, 0, 32, 0), (21, -3, 21, 20), (10, 20, 32, 16), (12, 7, 18, 13), (25, 7, 31, 12)],
        [(10, 3, 32, 2), (10, 10, 32, 9), (21, 3, 14, 20), (21, 10, 31, 20)],
        [(12, -1, 12, 20), (12, 0, 31, 0), (31, 0, 31, 20), (12, 9, 31, 9), (12, 19, 31, 19)],
        [(10, 6, 32, 5), (21, -2, 10, 20), (21, 6, 32, 20), (15, 13, 27, 13)],
    ]
    for k, sign in enumerate(signs):
        for x0, y0, x1, y1 in sign:
            ends = [(left + x0, 54 + 29 * k + y0), (left + x1, 54 + 29 * k + y1)]
            pen.line(scaled(ends), fill=(40, 36, 44), width=int(2.2 * SCALE))
    shape(pen, [(912, 150), (932, 150), (932, 171), (912, 171)], (180, 52, 40), None)


def finish(picture, rng):
    """Shade the sky as the printer wipes the block, then wood grain and the paper's tooth."""
    y, x = grid(HEIGHT, WIDTH)
    sky = step(0.06, 0.02, np.abs(picture - np.array(SKY) / 255).max(-1))
    wipe = 0.85 * step(200, 470, y) + 0.55 * step(70, 0, y)
    clouds = step(0.52, 0.66, noise(*y.shape, rng, (6, 3), 4, 0.45)) * step(30, 120, y)
    tint = mix(np.array(SKY) / 255, np.array(MIST) / 255, np.clip(wipe - 0.5 * clouds, 0, 1))
    picture = mix(picture, mix(tint, (0.95, 0.90, 0.78), 0.45 * clouds), sky)
    bend = 90 * noise(*y.shape, rng, (2, 2), 3)
    grain = noise(*y.shape, rng, (170, 3), 4, 0.7)
    grain = map_coordinates(grain, [(y + bend) * SCALE, x * SCALE], order=1, mode='reflect')
    tooth = gaussian_filter(rng.standard_normal(y.shape), 1.0)
    worn = 1 + 0.13 * (grain - 0.5) + 0.05 * tooth
    ink = noise(*y.shape, rng, (9, 12), 5, 0.6)
    return reduce(picture * worn[..., None] * (0.95 + 0.09 * ink[..., None]) + 0.01)
