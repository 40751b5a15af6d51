"""Fixtures of the tests against Torch7."""

import numpy as np
import pytest


@pytest.fixture(scope='module')
def recordings(golden):
    """Return a function that reads recorded arrays by name: 'color' is unit/color.npz."""
    return lambda name: np.load(golden / 'unit' / f'{name}.npz')
