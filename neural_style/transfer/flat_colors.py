"""Pictures of flat colours: which colours they have, and which pixels have each of them.

Edges may be anti-aliased, and a JPEG may have changed the pixels beside them: such pixels get the
nearest of the colours that are flat close by, so that a mixture of two colours does not become a
third one that is used elsewhere.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from neural_style.errors import SettingError

# A pixel is flat if no channel varies by more around it, in 3 x 3 pixels; of 255, as all below.
FLAT_RANGE = 8
# Colours that differ by no more in any channel are one: a JPEG changes them by a few levels.
SAME_COLOR = 20
# The share of pixels that differ by no more from a colour, among those that are the same as it: in
# a gradient it is a third.
NEARLY_EQUAL, EQUAL_SHARE = 6, 0.7
# Pixels that a flat colour needs, and their share of the picture: JPEGs have small flat spots.
MIN_PIXELS, MIN_SHARE = 9, 5e-5
# The share of a picture that is flat, and has one of its colours, unless it is a photograph.
FLAT_SHARE = 0.4
MAX_COLORS = 64
EDGE = 8  # pixels, the blocks of a JPEG: how far from an edge colours are not flat


@dataclass(frozen=True)
class FlatPicture:
    """A picture of flat colours.

    name: of its file, or of the argument, for messages.
    colors: RGB, 0 to 255, in the order in which they appear, row after row.
    labels: (H, W), uint8: the number of each pixel's colour, from 0.
    """

    name: str
    colors: list[tuple[int, int, int]]
    labels: Tensor

    @property
    def color_names(self) -> list[str]:
        """Return the colours as #rrggbb."""
        return ['#' + bytes(color).hex() for color in self.colors]

    def shares(self) -> list[float]:
        """Return how much of the picture each colour covers."""
        return [float((self.labels == k).double().mean()) for k in range(len(self.colors))]


def flat_picture(setting: str, name: str, pixels: Tensor) -> FlatPicture:
    """Find the flat colours of a picture, and give every pixel one of them.

    pixels: (3, H, W), RGB, uint8.  Raises SettingError, naming the setting and the picture, if it
    has no flat colours, as a photograph.
    """
    image = pixels.numpy()
    is_flat = _is_flat(image)
    colors = _frequent_colors(image[:, is_flat], is_flat.size)
    seeds = _flat_labels(image, colors, is_flat)
    colored_share = (seeds < len(colors)).mean()
    if len(colors) > MAX_COLORS and is_flat.mean() >= FLAT_SHARE:
        raise SettingError(
            setting,
            f'there are more than {MAX_COLORS} flat colours; give a region to each of fewer, or'
            ' grey masks, one for each region',
            None if name.startswith(setting) else name,
        )
    if not colors or len(colors) > MAX_COLORS or colored_share < FLAT_SHARE:
        raise SettingError(
            setting,
            'this is no picture of flat colours; paint each region in one colour, without shades,'
            ' or give grey masks, one for each region',
            None if name.startswith(setting) else name,
        )
    labels = _with_edges(image, colors, seeds)
    order = sorted(np.unique(labels).tolist(), key=lambda k: int(np.argmax(labels == k)))
    renumbered = np.zeros(len(colors), np.uint8)
    renumbered[order] = np.arange(len(order))
    numbers = torch.from_numpy(renumbered[labels])
    visible = [(int(red), int(green), int(blue)) for red, green, blue in (colors[k] for k in order)]
    return FlatPicture(name, visible, numbers)


def closest(color: tuple[int, int, int], colors: list[tuple[int, int, int]]) -> int | None:
    """Return the number of the nearest of some colours; None if they all differ visibly."""
    differences = np.abs(np.array(colors, int) - color)
    nearest = int(np.square(differences).sum(1).argmin())
    return nearest if differences[nearest].max() <= SAME_COLOR else None


def _is_flat(image: np.ndarray) -> np.ndarray:
    """Tell which pixels have neighbours of nearly the same colour: (H, W)."""
    lowest, highest = image, image
    for axis in (1, 2):
        lowest = np.minimum.reduce(_neighbours(lowest, axis))
        highest = np.maximum.reduce(_neighbours(highest, axis))
    return (highest - lowest).max(0) <= FLAT_RANGE


def _neighbours(image: np.ndarray, axis: int) -> list[np.ndarray]:
    """Return an image and those that have the next pixel, and the last one, in a pixel's place."""
    first, last = ([slice(None)] * image.ndim for _ in range(2))
    first[axis], last[axis] = slice(0, -1), slice(1, None)
    former, following = image.copy(), image.copy()
    former[tuple(last)], following[tuple(first)] = image[tuple(first)], image[tuple(last)]
    return [image, former, following]


def _frequent_colors(flat: np.ndarray, pixels: int) -> list[np.ndarray]:
    """Return colours of flat pixels (3, N), the most frequent first, that differ visibly."""
    red, green, blue = flat.astype(np.int32)
    codes = red << 16 | green << 8 | blue
    values, counts = np.unique(codes, return_counts=True)
    candidates = np.stack([values >> 16, values >> 8 & 255, values & 255], 1)
    colors: list[np.ndarray] = []
    while len(counts) and len(colors) <= MAX_COLORS:
        color = candidates[counts.argmax()]
        differences = np.abs(candidates - color).max(1)
        is_same = differences <= SAME_COLOR
        same, equal = counts[is_same].sum(), counts[differences <= NEARLY_EQUAL].sum()
        if same >= max(min(MIN_PIXELS, pixels), MIN_SHARE * pixels) and equal >= EQUAL_SHARE * same:
            colors.append(color)
        candidates, counts = candidates[~is_same], counts[~is_same]
    return colors


def _flat_labels(image: np.ndarray, colors: list[np.ndarray], is_flat: np.ndarray) -> np.ndarray:
    """Return the number of the colour that a flat pixel has; len(colors) for the others."""
    labels = np.full(is_flat.shape, len(colors), np.uint8)
    for number, color in enumerate(colors):
        is_color = is_flat.copy()
        for plane, level in zip(image, color.tolist(), strict=True):
            low, high = max(level - SAME_COLOR // 2, 0), min(level + SAME_COLOR // 2, 255)
            is_color &= (plane >= low) & (plane <= high)
        labels[is_color] = number
    return labels


def _with_edges(image: np.ndarray, colors: list[np.ndarray], seeds: np.ndarray) -> np.ndarray:
    """Give the pixels without one the nearest of the colours that are flat around, or of all."""
    is_edge = seeds == len(colors)
    pixels = image[:, is_edge].astype(np.float32)  # (3, N)
    numbers = np.zeros(pixels.shape[1], np.uint8)
    best = np.full(pixels.shape[1], np.inf, np.float32)
    for number, color in enumerate(colors):
        distance = np.square(pixels - color[:, None]).sum(0)
        distance[~_spread(seeds == number)[is_edge]] += 3 * 256**2  # more than any has
        is_nearer = distance < best
        numbers[is_nearer], best[is_nearer] = number, distance[is_nearer]
    labels = seeds.copy()
    labels[is_edge] = numbers
    return labels


def _spread(mask: np.ndarray) -> np.ndarray:
    """Extend a mask by EDGE pixels, along rows and columns."""
    mask = mask.copy()
    for axis in (0, 1):
        lines = mask if axis == 0 else mask.T
        for step in (1, 2, 4, EDGE - 7):
            further = lines.copy()
            further[step:] |= lines[:-step]
            further[:-step] |= lines[step:]
            lines[:] = further
    return mask
