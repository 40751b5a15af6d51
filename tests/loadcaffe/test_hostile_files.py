"""Files that were made to cost time or memory are refused, or load, within 2 s and 500 MB."""

import json
import os
import subprocess
import sys

import pytest
from samples import ROOT

SECONDS, MEGABYTES = 2.0, 500  # of CPU time, and of the whole process, PyTorch included
PROGRAM = ROOT / 'tests' / 'stress' / 'hostile_files.py'
THREADS = dict.fromkeys(('OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS', 'MKL_NUM_THREADS'), '1')
# One or two of every format; before they were bounded, each took 4 s to minutes or 0.7 to 8 GB, or
# ended in another exception.
KNOWN = [
    'unterminated_quotes',
    'blank_lines',
    'quotes_in_metadata',
    'tensors_of_one_storage',
    'tensors_in_safetensors',
    'links_to_one_blob',
    'newer_layers_in_hdf5',
    'convolutions_within_the_limit',
    'shape_of_the_input',
    'attributes_of_a_dictionary',
    'tensors_without_dimensions',
    'convolutions_of_onnx',
    'integers_of_onnx',
]


def measured(names=()):
    """Run the program on the files of these names, or on all, and return its rows."""
    pytest.importorskip('h5py')
    if not hasattr(os, 'fork'):
        pytest.skip('measures in forked processes')
    done = subprocess.run(
        [sys.executable, PROGRAM, *names], capture_output=True, text=True, env=os.environ | THREADS
    )
    assert (done.returncode, done.stderr) == (0, '')
    return list(map(json.loads, done.stdout.splitlines()))


def check(row):
    """Check a row; on a machine that others use, the least of three times counts."""
    for _ in range(2):
        if row['seconds'] >= SECONDS:
            (row,) = measured([row['name']])
    assert row['outcome'].startswith(('loaded: ', 'refused: ')), row
    assert row['name'] in row['outcome'] or row['outcome'].startswith('loaded'), row
    assert len(row['outcome']) < 800, row
    assert row['seconds'] < SECONDS and row['peak'] < MEGABYTES, row


@pytest.mark.slow
def test_hostile_files_are_bounded_in_time_and_memory():
    rows = measured()
    assert len(rows) > 60 and {row['name'] for row in rows} >= set(KNOWN)
    for row in rows:
        check(row)
