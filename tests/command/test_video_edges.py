"""What comes into view in a video: painted at once in the style, before the evaluations."""

import numpy as np
import pytest
from written import forget_statistics, pixels

from neural_style import fast, load, save, scale
from neural_style.video.consistency import leaves
from neural_style.video.continuity import EDGE
from neural_style.video.flow import find_flow, view
from tools.drawing.sequences import sequence

pytest.importorskip('cv2', reason='needs OpenCV, of the extra [video]')
FLAGS = '-image_size 96 -num_iterations 1,1 -init image -temporal_weight 0 -output_image out_%d.png'
STEP = 12  # pixels by which the camera moves


@pytest.fixture
def pan(tmp_path, monkeypatch):
    """Write two frames of a camera that moves fast; return their pattern."""
    monkeypatch.chdir(tmp_path)
    picture = sequence('pan', 72, 96 + STEP).frame(0)
    for number in (1, 2):
        save(f'f{number}.png', picture[:, :, (number - 1) * STEP :][:, :, :96])
    return 'f%d.png'


def unseen():
    """Return where the flow of the second frame leads far out of the first one: (H, W)."""
    views = [view(number, load(f'f{number}.png')) for number in (2, 1)]
    mask = leaves(find_flow(*views), EDGE).numpy()
    assert 0.05 < mask.mean() < 0.2
    return mask


def at_once(data):
    """Return the second frame as -fast paints it: (H, W, 3), from 0 to 255."""
    style = scale(load(data / 'inputs' / 'strokes.jpg'), 96)
    return fast.paint(load('f2.png'), style).permute(1, 2, 0).numpy() * 255


def test_what_comes_into_view_begins_as_fast_paints_it(command, pan, data):
    assert command(f'-content_image {pan} {FLAGS}') == 0
    difference = np.abs(pixels('out_2.png') - at_once(data)).mean(2)
    assert difference[unseen()].mean() < 2 and difference[~unseen()].mean() > 5


def test_saved_style_paints_what_comes_into_view_or_continues_the_edge(command, pan, data):
    saved = '-save_style s.safetensors -output_image first.png'
    assert command(f'-content_image f1.png -image_size 96 -num_iterations 1 {saved}') == 0
    assert command(f'-content_image {pan} {FLAGS}') == 0
    expected = pixels('out_2.png')
    assert command(f'-content_image {pan} -style_image s.safetensors {FLAGS}') == 0
    assert np.array_equal(pixels('out_2.png'), expected)
    forget_statistics('s.safetensors')
    assert command(f'-content_image {pan} -style_image s.safetensors {FLAGS}') == 0
    new = unseen()[:, -2:].all(1)
    changes = [
        np.abs(np.diff(image[new, -2:].astype(float), axis=1)).mean()
        for image in (pixels('out_2.png'), at_once(data))
    ]
    assert new.mean() > 0.5 and changes[0] < 5 < changes[1]
