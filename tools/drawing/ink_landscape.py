"""An ink-wash landscape: misty mountains above a lake, an old pine, a boat, a pavilion."""

import numpy as np

from .canvas import curve, noise, step
from .ink import CARVING, Paper


def ink_landscape():
    """Mountains in mist above a lake, a pine in front, a boat and a hut, as a Pillow image."""
    paper = Paper(768, 1024, 21)
    ranges = [
        # summits (x, y), darkness, depth of the wash, roughness
        ([(-40, 300), (60, 262), (150, 205), (225, 262), (330, 300), (430, 330)], 0.20, 110, 14),
        ([(300, 330), (395, 225), (450, 120), (492, 92), (540, 150), (600, 235), (690, 270),
          (820, 320)], 0.34, 200, 26),
        ([(420, 470), (520, 400), (590, 318), (640, 290), (700, 345), (810, 400)], 0.55, 120, 22),
        ([(-40, 470), (40, 440), (110, 455), (190, 505), (280, 545), (350, 575)], 0.42, 80, 14),
    ]  # fmt: skip
    for summits, dark, depth, rough in ranges:
        mountain(paper, summits, dark, depth, rough)
    distant_trees(paper)
    shore(paper)
    hut(paper, 566, 566, 1.0)
    boat(paper, 470, 790, 1.15)
    pine(paper)
    for k, (x, y) in enumerate([(250, 150), (276, 138), (300, 150), (330, 128), (222, 170)]):
        s = 7 - 0.6 * k
        bird = [(x - s, y - 2, 0.6), (x - s / 2, y - s / 2, 1.6), (x, y, 1.2),
                (x + s / 2, y - s / 2, 1.6), (x + s, y - 1, 0.6)]  # fmt: skip
        paper.stroke(bird, 1.0)
    paper.seal(690, 930, 44, CARVING)
    return paper.image()


def mountain(paper, summits, dark, depth, rough):
    """Draw a ridge line, a wash that fades into mist below it, and the folds of the rock."""
    rng = paper.rng
    line = curve(summits, 700)
    crags = (noise(700, 700, rng, (9, 9), 6, 0.55)[350] - 0.5) * rough * 2.4
    line[:, 1] += crags
    ridge = np.interp(paper.x[0], line[:, 0], line[:, 1], left=5000, right=5000)
    first, last = line[0, 0], line[-1, 0]
    ends = step(first, first + 80, paper.x[0]) * step(last, last - 80, paper.x[0])
    distance = paper.y - ridge
    fade = np.exp(-np.clip(distance, 0, None) / depth * 1.5) * step(-0.6, 0.9, distance)
    mist = noise(*paper.y.shape, rng, (7, 3), 5)
    paper.wash(dark * fade * ends * (0.35 + 1.1 * mist))
    faces = noise(*paper.y.shape, rng, (9, 12), 6, 0.6, ridged=True)  # planes of the rock
    paper.wash(1.1 * dark * step(0.45, 0.75, faces) * ends * fade**1.6)
    for k in range(0, len(line) - 70, 52):  # the ridge, in separate strokes
        part = line[k : k + 66 : 5]
        width = (1.5 + dark * rng.uniform(4, 16)) * np.sin(np.linspace(0.3, 2.9, len(part)))
        fresh = np.interp(part[len(part) // 2, 0], paper.x[0], ends) * dark
        paper.stroke(np.column_stack([part, width]), fresh * rng.uniform(0.9, 2.0),
                     rng.uniform(0.2, 0.6))  # fmt: skip
    for _ in range(int(depth * 1.5)):  # hemp-fibre folds down the slopes
        k = rng.integers(20, len(line) - 20)
        x, y = line[k]
        y += rng.exponential(depth * 0.22)
        lean = np.clip((line[k + 15] - line[k - 15])[1] / 30, -1.2, 1.2)
        fall = rng.uniform(0.10, 0.38) * depth
        path = [(x, y, 1), (x + lean * fall * 0.25, y + fall * 0.45, dark * rng.uniform(4, 12)),
                (x + lean * fall * 0.6, y + fall, 1)]  # fmt: skip
        weaken = np.interp(x, paper.x[0], ends) * np.exp(-(y - line[k, 1]) / depth * 1.6)
        ink, dry = dark * weaken * rng.uniform(0.4, 1.3), rng.uniform(0.25, 0.65)
        paper.stroke(path, ink, dry, soften=0.7)


def distant_trees(paper):
    """Rows of small trees on the slopes, dots laid beside one another."""
    rng = paper.rng
    groves = [(620, 545, 60, 90, 0.9), (150, 528, 80, 110, 0.7), (690, 500, 50, 60, 0.7),
              (70, 500, 50, 60, 0.6)]  # fmt: skip
    for cx, cy, spread, count, dark in groves:
        for _ in range(count):
            x = cx + rng.normal(0, spread)
            y = cy + 0.12 * abs(x - cx) + rng.normal(0, 5)
            r = rng.uniform(3, 8)
            paper.stroke([(x - r, y, r * 0.6), (x, y - r * 0.6, r), (x + r, y, r * 0.5)],
                         dark * rng.uniform(0.2, 0.9), 0.3, soften=0.8)  # fmt: skip
            if rng.random() < 0.4:
                paper.stroke([(x, y + 9, 1), (x + 1, y + 3, 1.4), (x, y - 3, 1)], dark * 0.8)


def shore(paper):
    """Draw the edge of the lake and a few lines of water."""
    rng = paper.rng
    for x0, y0, long, dark in ((470, 590, 300, 0.7), (-20, 575, 260, 0.5), (590, 612, 190, 0.6)):
        for k in range(5):
            x, y = x0 + rng.uniform(0, 60), y0 + k * 5 + rng.uniform(-2, 2)
            part = long * rng.uniform(0.4, 0.9)
            path = [(x, y, 2), (x + part * 0.4, y + rng.uniform(-4, 3), 9), (x + part, y + 3, 1)]
            paper.stroke(path, dark * rng.uniform(0.3, 0.8), rng.uniform(0.4, 0.7), soften=0.8)
    for _ in range(34):
        x, y = rng.uniform(120, 760), rng.uniform(640, 860)
        half = rng.uniform(14, 60) * (y - 560) / 200
        path = [(x - half, y, 0.5), (x - half / 3, y - 1.5, 2), (x + half / 3, y + 1, 1.6),
                (x + half, y, 0.5)]  # fmt: skip
        paper.stroke(path, rng.uniform(0.12, 0.4), rng.uniform(0.2, 0.6), soften=0.8)


def hut(paper, x, y, size):
    """Draw a thatched pavilion on posts."""

    def line(points, width, dark=1.2, dry=0.15):
        paper.stroke([(x + u * size, y + v * size, width) for u, v in points], dark, dry)

    for u in (-22, -8, 10, 24):
        line([(u, -14), (u, 4), (u, 20)], 1.8)
    roof = [(x - 38, y - 12), (x - 14, y - 34), (x + 16, y - 34), (x + 40, y - 12), (x, y - 15)]
    paper.blot(roof, 0.5)
    line([(-42, -10), (-22, -22), (-12, -36)], 3.2)
    line([(44, -10), (24, -22), (14, -36)], 3.2)
    line([(-14, -36), (0, -38), (16, -36)], 4)
    line([(-42, -10), (0, -14), (44, -10)], 2.4)
    for u in np.linspace(-32, 34, 12):
        line([(u * 0.4, -34), (u * 0.75, -23), (u, -12)], 1.3, 0.8, 0.5)
    line([(-34, 20), (0, 21), (36, 20)], 2.6)
    line([(-22, 8), (0, 9), (24, 8)], 1.2, 0.8)


def boat(paper, x, y, size):
    """Draw a fisherman's boat with a mat roof, its pole and its shade on the water."""

    def line(points, dark=1.4, dry=0.1):
        paper.stroke([(x + u * size, y + v * size, w * size) for u, v, w in points], dark, dry)

    line([(-74, -10, 1), (-40, 3, 6), (0, 6, 8), (40, 3, 6), (78, -13, 1)], 1.5)
    line([(-70, -9, 1), (-30, -2, 2), (20, -2, 2), (74, -12, 1)], 1.1)
    mat = [(x - 30, y - 4), (x - 24, y - 27), (x, y - 34), (x + 22, y - 27), (x + 27, y - 4)]
    paper.blot(mat, 0.55)
    line([(-31, -3, 1.5), (-25, -27, 3), (0, -35, 4), (23, -27, 3), (28, -3, 1.5)])
    for u in (-14, 0, 13):
        line([(u - 3, -4, 1), (u, -18, 1.4), (u + 1, -32, 1)], 0.8, 0.3)
    line([(47, -6, 3), (49, -18, 8), (50, -30, 4)], 1.2)  # the fisherman
    line([(38, -31, 1), (50, -39, 6), (62, -31, 1)], 1.6)
    line([(51, -22, 2), (60, -20, 2), (66, -26, 1.4)], 1.2)
    line([(60, -12, 1.2), (74, -42, 1.4), (96, -92, 0.8)], 1.1)
    line([(-60, 16, 1), (0, 19, 10), (64, 15, 1)], 0.25, 0.4)
    line([(-30, 27, 1), (5, 29, 5), (50, 26, 1)], 0.2, 0.5)


def pine(paper):
    """Draw an old pine that leans in from the lower left, on a rock."""
    rng = paper.rng
    rocks(paper)
    trunk = [(58, 924, 46), (76, 880, 42), (60, 815, 38), (92, 745, 36), (80, 680, 31),
             (118, 620, 27), (165, 585, 20), (190, 540, 14), (240, 520, 8)]  # fmt: skip
    paper.stroke(trunk, 0.45, 0.15, 1.2, 0.6, 0.8)
    paper.stroke([(x - w * 0.38, y, w * 0.35) for x, y, w in trunk], 1.1, 0.45, bristle=0.7)
    paper.stroke([(x + w * 0.42, y + 3, w * 0.2) for x, y, w in trunk], 1.5, 0.4, bristle=0.7)
    for x, y, w in curve(trunk, 60)[:48]:  # bark
        for _ in range(3):
            bx, by, r = x + rng.uniform(-0.35, 0.4) * w, y + rng.normal(0, 4), rng.uniform(3, 6)
            path = [(bx - r, by, 1), (bx, by + r * 0.7, 1.8), (bx + r, by - r * 0.2, 1)]
            paper.stroke(path, rng.uniform(0.5, 1.3), 0.2)
    branches = [
        [(84, 690, 15), (40, 640, 11), (20, 590, 8), (-10, 570, 6)],
        [(92, 745, 16), (150, 720, 12), (190, 735, 9), (250, 700, 5), (290, 706, 3)],
        [(150, 595, 14), (140, 540, 10), (165, 490, 7), (150, 440, 4)],
        [(66, 830, 13), (20, 790, 9), (-10, 795, 7)],
        [(205, 532, 9), (270, 545, 7), (320, 520, 4), (350, 528, 2)],
    ]
    for branch in branches:
        paper.stroke(branch, 1.5, 0.25, bristle=0.6)
    clusters = [(20, 585), (-4, 640), (45, 560), (200, 715), (250, 690), (292, 700), (165, 480),
                (145, 435), (120, 500), (240, 512), (205, 470), (275, 540), (325, 515), (355, 525),
                (10, 780), (45, 770), (90, 590), (185, 540), (60, 640), (150, 690)]  # fmt: skip
    for x, y in clusters:
        needles(paper, x, y, rng.uniform(26, 38))


def rocks(paper):
    """Boulders below the pine: angular outlines, side washes, dry texture, dots of moss."""
    rng = paper.rng
    outlines = [
        [(-30, 985), (-10, 925), (50, 905), (110, 922), (140, 975), (150, 1030)],
        [(95, 1030), (110, 972), (160, 945), (215, 962), (238, 1000), (250, 1030)],
        [(215, 1030), (240, 1000), (275, 992), (300, 1008), (318, 1030)],
    ]
    for outline in outlines:
        paper.blot([*outline, (outline[-1][0] - 30, 1060), (outline[0][0], 1060)], 0.30, 0.2)
        for a, b in zip(outline[:-1], outline[1:], strict=True):
            bend = ((a[0] + b[0]) / 2 + rng.normal(0, 4), (a[1] + b[1]) / 2 + rng.normal(0, 4))
            paper.stroke([(*a, 3), (*bend, rng.uniform(6, 11)), (*b, 3)], 1.3, 0.45, bristle=0.6)
            for _ in range(9):
                u = rng.random()
                x, y = a[0] + u * (b[0] - a[0]), a[1] + u * (b[1] - a[1]) + 6
                fall = rng.uniform(16, 46)
                path = [(x, y, 2), (x + 5, y + fall / 2, rng.uniform(5, 13)), (x + 3, y + fall, 2)]
                paper.stroke(path, rng.uniform(0.3, 1.1), rng.uniform(0.5, 0.8))
        for _ in range(16):
            k = rng.integers(len(outline) - 1)
            paper.splash(*outline[k], 12, 1, 2.4, 1.6)
    for _ in range(46):  # grass
        x, y, lean = rng.uniform(0, 320), rng.uniform(975, 1030), rng.normal(0, 12)
        tall = rng.uniform(16, 40)
        path = [(x, y, 2), (x + lean * 0.4, y - tall * 0.6, 1.6), (x + lean, y - tall, 0.4)]
        paper.stroke(path, rng.uniform(0.5, 1.4))


def needles(paper, x, y, size):
    """Draw a fan of pine needles over a pale wash."""
    rng = paper.rng
    outline = [(x + 1.1 * size * np.cos(a), y - 4 + 0.55 * size * np.sin(a))
               for a in np.linspace(0, 5.5, 8)]  # fmt: skip
    paper.blot(outline, 0.20, 0.1, 4.0)
    for sub in range(4):
        cx, cy = x + rng.normal(0, size * 0.5), y + rng.normal(0, size * 0.24)
        for angle in np.linspace(-0.05, np.pi + 0.05, 15) + rng.normal(0, 0.05):
            long = size * rng.uniform(0.55, 0.8) * (0.75 + 0.3 * abs(np.cos(angle)))
            tip = (cx + long * np.cos(angle), cy - long * np.sin(angle) * 0.8)
            middle = ((cx + tip[0]) / 2, (cy + tip[1]) / 2 - 1.5)
            paper.stroke([(cx, cy, 0.6), (*middle, 1.4), (*tip, 0.4)],
                         rng.uniform(0.5, 1.2) * (1, 0.5, 0.9, 0.4)[sub])  # fmt: skip
