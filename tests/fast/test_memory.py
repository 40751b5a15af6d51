"""The memory that large pictures take."""

import subprocess
import sys

import pytest
from samples import ROOT

from neural_style.fast.painting import predicted_bytes

CODE = """
import sys
from benchmarks.peak import peak_memory
from neural_style.command.process import main
status = main(sys.argv[1:])
print(peak_memory())
sys.exit(status)
"""


@pytest.mark.slow
def test_regions_of_a_large_picture_stay_within_the_prediction(tmp_path):
    inputs = ROOT / 'examples' / 'inputs'
    flags = {
        '-content_image': inputs / 'harbour.jpg',
        '-content_regions': inputs / 'harbour_regions.png',
        '-style_image': f'{inputs / "swirls.jpg"},{inputs / "waves.jpg"}',
        '-style_regions': inputs / 'swirls_regions.png',
        '-output_image': tmp_path / 'out.png',
        '-image_size': 1500,
    }
    words = [str(word) for pair in flags.items() for word in pair]
    command = [sys.executable, '-c', CODE, '-fast', '-gpu', '-1', *words]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert int(run.stdout.split()[-1]) < predicted_bytes(1125, 1500, in_regions=True)
