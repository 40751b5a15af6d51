"""The test data are as their README says."""

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image, UnidentifiedImageError
from samples import DATA


@pytest.mark.slow
def test_inputs_are_what_the_script_draws(tmp_path):
    pytest.importorskip('scipy', reason='make_inputs.py needs scipy')
    subprocess.run([sys.executable, DATA / 'make_inputs.py', tmp_path], check=True)
    recorded = sorted(path.name for path in (DATA / 'inputs').iterdir())
    assert sorted(path.name for path in tmp_path.iterdir()) == recorded
    for name in recorded:
        try:
            kept, drawn = (
                np.asarray(Image.open(folder / name), float)
                for folder in (DATA / 'inputs', tmp_path)
            )
        except UnidentifiedImageError:
            assert name == 'not_an_image.png'
            continue
        # Other versions of the libraries may round a byte here and there.
        assert np.abs(kept - drawn).mean() < (1 if drawn.max() < 256 else 257), name


def test_every_run_has_a_command_and_an_exit_status():
    for run in (DATA / 'runs').iterdir():
        assert (run / 'cmd.txt').read_text().startswith('th neural_style.lua')
        assert (run / 'exit.txt').read_text().strip() in ('0', '1')
    traces = len(list((DATA / 'runs').glob('*/trace.npz')))
    assert (len(list((DATA / 'runs').iterdir())), traces) == (61, 10)
