"""What runs of videos have written into the current folder."""

from fractions import Fraction

import numpy as np
from written import files, pixels

from neural_style.video.clip import Selection
from neural_style.video.opening import open_clip


def read(path):
    """Return the frames of a clip."""
    return list(open_clip(str(path), Selection(), Fraction(25), None).frames())


def outputs():
    """Return the pixels of numbered outputs, by name."""
    return {name: pixels(name) for name in files() if name.startswith('out')}


def same(first, second):
    """Tell whether two sets of outputs have the same names and pixels."""
    return first.keys() == second.keys() and all(
        np.array_equal(picture, second[name]) for name, picture in first.items()
    )
