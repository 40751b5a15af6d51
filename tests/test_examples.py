"""The project's own pictures, and the script that fetches the original's."""

import io
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from samples import ROOT
from servers import folder_server, running

from neural_style.torch7 import image
from neural_style.transfer.region_masks import as_content_regions

OWN = ['harbour', 'horse', 'ink_horse', 'ink_landscape', 'qinglu', 'swirls', 'waves']


@pytest.mark.parametrize('name', OWN)
def test_pictures_are_small_files_of_large_pictures(name):
    path = ROOT / 'examples' / 'inputs' / f'{name}.jpg'
    assert path.stat().st_size < 300_000
    assert max(image.load(path).shape[1:]) >= 1000


@pytest.mark.slow
def test_the_pictures_are_what_the_script_draws(tmp_path):
    pytest.importorskip('scipy', reason='tools.draw_inputs needs scipy')
    command = [sys.executable, '-m', 'tools.draw_inputs', tmp_path, 'waves.jpg']
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    drawn, kept = (
        np.asarray(Image.open(folder / 'waves.jpg'), float)
        for folder in (tmp_path, ROOT / 'examples' / 'inputs')
    )
    # Other versions of the libraries may round a byte here and there.
    assert np.abs(drawn - kept).mean() < 1


@pytest.mark.parametrize(('name', 'regions'), [('harbour', 3), ('swirls', 2)])
def test_pictures_of_regions_are_flat_and_fit_their_pictures(name, regions):
    folder = ROOT / 'examples' / 'inputs'
    picture = as_content_regions(folder / f'{name}_regions.png')
    assert len(picture.colors) == regions and min(picture.shares()) > 0.1
    assert picture.labels.shape == image.load(folder / f'{name}.jpg').shape[1:]


@pytest.fixture
def script(tmp_path):
    """A copy of the script, so that it writes into a folder of the test."""
    folder = tmp_path / 'examples'
    folder.mkdir()
    return shutil.copy(ROOT / 'examples' / 'fetch_inputs.sh', folder)


@pytest.fixture
def server(tmp_path):
    """A server of 13 pictures on 127.0.0.1: its folder and its address."""
    folder = tmp_path / 'served'
    folder.mkdir()
    data = io.BytesIO()
    Image.new('RGB', (2, 2)).save(data, 'JPEG')
    script = (ROOT / 'examples' / 'fetch_inputs.sh').read_text()
    for name in re.search(r"^pictures='(.*?)'", script, re.M | re.S)[1].split():
        (folder / name).write_bytes(data.getvalue())
    with running(folder_server(folder)) as address:
        yield folder, address


def fetch(script, address):
    return subprocess.run(
        ['sh', script, '--mirror', address], capture_output=True, text=True, timeout=60
    )


@pytest.mark.skipif(not (shutil.which('curl') or shutil.which('wget')), reason='no curl, no wget')
def test_fetch_inputs_gets_every_picture(script, server, tmp_path):
    folder, address = server
    done = fetch(script, address)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].startswith('fetch_inputs.sh: all 13 pictures are in ')
    fetched = {path.name for path in (tmp_path / 'examples' / 'inputs').iterdir()}
    assert fetched == {path.name for path in folder.iterdir()}
    assert 'tubingen.jpg: already here' in fetch(script, address).stdout


@pytest.mark.skipif(not (shutil.which('curl') or shutil.which('wget')), reason='no curl, no wget')
def test_fetch_inputs_refuses_files_that_are_no_pictures(script, server, tmp_path):
    folder, address = server
    (folder / 'tubingen.jpg').write_text('<html>moved</html>')
    (folder / 'shipwreck.jpg').unlink()
    done = fetch(script, address)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith('not fetched: shipwreck.jpg tubingen.jpg')
    fetched = {path.name for path in (tmp_path / 'examples' / 'inputs').iterdir()}
    assert len(fetched) == 11
    assert not fetched & {'tubingen.jpg', 'shipwreck.jpg'}
