"""Where the tests find the recordings of the original program."""

from pathlib import Path

import pytest
import torch

# The networks of the tests are small: a second thread gains nothing, and on a busy machine the
# threads wait for each other most of the time.
torch.set_num_threads(1)

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / 'tests' / 'data'
SHARED = ROOT.parent / 'shared'


@pytest.fixture(scope='session')
def data():
    """The recordings that travel with the project: models/, inputs/, runs/."""
    return DATA


@pytest.fixture(scope='session')
def golden():
    """The full recordings, beside the checkout; tests that need them skip elsewhere."""
    folder = SHARED / 'golden'
    if not folder.is_dir():
        pytest.skip(f'needs the recordings in {folder.parent.name}/golden beside the checkout')
    return folder
