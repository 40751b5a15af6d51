"""Regions of two pictures, each in a flat colour: what is sky, land and water in them."""

import copy

import numpy as np
from PIL import Image
from scipy.ndimage import binary_fill_holes, median_filter

from . import harbour, swirls, town
from .boats import boats
from .canvas import SCALE, grid

SKY, LAND, WATER = (74, 144, 217), (200, 132, 60), (47, 107, 91)
ROUNDING = 9  # pixels of the canvas: single leaves and ropes are no regions


def harbour_regions():
    """Draw the regions of the harbour: the sky, the land and what is built, the water."""
    rng = np.random.default_rng(11)
    harbour.sky(rng)
    size = (town.HEIGHT * SCALE, town.WIDTH * SCALE)
    land = np.zeros(size, bool)
    for stage in (harbour.mountains, town.hill, town.town):
        land |= covered(stage, size, rng)
    y, _ = grid(town.HEIGHT, town.WIDTH)
    water = y > town.SHORE  # the land goes on behind it
    land &= ~water
    for layer, _ in boats():
        hull = np.asarray(layer)[..., 3] > 127
        land |= hull
    return flat([(SKY, ~land), (WATER, water), (LAND, binary_fill_holes(land))])


def swirls_regions():
    """Draw the regions of the night sky: the sky, and the land with the cypresses before it."""
    rng = np.random.default_rng(5)
    y, x = grid(swirls.HEIGHT, swirls.WIDTH)
    scene = swirls.paint_sky(y, x, rng)
    angle = swirls.sky_flow(y, x, rng)
    painted, angle = swirls.paint_hills(scene, angle, y, x)
    painted, angle, built = swirls.paint_village(painted, angle, rng)
    _, _, tree = swirls.paint_cypress(painted, angle, y, x)
    # the first crest is that of the farthest hills
    land = built | tree | (np.abs(painted - scene).sum(-1) > 0.02)
    return flat([(SKY, ~land), (LAND, binary_fill_holes(land))])


def covered(stage, size, rng):
    """Tell which pixels a stage of a drawing covers: those that differ from black or from white.

    The random numbers go on as after the stage.
    """
    drawn = np.zeros(size, bool)
    for level, numbers in ((0.0, copy.deepcopy(rng)), (1.0, rng)):
        scene = np.full((*size, 3), level, np.float32)
        drawn |= np.abs(stage(scene, numbers) - scene).sum(-1) > 0.3
    return drawn


def flat(regions):
    """Return a picture of regions (colour, mask) at the size that is saved, the last on top."""
    labels = np.zeros(regions[0][1].shape, np.uint8)
    for number, (_, mask) in enumerate(regions):
        labels[mask] = number
    labels = median_filter(labels, ROUNDING)[SCALE // 2 :: SCALE, SCALE // 2 :: SCALE]
    image = Image.fromarray(labels, 'P')
    image.putpalette([level for color, _ in regions for level in color])
    return image
