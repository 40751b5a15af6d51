"""A bay horse that gallops over grass, as a photograph before an overcast sky would show it."""

import numpy as np
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter

from .canvas import SCALE, curve, grid, mix, noise, reduce, step
from .horse_hair import grass, mane, tail
from .horse_shape import (
    FAR_EAR,
    FAR_FORE,
    FAR_HIND,
    HEIGHT,
    NEAR_FORE,
    NEAR_HIND,
    TOES,
    WIDTH,
    far_side,
    fit,
    near_side,
)

BAY, LIGHT_BAY, DARK = (0.40, 0.205, 0.105), (0.53, 0.305, 0.165), (0.055, 0.043, 0.040)
# Legs turn dark along a line: where, in which direction, over how long a way.
POINTS = [
    (NEAR_HIND, (404, 482), (-0.65, 0.76), 46),
    (NEAR_FORE, (826, 472), (0.80, 0.60), 46),
    (FAR_HIND, (470, 500), (0.1, 1.0), 46),
    (FAR_FORE, (776, 510), (0.2, 1.0), 46),
]


def horse():
    """Draw the whole picture, as a Pillow image."""
    rng = np.random.default_rng(52)
    y, x = grid(HEIGHT, WIDTH)
    scene = sky(y)
    scene = grass(scene, rng, near=False)
    for outline, where in ((FAR_EAR, None), (FAR_HIND, 2), (FAR_FORE, 3)):
        mask, relief = far_side(outline)
        coat = shade(paint(where, x, y, rng), relief, 0.62)
        coat *= 1 - 0.45 * step(100, -40, y - 520)[..., None]  # in the shade of the trunk
        scene = mix(scene, coat, soft(mask))
    mask, relief = near_side()
    scene = tail(scene, rng, behind=True)
    near = shade(paint(None, x, y, rng), relief, 1.0)
    scene = mix(scene, near, soft(mask))
    scene = features(scene)
    scene = tail(scene, rng, behind=False)
    scene = mane(scene, rng)
    scene = grass(scene, rng, near=True)
    grain = gaussian_filter(rng.standard_normal(y.shape), 0.9)
    return reduce(scene + 0.006 * grain[..., None])


def soft(mask):
    """Return a mask with the slightly unsharp edge of a lens."""
    return gaussian_filter(mask, 1.3)


def sky(y):
    """Bright cloud, faintly blue towards the zenith."""
    t = step(0, HEIGHT * 0.9, y)
    return mix(np.array((0.925, 0.955, 0.990)), np.array((0.975, 0.982, 0.990)), t)


def paint(where, x, y, rng):
    """Colour of the coat: bay, lighter below, dark mouth and legs.  where: of a single leg."""
    cloud = noise(*y.shape, rng, (9, 14), 5)
    flow = noise(*y.shape, rng, (260, 90), 3, 0.7)
    colour = mix(np.array(BAY), np.array(LIGHT_BAY), 0.55 * step(0.3, 0.8, cloud))
    colour = colour * (0.94 + 0.12 * flow[..., None])
    dark = np.zeros_like(y)
    for outline, at, way, long in POINTS if where is None else POINTS[where : where + 1]:
        (x0, y0), reach = fit(at), np.hypot(*np.ptp(fit(outline), axis=0)) * 0.8
        along = (x - x0) * way[0] + (y - y0) * way[1]
        near = step(reach, reach * 0.7, np.hypot(x - x0, y - y0))
        dark = np.maximum(dark, step(-long, long * 0.6, along) * near * (y > y0 - 40))
    (x0, y0), (x1, y1) = fit([(905, 235), (948, 288)])
    along = ((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / np.hypot(x1 - x0, y1 - y0)
    dark = np.maximum(dark, 0.75 * step(0, 62, along) * (y < 380))
    colour = mix(colour, np.array(DARK), 0.93 * dark)
    return mix(colour, np.array((0.21, 0.18, 0.155)), hooves(y.shape))


def hooves(shape):
    """Mask of the four hooves."""
    image = Image.new('L', shape[::-1])
    for outline in (NEAR_HIND, FAR_HIND, NEAR_FORE, FAR_FORE):
        toe = TOES[outline[0]]
        corners = fit(outline[toe - 1 : toe + 3]) * SCALE
        middle = corners.mean(0)
        grown = middle + (corners - middle) * np.array([[1.0], [1.3], [1.3], [1.0]])
        ImageDraw.Draw(image).polygon([tuple(p) for p in grown], fill=255)
    return gaussian_filter(np.asarray(image, np.float32) / 255, 1.5)


def shade(colour, relief, lit):
    """Light a relief from above: sky light, a veiled sun, gloss of the coat, glow of the grass."""
    relief = gaussian_filter(relief, 2.0) * SCALE
    slope_y, slope_x = np.gradient(relief)
    normal = np.stack([-slope_x, -slope_y, np.ones_like(relief)], -1)
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    sun = np.array([0.22, -0.80, 0.56])
    sun = sun / np.linalg.norm(sun)
    half = sun + np.array([0, 0, 1.0])
    half /= np.linalg.norm(half)
    direct = np.clip(normal @ sun, 0, 1)
    upwards = 0.5 - 0.5 * normal[..., 1]
    hollow = np.clip((gaussian_filter(relief, 26) - relief) / 40, 0, 0.5)
    light = (0.20 + 0.34 * upwards**1.5)[..., None] * np.array([0.92, 0.98, 1.08])
    light = light + (1.02 * direct)[..., None] * np.array([1.06, 1.0, 0.92])
    light = light + (0.27 * (1 - upwards) ** 2)[..., None] * np.array([0.9, 1.0, 0.5])
    shine = np.clip(normal @ half, 0, 1)
    gloss = 0.20 * shine**40 + 0.16 * shine**9 + 0.10 * upwards**4 * direct
    picture = colour * light * (1 - hollow)[..., None] + gloss[..., None] * np.array([1, 0.96, 0.9])
    return np.clip(picture * lit, 0, 1)


def features(scene):
    """Eye, nostril, mouth, the hollow of the ear."""
    image = Image.new('RGBA', (WIDTH * SCALE, HEIGHT * SCALE))
    pen = ImageDraw.Draw(image)
    shapes = [
        ([(864, 197), (869, 193), (876, 195), (879, 200), (872, 202)], (14, 9, 8, 255)),
        ([(870, 195), (872, 194), (873, 196), (871, 196)], (190, 200, 210, 170)),
        ([(941, 266), (947, 267), (949, 275), (945, 279), (942, 273)], (12, 9, 9, 240)),
        ([(833, 160), (833, 142), (838, 124), (842, 142), (842, 160)], (25, 15, 11, 150)),
    ]
    for points, colour in shapes:
        closed = fit(curve([*points, points[0]], 60)) * SCALE
        pen.polygon([tuple(p) for p in closed], fill=colour)
    lines = [
        ([(950, 290), (942, 291), (933, 288)], 2.2, (10, 7, 7, 220)),
        ([(861, 197), (868, 190), (877, 193), (882, 201)], 1.6, (20, 12, 9, 220)),
    ]
    for points, width, colour in lines:
        pen.line([tuple(p) for p in fit(points) * SCALE], fill=colour, width=int(width * SCALE))
    layer = np.asarray(image, np.float32) / 255
    alpha = gaussian_filter(layer[..., 3], 1.5)
    weight = gaussian_filter(layer[..., :3] * layer[..., 3:], (1.5, 1.5, 0))
    return scene * (1 - alpha[..., None]) + weight
