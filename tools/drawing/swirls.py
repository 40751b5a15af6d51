"""A night sky in thick brush strokes that follow a flow, in the manner of The Starry Night."""

import numpy as np
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter

from .canvas import SCALE, gradient, grid, mix, noise, reduce, step, to_image, to_picture

WIDTH, HEIGHT = 1024, 800
# x, y, radius of the disc, reach of the halo
STARS = [
    (330, 96, 11, 62), (452, 172, 8, 44), (196, 250, 9, 52), (585, 66, 9, 50), (300, 330, 12, 66),
    (700, 150, 8, 42), (770, 60, 7, 36), (246, 60, 6, 34), (640, 330, 7, 40), (800, 300, 8, 46),
    (985, 330, 7, 40),
]  # fmt: skip
MOON = (905, 125, 40, 118)
# x, y, radius, turn (1 clockwise, -1 counter-clockwise)
SWIRLS = [(470, 300, 120, 1), (655, 235, 88, -1), (575, 395, 60, -1)]
NIGHT = [
    (0.00, (0.03, 0.06, 0.20)), (0.25, (0.07, 0.15, 0.42)), (0.45, (0.12, 0.29, 0.62)),
    (0.65, (0.28, 0.50, 0.78)), (0.82, (0.58, 0.75, 0.84)), (1.00, (0.90, 0.93, 0.82)),
]  # fmt: skip
GOLD = [
    (0.0, (0.36, 0.56, 0.72)), (0.4, (0.72, 0.80, 0.58)), (0.7, (0.95, 0.82, 0.30)),
    (1.0, (1.0, 0.95, 0.66)),
]  # fmt: skip


def swirls():
    """Draw the whole painting, as a Pillow image."""
    rng = np.random.default_rng(5)
    y, x = grid(HEIGHT, WIDTH)
    scene = paint_sky(y, x, rng)
    angle = sky_flow(y, x, rng)
    scene, angle = paint_hills(scene, angle, y, x)
    scene, angle, detail = paint_village(scene, angle, rng)
    for cx, cy, disc, _ in [*STARS, MOON]:
        detail |= np.hypot(x - cx, y - cy) < disc + 2
    scene, angle, tree = paint_cypress(scene, angle, y, x)
    canvas = Image.new('RGB', (WIDTH * SCALE, HEIGHT * SCALE), (14, 20, 48))
    relief = Image.new('L', canvas.size)
    for spacing, length, width in ((11, 70, 11), (6.5, 44, 6.5), (5, 24, 3.6)):
        strokes(canvas, relief, scene, angle, (spacing, length, width), rng)
    strokes(canvas, relief, scene, angle, (2.6, 9, 2.6), rng, only=detail & ~tree)
    return finish(canvas, relief)


def sky_flow(y, x, rng):
    """Direction of the brush in the sky, as an angle: around lights and swirls, else in waves."""
    drift = 0.35 * np.sin(x / 150 + y / 210) + 0.9 * (noise(*y.shape, rng, (3, 4), 2) - 0.5)
    along, down = np.cos(drift), np.sin(drift)
    for cx, cy, _, reach in [*STARS, MOON]:
        dx, dy = x - cx, y - cy
        r = np.hypot(dx, dy) + 1e-3
        pull = 6 * np.exp(-((r / reach) ** 4))
        along, down = along - pull * dy / r, down + pull * dx / r
    for cx, cy, radius, turn in SWIRLS:
        dx, dy = x - cx, (y - cy) * 1.15
        r = np.hypot(dx, dy) + 1e-3
        pull = 7 * np.exp(-((r / radius) ** 4))
        inward = 0.22  # a spiral, not a ring
        along = along + pull * (-turn * dy - inward * dx) / r
        down = down + pull * (turn * dx - inward * dy) / r
    return np.arctan2(down, along)


def paint_sky(y, x, rng):
    """Colours of the sky: bands of blue, pale spirals, stars and a moon with golden halos."""
    wander = noise(*y.shape, rng, (4, 5), 4)
    value = 0.16 + 0.40 * wander + 0.16 * np.sin(y / 34 + 3 * wander + x / 160)
    value = value + 0.22 * step(280, 520, y)
    for cx, cy, radius, turn in SWIRLS:
        dx, dy = x - cx, (y - cy) * 1.15
        r = np.hypot(dx, dy)
        arms = np.cos(2 * (turn * np.arctan2(dy, dx) + 4.6 * np.log(r / radius + 0.12)))
        inside = np.exp(-((r / radius) ** 4))
        value = value * (1 - inside) + inside * (0.58 + 0.36 * arms + 0.15 * (wander - 0.5))
    ribbon = y - 415 - 40 * np.sin(x / 120) + 0.08 * x
    value = value + 0.42 * np.exp(-((ribbon / 34) ** 2))
    scene = gradient(np.clip(value, 0, 1), NIGHT)
    for cx, cy, disc, reach in [*STARS, MOON]:
        r = np.hypot(x - cx, y - cy)
        rings = 0.5 + 0.5 * np.cos(r / reach * 15)
        glow = np.clip(1.12 - r / reach, 0, 1)
        halo = gradient(np.clip(glow * 0.95 + 0.22 * rings - 0.12, 0, 1), GOLD)
        scene = mix(scene, halo, step(0.0, 0.45, glow) * (0.62 + 0.38 * rings))
        scene = mix(scene, (1.0, 0.96, 0.74), step(disc, disc * 0.7, r))
    cx, cy, disc, _ = MOON
    crescent = step(disc, disc - 3, np.hypot(x - cx, y - cy))
    crescent = crescent * step(disc * 0.72, disc * 0.80, np.hypot(x - cx - 17, y - cy + 9))
    scene = mix(scene, (0.92, 0.90, 0.62), step(disc + 3, disc, np.hypot(x - cx, y - cy)))
    return mix(scene, (1.0, 0.60, 0.08), crescent)


def paint_hills(scene, angle, y, x):
    """Rolling blue hills, then fields; the brush follows their crests."""
    crests = [
        (505 - 60 * np.exp(-(((x - 880) / 190) ** 2)) + 24 * np.sin(x / 95), 0.56),
        (560 + 26 * np.sin(x / 140 + 1) - 0.05 * (x - 500), 0.46),
        (610 + 16 * np.sin(x / 70 + 2), 0.40),
        (700 + 18 * np.sin(x / 160), 0.36),
    ]
    for k, (crest, light) in enumerate(crests):
        inside = step(-1.5, 1.5, y - crest)
        folds = np.sin((y - crest) / 9 + 2.5 * np.sin(x / 60 + k) + x / 45)
        shade = light + 0.17 * folds + 0.20 * np.exp(-(y - crest) / 14)
        green = mix((0.05, 0.11, 0.16), (0.52, 0.62, 0.34), np.clip(shade * 1.5, 0, 1))
        blue = gradient(np.clip(shade, 0, 1), NIGHT)
        scene = mix(scene, mix(blue, green, (0.0, 0.25, 0.5, 0.75)[k]), inside)
        slope = np.arctan2(np.gradient(crest[0]), np.gradient(x[0]))
        lean = slope[None] + 0.5 * np.cos((y - crest) / 26 + x / 60)
        angle = np.where(inside > 0.5, lean, angle)
    return scene, angle


def paint_village(scene, angle, rng):
    """Small houses with lit windows and a church with a tall spire."""
    image = to_image(scene)
    pen = ImageDraw.Draw(image)

    def fill(points, colour):
        pen.polygon([(a * SCALE, b * SCALE) for a, b in points], fill=colour)

    for k in range(34):
        x, y = rng.uniform(330, 1010), 612 + k * 2.7 + rng.uniform(-4, 4)
        w, h = rng.uniform(32, 56), rng.uniform(17, 26)
        wall = tuple(int(v) for v in rng.uniform(0.8, 1.4) * np.array((84, 114, 146)))
        roof = ((48, 60, 118), (148, 84, 62), (70, 110, 124), (36, 44, 92))[k % 4]
        fill([(x, y), (x + w, y), (x + w, y - h), (x, y - h)], wall)
        fill([(x - 4, y - h), (x + w + 4, y - h), (x + w * 0.78, y - h - 11), (x + 5, y - h - 11)],
             roof)  # fmt: skip
        for j in range(int(w // 13)):
            lit = (250, 206, 84) if rng.random() < 0.75 else (24, 30, 60)
            left = x + 5 + 12 * j
            fill([(left, y - 4), (left + 6, y - 4), (left + 6, y - 11), (left, y - 11)], lit)
        fill([(x - 4, y + 1), (x + w + 4, y + 1), (x + w, y + 5), (x, y + 5)], (10, 16, 34))
    for edge, colour in ((0, (96, 122, 160)), (9, (36, 48, 96))):
        fill([(600 + edge, 668), (618, 668), (618, 596), (600 + edge, 596)], colour)
        fill([(597 + edge, 598), (620, 598), (609, 470)], colour)
    fill([(618, 668), (664, 668), (664, 632), (618, 632)], (70, 96, 130))
    fill([(614, 633), (668, 633), (656, 616), (622, 616)], (34, 44, 86))
    fill([(605, 622), (611, 622), (611, 610), (605, 610)], (250, 206, 84))
    for cx in rng.uniform(340, 1010, 26):  # bushes
        cy, r = rng.uniform(640, 740), rng.uniform(8, 17)
        round_ = [(cx + r * np.cos(a), cy + 0.8 * r * np.sin(a)) for a in np.linspace(0, 6.3, 16)]
        fill(round_, ((18, 44, 46), (30, 66, 60), (22, 40, 66))[int(cx) % 3])
    picture = to_picture(image)
    built = np.abs(picture - scene).sum(-1) > 0.01
    return picture, np.where(built, 0.08 * np.sign(np.cos(angle)), angle), built


def paint_cypress(scene, angle, y, x):
    """Draw a dark tree like a flame, taller than the hills; the brush climbs it in waves."""
    height = np.clip((800 - y) / 770, 0, 1)
    tree = np.zeros(y.shape, bool)
    for cx, half, top in ((128, 92, 1.0), (222, 46, 0.56)):
        rise = np.clip(height / top, 0, 1)
        sway = cx + 20 * np.sin(rise * 5.2 + 0.5) * rise
        edge = 0.13 * np.sin(rise * 34 + 2 * np.sin(x / 14)) + 0.08 * np.sin(rise * 75 + x / 9)
        width = half * (1 - rise) ** 0.8 * (0.62 + 0.9 * rise * (1.25 - rise)) * (1 + edge)
        inside = step(1.5, -1.5, np.abs(x - sway) - width)
        tongues = np.sin((x - sway) / np.maximum(width, 4) * 7 + np.sin(y / 26) * 2.2)
        colour = gradient(
            0.5 + 0.5 * tongues,
            [(0, (0.02, 0.04, 0.05)), (0.55, (0.06, 0.13, 0.10)), (1, (0.26, 0.27, 0.12))],
        )
        scene = mix(scene, colour, inside)
        climb = -np.pi / 2 + 0.5 * np.sin(y / 30 + x / 18) + 0.35 * (sway - x) / half
        angle = np.where(inside > 0.5, climb, angle)
        tree |= inside > 0.5
    return scene, angle, tree


def trace(angle, x, y, steps, pace):
    """Follow the flow from many points at once: (strokes, steps, 2) positions x, y."""
    path = [(x, y)]
    for _ in range(steps - 1):
        row = np.clip(y * SCALE, 0, angle.shape[0] - 1).astype(int)
        column = np.clip(x * SCALE, 0, angle.shape[1] - 1).astype(int)
        x = x + pace * np.cos(angle[row, column])
        y = y + pace * np.sin(angle[row, column])
        path.append((x, y))
    return np.stack([np.stack(point, -1) for point in path], 1)


def strokes(canvas, relief, scene, angle, size, rng, only=None):
    """Cover the canvas with strokes, each a bundle of bristles in slightly different paint.

    size: spacing, length and width of the strokes; only: a mask of where they may begin.
    """
    spacing, length, width = size
    y, x = np.mgrid[-spacing : HEIGHT + spacing : spacing, -spacing : WIDTH + spacing : spacing]
    x, y = (v.ravel() + rng.uniform(-0.6, 0.6, v.size) * spacing for v in (x, y))
    order = rng.permutation(x.size)
    x, y = x[order], y[order]
    if only is not None:
        limit = np.array(only.shape) - 1
        row, column = (
            np.clip(v * SCALE, 0, n).astype(int) for v, n in zip((y, x), limit, strict=True)
        )
        x, y = x[only[row, column]], y[only[row, column]]
    steps = 9
    paths = trace(angle, x, y, steps, length / steps)
    middle = np.clip(paths[:, steps // 2] * SCALE, 0, (canvas.width - 1, canvas.height - 1))
    paint = scene[middle[:, 1].astype(int), middle[:, 0].astype(int)]
    luma = paint.mean(1, keepdims=True)
    paint = paint * rng.uniform(0.80, 1.22, luma.shape) + rng.normal(0, 0.035, paint.shape)
    rare = rng.random(x.size) < 0.05  # now and then another pigment
    paint[rare] = mix(paint[rare], (0.55, 0.66, 0.42), 0.4)
    for path, colour in zip(paths, paint, strict=True):
        bundle(canvas, relief, path, colour, width, rng)


def bundle(canvas, relief, path, colour, width, rng):
    """Draw one stroke: bristles side by side, each with its own shade and thickness of paint."""
    pens = ImageDraw.Draw(canvas), ImageDraw.Draw(relief)
    bristles = max(3, round(width * SCALE / 3.2))
    hair = 4 if width > 3 else 3
    steps = len(path)
    along = np.gradient(path, axis=0)
    normal = np.stack([-along[:, 1], along[:, 0]], 1)
    normal /= np.hypot(*normal.T)[:, None] + 1e-6
    taper = np.sin(np.linspace(0.25, np.pi - 0.12, steps))[:, None] ** 0.5
    shades = rng.uniform(0.82, 1.16, bristles)
    for offset, shade in zip(np.linspace(-0.5, 0.5, bristles), shades, strict=True):
        first, last = rng.integers(0, 2), steps - rng.integers(0, 3)
        line = ((path + normal * taper * offset * width) * SCALE)[first:last].ravel().tolist()
        paint = np.clip(colour * shade * 255, 0, 255)
        pens[0].line(line, fill=tuple(int(v) for v in paint), width=hair)
        body = 90 + 110 * (1 - (2 * offset) ** 2) + 300 * (shade - 1)
        pens[1].line(line, fill=int(np.clip(body, 0, 255)), width=hair)


def finish(canvas, relief):
    """Light the thick paint from the upper left, on a woven canvas."""
    picture = to_picture(canvas)
    height = gaussian_filter(np.asarray(relief, np.float32) / 255, 0.8)
    slope_y, slope_x = np.gradient(height)
    shine = slope_x + slope_y
    picture = picture * (1 - 0.9 * np.clip(shine, -0.5, 0.5))[..., None]
    picture = picture + 0.35 * np.clip(-shine - 0.06, 0, 0.5)[..., None]
    y, x = grid(HEIGHT, WIDTH)
    weave = 1 + 0.02 * np.sin(x * 2.1) * np.sin(y * 2.1)
    return reduce(mix(picture * weave[..., None], step(-0.02, 0.98, picture), 0.35))
