"""The network that paints at once, and what it paints."""

import pytest
from samples import ROOT

from neural_style import load, scale
from neural_style.fast import Painter

INPUTS = ROOT / 'examples' / 'inputs'


@pytest.fixture(scope='session')
def painter():
    return Painter()


@pytest.fixture(scope='session')
def content():
    return scale(load(INPUTS / 'harbour.jpg'), 96)


@pytest.fixture(scope='session')
def swirls():
    return scale(load(INPUTS / 'swirls.jpg'), 96)
