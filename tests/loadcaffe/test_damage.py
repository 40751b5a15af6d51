"""Damaged files of every format."""

import numpy as np
import pytest
from fuzz_loadcaffe import MODELS, damage, outcome, seeds


@pytest.fixture(scope='module')
def files(tmp_path_factory):
    pytest.importorskip('h5py')
    pytest.importorskip('scipy')
    return seeds(tmp_path_factory.mktemp('seeds'))


def test_undamaged_seeds_load(files):
    assert {outcome(path, MODELS / 'no' if p is None else p) for path, p in files[6:]} == {'loaded'}


@pytest.mark.slow
def test_damaged_files_are_refused_or_load(files, tmp_path):
    random = np.random.default_rng(20170415)
    outcomes = {'loaded': 0, 'refused': 0}
    for number in range(1200):
        path, prototxt = files[number % len(files)]
        mutant = tmp_path / path.name
        mutant.write_bytes(damage(path.read_bytes(), random))
        outcomes[outcome(mutant, prototxt)] += 1
    assert outcomes['refused'] > 500


def test_truncated_files_are_refused(files, tmp_path):
    for path, prototxt in files:
        if path.suffix == '.prototxt':
            continue  # cut between two layers, it is a prototxt still
        content = path.read_bytes()
        for part in range(64):
            mutant = tmp_path / path.name
            mutant.write_bytes(content[: len(content) * part // 64])
            assert outcome(mutant, prototxt) == 'refused', f'{path.name} at {part} / 64'
