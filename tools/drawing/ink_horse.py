"""A galloping horse in a few wet strokes of ink, mane and tail with a dry brush."""

import numpy as np

from .ink import CARVING, Paper

BODY = [
    (735, 186), (700, 196), (655, 232), (618, 276), (590, 292), (548, 312), (500, 322), (450, 314),
    (408, 300), (366, 302), (330, 324), (312, 362), (322, 404), (352, 436), (396, 446), (424, 432),
    (452, 424), (510, 444), (570, 456), (622, 452), (664, 440), (696, 408), (704, 372), (712, 332),
    (730, 290), (748, 262), (770, 262), (794, 282), (816, 292), (834, 284), (838, 266), (822, 244),
    (796, 222), (768, 198), (750, 188),
]  # fmt: skip

# Every leg from the body down: (x, y, width); the last two points are pastern and hoof.
FAR_LEGS = [
    [(660, 404, 62), (700, 440, 40), (742, 470, 25), (756, 478, 23), (734, 506, 14), (702, 534, 13),
     (688, 544, 16), (672, 540, 13)],
    [(400, 380, 88), (424, 430, 56), (424, 478, 30), (414, 512, 24), (432, 548, 15), (462, 584, 13),
     (476, 596, 16), (494, 602, 13)],
]  # fmt: skip
NEAR_LEGS = [
    [(650, 388, 78), (694, 424, 50), (752, 436, 31), (788, 442, 23), (806, 448, 23), (836, 472, 14),
     (868, 500, 13), (880, 510, 16), (896, 522, 13)],
    [(362, 360, 112), (384, 412, 84), (362, 454, 48), (326, 482, 30), (310, 492, 27),
     (288, 520, 16), (258, 556, 14), (246, 570, 17), (230, 580, 13)],
]  # fmt: skip
HOOVES = [(672, 540, -2.8), (494, 602, 0.2), (898, 524, 0.75), (228, 582, 2.5)]


def ink_horse():
    """Draw the whole sheet, as a Pillow image."""
    paper = Paper(1024, 768, 33)
    dust(paper)
    for leg in FAR_LEGS:
        limb(paper, leg, 0.62)
    body = paper.blot(BODY, 0.26, 0.5, 1.6)
    body = np.maximum(body, paper.blot(BODY[9:19], 0.08, 0.0, 8.0))
    for leg in NEAR_LEGS:
        limb(paper, leg, 0.95)
    paper.mask = body
    muscles(paper)
    paper.mask = 1.0
    for x, y, angle in HOOVES:
        hoof(paper, x, y, angle)
    contour(paper)
    head(paper)
    mane(paper)
    tail(paper)
    paper.seal(900, 660, 46, CARVING)
    return paper.image()


def limb(paper, leg, dark):
    """Draw a leg: a wet stroke for the muscle, a sharper one for tendon and bone."""
    paper.stroke([(*leg[0][:2], 2), *leg[1:]], dark * 0.75, 0.15, 0.5, 0.4, 1.2)
    lower = leg[len(leg) // 2 - 1 :]
    paper.stroke([(x, y, w * 0.72) for x, y, w in lower], dark * 0.8, 0.2, 0.6, 0.4)
    back = [(x - w * 0.36, y + w * 0.16, w * 0.18 + 1) for x, y, w in leg[1:]]
    paper.stroke(back, dark * 1.1, 0.45, bristle=0.5)


def hoof(paper, x, y, angle):
    """Draw a hoof, one short press of the brush."""
    dx, dy = np.cos(angle), np.sin(angle)
    path = [(x + u * dx, y + u * dy, width) for u, width in ((-4, 12), (6, 18), (16, 18))]
    paper.stroke(path, 1.9, 0.05, 0.2, 0.2)


def muscles(paper):
    """Draw the dark masses: neck, shoulder, belly, haunch; the back stays light."""
    strokes = [
        # points, dark, dry
        ([(742, 250, 14), (722, 300, 46), (700, 350, 58), (676, 404, 42), (650, 438, 16)], 1, 0.25),
        ([(726, 206, 16), (690, 240, 34), (656, 282, 40), (634, 322, 22)], 0.75, 0.3),
        ([(628, 296, 12), (642, 340, 44), (652, 384, 52), (640, 424, 22)], 0.55, 0.4),
        ([(640, 446, 12), (580, 448, 22), (510, 436, 20), (446, 418, 8)], 1.0, 0.4),
        ([(600, 330, 10), (606, 380, 34), (596, 430, 14)], 0.35, 0.5),
        ([(420, 306, 10), (372, 318, 40), (338, 356, 52), (342, 404, 48), (374, 432, 9)], 0.9, 0.3),
        ([(430, 330, 12), (412, 372, 46), (404, 414, 40), (410, 440, 14)], 0.35, 0.4),
        ([(596, 292, 6), (540, 314, 11), (484, 322, 11), (430, 310, 6)], 0.9, 0.5),
    ]  # fmt: skip
    for points, dark, dry in strokes:
        points = [(*points[0][:2], 1), *points[1:-1], (*points[-1][:2], 1)]  # ends in a point
        paper.stroke(points, dark * 1.15, dry * 0.7, 0.15, 0.45, 2.6)
        x, y, w = np.array(points).T
        again = np.column_stack([x - 2, y + 3, w * 0.7])
        paper.stroke(again, dark * 0.9, dry + 0.25, 0.0, 0.7, 0.6)
    for k in range(4):  # ribs
        x = 500 + 24 * k
        paper.stroke([(x, 358, 1), (x - 8, 384, 5), (x - 2, 412, 1)], 0.3, 0.5)


def contour(paper):
    """Draw a broken line, now wet, now dry, around chest, back, croup and belly."""
    for first, last, wide in ((1, 6, 5), (5, 10, 5), (9, 14, 9), (15, 21, 6), (19, 26, 6)):
        points = np.array(BODY[first:last], float)
        width = wide * np.sin(np.linspace(0.15, 2.9, len(points)))
        paper.stroke(np.column_stack([points, width]), 1.25, 0.4, 0.2, 0.6)


def head(paper):
    """Cheek, bridge of the nose, nostril, mouth, eye and ears."""
    strokes = [
        ([(738, 196, 10), (762, 222, 34), (778, 244, 24), (804, 262, 14)], 0.55, 0.1),
        ([(744, 226, 10), (752, 250, 22), (768, 258, 10)], 0.9, 0.15),
        ([(752, 190, 4), (786, 214, 6), (816, 240, 6), (836, 262, 5)], 1.2, 0.3),
        ([(818, 252, 8), (830, 268, 20), (828, 284, 10)], 1.1, 0.1),
        ([(768, 262, 3), (796, 282, 5), (818, 291, 4)], 1.2, 0.2),
        ([(806, 274, 2), (820, 279, 3), (830, 279, 2)], 1.6, 0.1),
        ([(826, 262, 3), (831, 266, 6), (830, 271, 3)], 2.4, 0.0),
        ([(768, 212, 2), (774, 215, 7), (781, 219, 2)], 2.6, 0.0),
        ([(764, 206, 1), (774, 207, 3), (784, 213, 1)], 1.8, 0.0),
        ([(742, 194, 6), (738, 172, 12), (742, 150, 1)], 1.5, 0.1),
        ([(752, 190, 5), (754, 172, 10), (764, 154, 1)], 1.2, 0.1),
    ]  # fmt: skip
    for points, dark, dry in strokes:
        paper.stroke(points, dark, dry, 0.4, 0.3)


def mane(paper):
    """Locks that fly back from the crest, most of them running dry."""
    rng = paper.rng
    for u in np.linspace(0, 1, 30):
        x, y = 744 - 128 * u, 184 + 92 * u**1.15
        long = rng.uniform(60, 130) * (1 - 0.25 * u)
        lift = rng.uniform(-34, 12)
        end = y + rng.uniform(-12, 22) + lift
        path = [(x + 6, y + rng.uniform(0, 14), 4), (x - long * 0.35, y - 12 + lift * 0.4, 13),
                (x - long * 0.75, y - 6 + lift, 10), (x - long, end, 2)]  # fmt: skip
        paper.stroke(path, rng.uniform(0.5, 1.7), rng.uniform(0.40, 0.80), 0.1, 0.9)
    for k in range(4):  # the forelock
        path = [(750, 186, 4), (768 - 5 * k, 178 - 3 * k, 8), (784 - 12 * k, 192 - 9 * k, 2)]
        paper.stroke(path, 1.3, 0.4, 0.2, 0.6)


def tail(paper):
    """The tail streams behind, broad dry strokes over a few wet ones."""
    rng = paper.rng
    for k in range(22):
        u = rng.uniform(-1, 1)
        wet = k < 6
        long = rng.uniform(170, 265) * (0.75 if wet else 1)
        path = [(330, 322, 8), (290, 292 + 8 * u, 20 if wet else 15),
                (330 - long * 0.62, 280 + 46 * u, 26 if wet else 24),
                (330 - long, 318 + 84 * u + rng.normal(0, 12), 12)]  # fmt: skip
        paper.stroke(path, rng.uniform(0.5, 1.6), 0.45 if wet else rng.uniform(0.6, 0.85), 0.1, 0.9)


def dust(paper):
    """Ground and speed: pale dry sweeps, drops and a few blades of grass."""
    rng = paper.rng
    for _ in range(16):
        x, y, long = rng.uniform(60, 760), rng.normal(640, 14), rng.uniform(90, 320)
        path = [(x, y, 4), (x + long * 0.4, y + rng.normal(0, 6), rng.uniform(10, 30)),
                (x + long, y + rng.normal(0, 8), 3)]  # fmt: skip
        paper.stroke(path, rng.uniform(0.08, 0.3), rng.uniform(0.5, 0.85), 0.2, 0.7, 1.0)
    for x, y in ((250, 620), (490, 640), (700, 610), (180, 600), (330, 650)):
        paper.splash(x, y, 34, 16, 1.6, 1.2)
    for _ in range(60):
        x = rng.choice([130, 410, 600, 840]) + rng.normal(0, 32)
        y, lean, tall = 655 + rng.normal(0, 7), rng.normal(-16, 10), rng.uniform(10, 34)
        path = [(x, y, 2.4), (x + lean * 0.3, y - tall * 0.6, 1.8), (x + lean, y - tall, 0.4)]
        paper.stroke(path, rng.uniform(0.4, 1.3), 0.1)
