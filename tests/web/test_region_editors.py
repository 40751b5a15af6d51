"""Pictures come into the editors upright and small, and what cannot be decoded not at all."""

import pytest
from PIL import Image
from samples import DATA

pytest.importorskip('gradio', reason='needs the extra [web]')
from neural_style.web.region_editors import LONGEST_SIDE, editable  # noqa: E402

BYTES = 1 << 20


def test_editor_gets_a_small_upright_picture(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    Image.new('RGB', (3000, 1500)).save(tmp_path / 'camera.jpg', exif=exif)
    with Image.open(editable(BYTES, str(tmp_path / 'camera.jpg'))) as picture:
        assert picture.size == (LONGEST_SIDE // 2, LONGEST_SIDE)


def test_editor_stays_empty_for_a_damaged_picture(tmp_path):
    content = (DATA / 'inputs' / 'scene_64.png').read_bytes()
    (tmp_path / 'damaged.png').write_bytes(content[: len(content) // 2])
    assert editable(BYTES, str(tmp_path / 'damaged.png')) is None
    assert editable(BYTES, None) is None
