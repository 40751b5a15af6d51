"""Scenes: where a clip is cut, the next frame has nothing to do with the last one."""

import numpy as np

from neural_style.video.flow import Motion, View

# A frame begins a scene if the motion can be trusted in less than this share of it, ...
LOST_SHARE = 0.25
# ... or in less than this one, and the shares of its grey values differ by as much.
DOUBTFUL_SHARE, OTHER_GREYS = 0.6, 0.3
BINS = 32  # of grey values


def is_cut(current: View, previous: View, motion: Motion) -> bool:
    """Tell whether a new scene begins with a frame."""
    share = float(motion.reliability.mean())
    if share < LOST_SHARE:
        return True
    return share < DOUBTFUL_SHARE and difference_of_greys(current, previous) > OTHER_GREYS


def difference_of_greys(first: View, second: View) -> float:
    """Return the share of pixels that the histograms of two frames do not have in common."""
    shares = [
        np.histogram(frame.grey, BINS, (0, 256))[0] / frame.grey.size for frame in (first, second)
    ]
    return float(np.abs(shares[0] - shares[1]).sum() / 2)
