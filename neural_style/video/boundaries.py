"""Boundaries of what moves: there, flow that is smooth must be corrected."""

from itertools import product

import numpy as np

from neural_style.video.libraries import opencv

DISTANCES = (2, 4, 8, 16)  # in pixels, to those whose flow a pixel may take over
DIRECTIONS = [(y, x) for y, x in product((-1, 0, 1), repeat=2) if (y, x) != (0, 0)]
ROUNDS = 2
WINDOW = 3  # pixels a side, over which grey levels are compared
MARGIN = 2  # grey levels by which another flow must fit better
MEDIAN = 5  # pixels a side


def sharpen_boundaries(flow: np.ndarray, source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return a flow (H, W, 2), float32, that changes where the picture does.

    A method that looks at windows or prefers smooth flow carries the motion of a thing some pixels
    beyond its edge.  So each pixel takes over the flow of one nearby where it leads to grey levels
    that are more alike; medians then remove what stands alone.  source, target: (H, W), uint8.
    Source of the propagation: Barnes et al. 2009, PatchMatch.
    """
    cv2 = opencv()
    for _ in range(ROUNDS):
        flow = _propagate(flow, source, target)
    for _ in range(ROUNDS):
        flow = np.stack([cv2.medianBlur(axis, MEDIAN) for axis in cv2.split(flow)], -1)
    return flow


def _propagate(flow: np.ndarray, source: np.ndarray, target: np.ndarray) -> np.ndarray:
    cv2 = opencv()
    height, width = source.shape
    x, y = np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)
    here = np.stack(np.meshgrid(x, y), -1)

    def mismatch(candidate: np.ndarray) -> np.ndarray:
        """Return the sum of differences of grey levels around each pixel."""
        moved = cv2.remap(
            target, here + candidate, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        difference = cv2.absdiff(source, moved)
        return cv2.boxFilter(difference, cv2.CV_16S, (WINDOW, WINDOW), normalize=False)

    best = mismatch(flow) - WINDOW**2 * MARGIN
    result = flow.copy()
    reach = DISTANCES[-1]
    padded = np.pad(flow, ((reach, reach), (reach, reach), (0, 0)), 'edge')
    for distance, (down, right) in product(DISTANCES, DIRECTIONS):
        top, left = reach + distance * down, reach + distance * right
        candidate = padded[top : top + height, left : left + width]
        found = mismatch(candidate)
        is_better = found < best
        best[is_better] = found[is_better]
        result[is_better] = candidate[is_better]
    return result
