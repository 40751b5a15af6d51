"""-content_regions of a video: one picture for all frames, or masks for each."""

import os

import numpy as np
import pytest
from PIL import Image

from neural_style.command import frames
from neural_style.transfer.stylize import stylize

pytest.importorskip('cv2', reason='needs OpenCV, of the extra [video]')
FLAGS = '-num_iterations 1 -print_iter 0 -output_image out_%d.png'


@pytest.fixture
def regions(monkeypatch):
    """Note the regions of every frame that is painted."""
    noted = []

    def traced(cnn, content, styles, **keywords):
        noted.append(keywords['content_regions'])
        return stylize(cnn, content, styles, **keywords)

    monkeypatch.setattr(frames, 'stylize', traced)
    return noted


def write_mask(path, columns):
    """Write a mask (36, 48) that is white in its first columns."""
    mask = np.zeros((36, 48), np.uint8)
    mask[:, :columns] = 255
    Image.fromarray(mask).save(path)


def test_picture_of_regions_is_that_of_all_frames(command, capsys, numbered, regions):
    write_mask('m.png', 24)
    assert command(f'-content_image {numbered(2)} {FLAGS} -content_regions m.png') == 0
    assert [region.name for region in regions] == ['m.png', 'm.png']
    assert capsys.readouterr().err.count('the regions are, in this order') == 1


def test_each_frame_has_masks_of_its_number(command, numbered, regions):
    for number, columns in ((1, 32), (2, 16)):
        write_mask(f'm_{number:02}.png', columns)
    write_mask('all.png', 48)
    flags = f'-content_image {numbered(2)} {FLAGS} -content_regions m_%02d.png,all.png'
    assert command(flags) == 0
    moving, still = zip(*regions, strict=True)
    assert [round(float(mask.map.mean()) * 48) for mask in moving] == [32, 16]
    assert [mask.name for mask in still] == ['all.png', 'all.png']


def test_missing_mask_is_named_before_a_frame_is_painted(command, capsys, numbered, regions):
    write_mask('m_1.png', 24)
    write_mask('all.png', 48)
    flags = f'-content_image {numbered(2)} {FLAGS} -content_regions m_%d.png,all.png'
    assert command(flags) == 1
    assert 'there is no m_2.png, for frame 2' in capsys.readouterr().err
    assert regions == [] and not os.path.exists('out_%d.frames')


def test_order_of_colours_that_may_change_is_refused(command, capsys, numbered):
    write_mask('m_1.png', 24)
    write_mask('m_2.png', 24)
    assert command(f'-content_image {numbered(2)} {FLAGS} -content_regions m_%d.png') == 1
    assert 'colours may come in another order in another frame' in capsys.readouterr().err
