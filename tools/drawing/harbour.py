"""A harbour town below mountains, late in the afternoon, as a photograph would show it."""

import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates, shift

from .boats import boats
from .canvas import SCALE, gradient, grid, mix, noise, reduce, step
from .town import HAZE, HEIGHT, SHORE, WIDTH, hill, town


def harbour():
    """Draw the whole scene, as a Pillow image."""
    rng = np.random.default_rng(11)
    scene = sky(rng)
    scene = mountains(scene, rng)
    scene = hill(scene, rng)
    scene = town(scene, rng)
    fleet = boats()
    scene = water(scene, fleet, rng)
    for boat, _ in fleet:
        scene = paste(scene, boat)
    return finish(scene, rng)


def sky(rng):
    """Blue above, warm at the horizon, clouds in perspective lit from the left."""
    y, x = grid(HEIGHT, WIDTH)
    stops = [(0, (0.20, 0.40, 0.68)), (180, (0.45, 0.63, 0.82)), (330, (0.86, 0.82, 0.76))]
    air = gradient(y + 0.06 * x, stops)
    shape = noise(*y.shape, rng, (8, 6), 9, 0.56)
    haunch = gaussian_filter(shape, 10)
    # The same cloud, up and to the left, where the sun is.
    toward_sun = shift(haunch, (14, 24), order=0, mode='nearest')
    cover = shape + 0.16 * np.exp(-(((y - 130) / 90) ** 2)) - 0.10
    cloud = step(0.50, 0.66, cover)
    light = np.clip(0.66 + 2.6 * (haunch - toward_sun) + 0.9 * (shape - haunch), 0, 1)
    colours = [(0, (0.50, 0.50, 0.60)), (0.55, (0.85, 0.79, 0.77)), (1, (1.0, 0.97, 0.92))]
    air = mix(air, gradient(light, colours), cloud * 0.93)
    glow = np.exp(-(((x - 90) / 420) ** 2) - ((y - 300) / 150) ** 2)
    return mix(air, (1.0, 0.90, 0.70), 0.55 * glow)


def terrain(rng, size):
    """Height field (depth, across) of a mountain range that rises away from the town."""
    y, x = np.mgrid[0:size, 0:size] / size
    bend = [0.04 * size * (noise(size, size, rng, (4, 4), 5) - 0.5) for _ in range(2)]
    crests = noise(size, size, rng, (5, 6), 10, 0.47, ridged=True)
    crests = map_coordinates(crests, [y * size + bend[0], x * size + bend[1]], order=1)
    rise = step(0.05, 0.75, y)
    valley = 1 - 0.6 * np.exp(-(((x - 0.40 - 0.1 * y) / 0.10) ** 2))
    return (0.12 + crests) * rise * valley


def mountains(scene, rng):
    """Cast a ray per pixel onto the terrain; rock, meadow and snow in the sun, haze between."""
    size, steps, columns = 1800, 800, WIDTH * SCALE
    ground = terrain(rng, size)
    slope_y, slope_x = np.gradient(ground * 0.34 * size)
    normal = np.stack([-slope_x, -slope_y, np.ones_like(ground)])
    sun = np.array([-0.80, -0.20, 0.46])
    light = np.tensordot(sun / np.linalg.norm(sun), normal / np.linalg.norm(normal, axis=0), 1)
    depth = np.geomspace(1, 3.0, steps)[:, None]
    across = (np.linspace(-0.5, 0.5, columns) * depth / 3 + 0.5) * (size - 1)
    along = np.broadcast_to((depth - 1) / 2 * (size - 1), across.shape)
    height = map_coordinates(ground, [along, across], order=1)
    top = np.minimum.accumulate(430 - 800 * height / depth, axis=0)
    rows = (np.arange(HEIGHT * SCALE) + 0.5) / SCALE
    hit = np.stack([np.searchsorted(-top[:, c], -rows) for c in range(columns)], 1)
    seen, hit = hit < steps, np.minimum(hit, steps - 1)
    column = np.arange(columns)[None].repeat(len(rows), 0)
    at = [along[hit, column], across[hit, column]]
    steep = gaussian_filter(np.hypot(slope_x, slope_y), 3)
    maps = ground, np.clip(light, 0, 1), steep
    colour = rock(*(map_coordinates(values, at, order=1) for values in maps), rng)
    far = np.broadcast_to(depth, across.shape)[hit, column]
    haze = 1 - np.exp(-0.42 * (far - 0.85)) * (0.6 + 0.4 * step(430, 150, rows[:, None]))
    colour = mix(colour, HAZE, np.clip(haze, 0, 0.9))
    return mix(scene, colour, seen.astype(np.float32))


def rock(height, light, steep, rng):
    """Colour of the ground by its height and steepness, times the light on it."""
    grain = noise(*height.shape, rng, (40, 60), 5, 0.7)
    colour = mix((0.50, 0.44, 0.42), (0.36, 0.34, 0.38), grain)
    meadow = step(0.62, 0.30, height + 0.25 * (grain - 0.5)) * step(1.6, 0.6, steep)
    colour = mix(colour, mix((0.20, 0.30, 0.14), (0.40, 0.42, 0.20), grain), meadow)
    snow = step(0.66, 0.80, height + 0.30 * (grain - 0.5)) * step(2.2, 0.9, steep)
    colour = mix(colour, (0.97, 0.96, 0.97), snow)
    shade = np.array([0.40, 0.46, 0.62]) * 0.60
    return colour * (shade + light[..., None] * np.array([1.35, 1.15, 0.92]))


def paste(scene, layer):
    """Lay an RGBA layer over the scene."""
    values = np.asarray(layer, np.float32) / 255
    return mix(scene, values[..., :3], values[..., 3])


def calm(scene, fleet):
    """Return the scene with everything mirrored in still water, each boat at its own waterline."""
    rows = np.arange(HEIGHT * SCALE)
    shore = np.where(rows < SHORE * SCALE, rows, np.maximum(2 * SHORE * SCALE - 1 - rows, 0))
    still = scene[shore]
    for layer, line in fleet:
        mirror = np.clip(2 * line * SCALE - 1 - rows, 0, rows[-1])
        mirrored = np.asarray(layer, np.float32)[mirror] / 255
        is_water = (rows >= line * SCALE)[:, None]
        still = mix(still, mirrored[..., :3] * 0.9, mirrored[..., 3] * is_water)
    return still


def water(scene, fleet, rng):
    """Mirror everything in water whose ripples grow towards the viewer."""
    y, x = grid(HEIGHT, WIDTH)
    depth_on_screen = np.maximum(y - SHORE, 0.5)
    far = 60 / (depth_on_screen + 10)  # distance on the plane of the water
    waves = noise(1024, 1024, rng, (24, 14), 6, 0.62)
    at = [far * 560, 512 + (x - 512) * far * 0.55]
    swell = map_coordinates(gaussian_filter(waves, 1.2), at, order=1, mode='reflect') - 0.5
    fine = noise(*y.shape, rng, (260, 36), 3, 0.7) - 0.5
    swell = swell + 0.35 * fine * step(0, 120, depth_on_screen)
    reach = 5 + depth_on_screen * 0.30
    still = calm(scene, fleet)
    at = [np.clip(y + swell * reach, SHORE, HEIGHT - 1) * SCALE, (x + swell * reach * 0.3) * SCALE]
    image = np.stack(
        [map_coordinates(still[..., c], at, order=1, mode='nearest') for c in range(3)], -1
    )
    near = step(0, 250, depth_on_screen)
    deep = mix((0.10, 0.25, 0.32), (0.04, 0.13, 0.20), near)
    image = mix(image * 0.92, deep, np.clip(0.20 + 0.30 * near - 0.9 * swell, 0, 0.85))
    glint = step(0.16, 0.34, swell + 0.10 * np.exp(-(((x - 120) / 200) ** 2)))
    image = mix(image, (0.98, 0.90, 0.76), 0.42 * glint)
    image = mix(image, (0.06, 0.09, 0.12), 0.5 * np.exp(-depth_on_screen / 3))
    return mix(scene, image, step(-0.5, 0.5, y - SHORE))


def finish(scene, rng):
    """Add a photograph's bloom, contrast, falling light at the corners and grain."""
    y, x = grid(HEIGHT, WIDTH)
    bloom = np.stack([gaussian_filter(scene[..., c], 14) for c in range(3)], -1)
    scene = mix(scene, np.maximum(scene, bloom), 0.35)
    scene = mix(scene, step(-0.03, 1.03, scene), 0.45)
    corner = ((x / WIDTH - 0.5) ** 2 + (y / HEIGHT - 0.5) ** 2)[..., None]
    grain = rng.standard_normal(y.shape)[..., None] * 0.018
    return reduce(scene * (1.04 - 0.34 * corner) + grain)
