"""The fishing boats of the harbour picture."""

import numpy as np
from PIL import Image

from .canvas import SCALE, brush, tone
from .town import HEIGHT, WIDTH

WOOD = (96, 66, 44, 255)


def boats():
    """(layer, waterline) of every boat, far ones first; a layer is RGBA at twice the size."""
    fleet = []
    places = [(70, 536, 0.5), (215, 534, 0.45), (330, 540, 0.55), (470, 535, 0.48),
              (585, 541, 0.55), (705, 536, 0.5), (835, 541, 0.55), (955, 537, 0.5),
              (520, 588, 0.95), (265, 612, 1.15), (780, 640, 1.7)]  # fmt: skip
    for k, (x, y, size) in enumerate(places):
        layer = Image.new('RGBA', (WIDTH * SCALE, HEIGHT * SCALE))
        boat(layer, x, y, size, k)
        fleet.append((layer, y))
    return fleet


def boat(layer, x, y, size, variant):
    """Draw a fishing boat with cabin, mast, rigging and, on some, a furled or open sail."""
    polygon = brush(layer)
    hulls = [(42, 92, 138), (196, 58, 48), (236, 232, 222), (44, 112, 96), (222, 150, 52)]
    hull = hulls[variant % 5]

    def at(*points):
        return [(x + size * u, y - size * v) for u, v in points]

    def rope(u0, v0, u1, v1, width, colour):
        line = np.array(at((u0, v0), (u1, v1)))
        along = (line[1] - line[0]) / np.hypot(*(line[1] - line[0]))
        across = np.array([-along[1], along[0]]) * width * size / 2
        polygon([*(line - across), *(line + across)[::-1]], colour)

    tall = 88 + 10 * (variant % 3)
    rope(4, 8, 4, tall, 1.9, WOOD)
    rope(5, 8, 5, tall, 0.7, (50, 34, 30, 255))
    for u0, u1 in ((-44, 4), (50, 4), (-20, 4), (24, 4)):
        rope(u0, 14, u1, tall - 4, 0.55, (50, 44, 44, 210))
    if variant in (8, 10):  # a sail, with the shade of its folds
        sail = (232, 214, 180) if variant == 8 else (186, 78, 50)
        cut = np.linspace(0, 1, 10)
        for a, b in zip(cut[:-1], cut[1:], strict=True):
            low, high = (3 - 42 * b, 23 + 2 * b), (3 - 42 * a, 23 + 2 * a)
            peak = [(2 - 20 * a, tall - 6 + 6 * a), (2 - 20 * b, tall - 6 + 6 * b)]
            polygon(at(low, high, *peak), tone(sail, 0.80 + 0.3 * abs(np.sin(4.4 * a + 0.6))))
    else:
        polygon(at((4, 26), (-38, 28), (-39, 31), (-20, 33), (4, 31)), (226, 216, 196))
        polygon(at((4, 26), (-38, 28), (-20, 27), (4, 28)), (150, 142, 140))
    rope(4, 24, -42, 27, 1.5, WOOD)
    hull_and_cabin(polygon, at, rope, hull)


def hull_and_cabin(polygon, at, rope, hull):
    """Draw the cabin behind the mast, then the hull before it, with rail, fenders and a net."""
    deck = [(-46, 15), (-30, 11.5), (0, 10), (30, 12), (52, 19)]
    keel = [(44, 4), (38, 0), (-38, 0), (-44, 3)]
    polygon(at((-34, 10), (-34, 22), (-14, 22), (-14, 10)), (240, 234, 220))
    polygon(at((-14, 10), (-14, 22), (-9, 21), (-9, 10)), (140, 140, 156))
    polygon(at((-36, 22), (-36, 24), (-8, 23.4), (-8, 21.6)), tone(hull, 0.9))
    for u in (-31, -25, -19.5):
        polygon(at((u, 15), (u, 20), (u + 4, 20), (u + 4, 15)), (50, 66, 86))
    polygon(at(*deck, *keel), tone(hull, 1))
    polygon(at((-45, 8), (-30, 6), (0, 5), (30, 6), (47, 9), *keel), tone(hull, 0.72))
    polygon(at((-44, 3.4), (40, 2.8), (38, 0), (-38, 0)), (104, 40, 40))
    for k, (low, high) in enumerate(zip(deck[:-1], deck[1:], strict=True)):
        rope(*low, *high, 2.0, (246, 240, 226, 255) if k < 4 else WOOD)
    for u in (-36, -18, 14, 32):  # fenders and a net
        polygon(at((u, 9), (u + 3, 9), (u + 3, 3.5), (u, 3.5)), (232, 226, 210, 230))
    polygon(at((14, 11), (19, 16), (28, 16), (33, 12)), (70, 104, 96))
