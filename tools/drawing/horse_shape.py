"""The body of a galloping horse: outlines of its parts, inflated to a relief, with muscles.

Points are in pixels of a drawing board; `fit` takes them to pixels of the saved picture.
"""

import numpy as np
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter
from scipy.sparse import coo_matrix
from scipy.sparse.linalg import spsolve

from .canvas import SCALE, curve, resize

WIDTH, HEIGHT = 1200, 840
ZOOM = 1.15

TRUNK = [
    (700, 400), (660, 330), (700, 246), (725, 222), (762, 188), (800, 164), (832, 158), (856, 190),
    (850, 226), (838, 250), (822, 274), (808, 305), (800, 335), (801, 362), (796, 392), (780, 420),
    (742, 446), (690, 456), (640, 460), (580, 454), (520, 440), (470, 430), (420, 430), (388, 404),
    (374, 368), (380, 338), (398, 309), (430, 287), (468, 277), (510, 281), (555, 288), (600, 283),
    (650, 268), (680, 256), (700, 246),
][2:-1]  # fmt: skip
HEAD = [
    (824, 190), (828, 166), (838, 159), (858, 163), (876, 178), (898, 206), (922, 236), (940, 256),
    (950, 268), (955, 281), (951, 290), (942, 295), (937, 304), (924, 304), (911, 295), (892, 282),
    (872, 271), (852, 262), (838, 248), (830, 226),
]  # fmt: skip
EAR = [(828, 168), (826, 142), (838, 116), (848, 140), (850, 164), (840, 172)]
FAR_EAR = [(842, 168), (844, 144), (858, 122), (864, 146), (862, 168)]
# Every leg ends in hoof corners: coronet in front, toe, heel, coronet behind.
NEAR_HIND = [
    (414, 304), (456, 294), (496, 316), (514, 352), (512, 392), (505, 424), (488, 450), (460, 472),
    (430, 490), (407, 505), (385, 518), (364, 540), (345, 564), (331, 583), (323, 594), (319, 608),
    (312, 638), (281, 623), (292, 600), (300, 585), (304, 564), (325, 547), (344, 524), (362, 500),
    (368, 486), (371, 473), (384, 465), (402, 448), (404, 428), (386, 402), (374, 368), (388, 330),
]  # fmt: skip
FAR_HIND = [
    (470, 400), (545, 400), (546, 430), (532, 462), (519, 487), (500, 510), (490, 535), (495, 559),
    (503, 588), (513, 605), (517, 616), (527, 628), (548, 649), (521, 666), (506, 648), (498, 633),
    (483, 618), (480, 595), (472, 565), (463, 543), (450, 518), (446, 499), (458, 478), (468, 452),
    (455, 425),
]  # fmt: skip
NEAR_FORE = [
    (702, 362), (742, 334), (784, 352), (798, 385), (803, 415), (816, 438), (832, 452), (847, 466),
    (859, 483), (874, 496), (891, 508), (906, 515), (917, 526), (931, 533), (955, 552), (934, 576),
    (915, 557), (904, 546), (887, 541), (877, 527), (861, 514), (844, 503), (828, 497), (808, 488),
    (786, 477), (755, 464), (722, 446), (700, 415),
]  # fmt: skip
FAR_FORE = [
    (700, 420), (770, 420), (778, 450), (782, 470), (794, 500), (802, 516), (800, 532), (786, 542),
    (771, 545), (753, 553), (738, 561), (727, 569), (708, 569), (695, 572), (666, 573), (671, 545),
    (690, 546), (704, 547), (714, 542), (728, 540), (743, 533), (758, 524), (764, 512), (752, 500),
    (741, 487), (715, 450),
]  # fmt: skip
TOES = {NEAR_HIND[0]: 16, FAR_HIND[0]: 12, NEAR_FORE[0]: 14, FAR_FORE[0]: 14}  # by first point

# Swellings and hollows: points, blur, height.
MUSCLES = [
    ([(694, 290), (738, 346), (772, 386)], 13, 6),  # shoulder blade
    ([(716, 268), (764, 326), (788, 362)], 8, -6),
    ([(668, 300), (682, 350), (704, 398)], 9, -7),
    ([(708, 352), (728, 396)], 16, 9),  # triceps
    ([(740, 405), (768, 388)], 6, -5),
    ([(826, 236), (800, 284), (784, 330)], 6, -6),  # jugular groove
    ([(812, 192), (770, 236), (732, 280)], 15, 7),
    ([(778, 380), (786, 400)], 9, 5),  # breast
    ([(518, 322), (528, 372)], 15, -9),  # flank
    ([(482, 302), (500, 318)], 12, 4),  # hip
    ([(440, 300), (470, 296)], 14, 4),
    ([(414, 326), (404, 376), (412, 428)], 6, -6),
    ([(452, 350), (448, 400)], 22, 9),  # thigh
    ([(490, 400), (494, 424)], 10, 7),  # stifle
    ([(470, 346), (486, 380)], 7, -4),
    ([(510, 388), (545, 432)], 8, -5),
    ([(474, 436), (436, 468)], 9, 5),  # gaskin
    ([(436, 446), (396, 474)], 4, -4),
    ([(398, 484), (392, 494)], 6, 4),  # hock
    ([(372, 503), (338, 544)], 2.2, -2.6),
    ([(758, 404), (798, 440)], 11, 5),  # forearm
    ([(768, 428), (812, 464)], 4, -3.5),
    ([(838, 478), (842, 484)], 6, 3),  # knee
    ([(852, 499), (882, 521)], 2.0, -2.4),
    ([(560, 428), (620, 438), (680, 432)], 8, -3),  # belly
    ([(610, 300), (540, 302)], 9, 3),  # loin
    ([(856, 232), (862, 240)], 15, 6),  # cheek
    ([(868, 224), (900, 256)], 3, 2.6),
    ([(884, 206), (928, 254)], 4, -2.5),
    ([(862, 188), (876, 188), (884, 200)], 3, 3.5),  # brow
    ([(858, 204), (872, 210)], 4, -2),
    ([(945, 270), (946, 277)], 3, -4),
    ([(946, 290), (932, 289)], 1.4, -2.5),
] + [([(x, 330), (x - 13, 372), (x - 8, 414)], 6, 1.0) for x in (568, 587, 605, 622, 641)]


def fit(points):
    """Points of the drawing board in pixels of the saved picture."""
    points = np.asarray(points, float)
    moved = points.copy()
    moved[..., 0] = (points[..., 0] - 570) * ZOOM + 615
    moved[..., 1] = (points[..., 1] - 390) * ZOOM + 445
    return moved


def contour(outline):
    """Return the closed curve through an outline; the sole of a hoof stays straight."""
    toe = TOES.get(outline[0])
    if toe:
        return curve([*outline[toe + 1 :], *outline[: toe + 1]], 600)
    return curve([*outline, outline[0]], 500)


def silhouette(outline, scale):
    """Mask of the closed curve through outline, at scale times the saved size."""
    closed = fit(contour(outline)) * scale
    image = Image.new('L', (WIDTH * scale, HEIGHT * scale))
    ImageDraw.Draw(image).polygon([tuple(p) for p in closed], fill=255)
    return np.asarray(image, np.float32) / 255


def inflate(outline):
    """Height of a soft body inside an outline, a round bar where the sides are parallel."""
    mask = silhouette(outline, 1) > 0.5
    rows, columns = np.nonzero(mask)
    count = len(rows)
    number = np.full(mask.shape, -1)
    number[rows, columns] = np.arange(count)
    parts = [(np.arange(count), np.arange(count), np.full(count, 4.0))]
    for dy, dx in ((0, 1), (1, 0), (0, -1), (-1, 0)):
        other = number[rows + dy, columns + dx]
        inner = np.nonzero(other >= 0)[0]
        parts.append((inner, other[inner], np.full(len(inner), -1.0)))
    i, j, v = (np.concatenate(p) for p in zip(*parts, strict=True))
    system = coo_matrix((v, (i, j)), (count, count)).tocsc()
    height = np.zeros(mask.shape, np.float32)
    height[rows, columns] = spsolve(system, np.full(count, 2.0))
    return np.sqrt(np.clip(resize(height, HEIGHT * SCALE, WIDTH * SCALE), 0, None))


def merge(first, second, soft):
    """The higher of two reliefs, rounded where they meet."""
    near = np.clip(soft - np.abs(first - second), 0, None) / soft
    return np.maximum(first, second) + near**3 * soft / 6


def muscles():
    """Return what every muscle adds to the relief of the near side."""
    total = np.zeros((HEIGHT, WIDTH), np.float32)
    for points, blur, height in MUSCLES:
        path = fit(curve(points, 60)) if len(points) > 2 else fit(np.linspace(*points, 40))
        image = Image.new('L', (WIDTH, HEIGHT))
        ImageDraw.Draw(image).line([tuple(p) for p in path], fill=255, width=int(blur) + 1)
        soft = gaussian_filter(np.asarray(image, np.float32), blur * ZOOM)
        total += soft / soft.max() * height * ZOOM
    return resize(total, HEIGHT * SCALE, WIDTH * SCALE)


def near_side():
    """Mask and relief of all that is not hidden: trunk, head, an ear, two legs."""
    mask = silhouette(TRUNK, SCALE)
    relief = np.where(mask > 0, 0.80 * inflate(TRUNK), -99)
    for outline, lift, soft in ((NEAR_HIND, 24, 26), (NEAR_FORE, 26, 22), (HEAD, 22, 8),
                                (EAR, 26, 5)):  # fmt: skip
        part = silhouette(outline, SCALE)
        relief = merge(relief, np.where(part > 0, lift + 0.9 * inflate(outline), -99), soft)
        mask = np.maximum(mask, part)
    return mask, relief + muscles()


def far_side(outline):
    """Mask and relief of a leg or ear behind the others."""
    return silhouette(outline, SCALE), inflate(outline)
