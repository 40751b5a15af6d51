"""Scenes of a video that several processes share: every frame is that of one process."""

import os
import shlex
import signal
import time

import pytest
from clips_written import outputs, same
from PIL import Image
from small_runs import script
from written import files

from neural_style.command.process import main
from neural_style.command.video_scenes import shared
from neural_style.torch7.image import to_bytes
from tools.drawing.sequences import sequence

pytest.importorskip('cv2', reason='needs OpenCV, of the extra [video]')
FLAGS = '-num_iterations 3,2 -noise_scale 20 -flow_relative_indices 1,2 -print_iter 0'
TWO = '-gpu -1,-1 -parallel scenes'


@pytest.fixture
def scenes(tmp_path):
    """Write three scenes of four, two and three frames; returns their pattern."""
    shots = [('pan', 4), ('zoom', 2), ('occluder', 3)]
    frames = [sequence(name, 36, 48).frame(time) for name, count in shots for time in range(count)]
    for number, frame in enumerate(frames, start=1):
        Image.fromarray(to_bytes(frame)).save(tmp_path / f'f{number}.png')
    return 'f%d.png'


def test_longest_scenes_are_shared_first():
    assert shared([4, 9, 3, 0, 5], 2, (10, 10)) == [{1, 2}, {0, 4}]
    assert shared([2, 2], 3, (10, 5)) == [{0}, {1}, set()]


def test_first_frames_of_scenes_weigh_more():
    assert shared([4, 1, 1, 1], 2, (100, 1)) == [{0, 3}, {1, 2}]


def test_scenes_are_those_of_a_video(command, capsys, numbered):
    assert command('-parallel scenes') == 1
    assert '-parallel scenes: shares the scenes of a video' in capsys.readouterr().err
    flags = f'-content_image {numbered(2)} -output_image out_%d.png -parallel scenes'
    assert command(f'{flags} -num_passes 2') == 1
    assert '-parallel scenes: paints each frame once' in capsys.readouterr().err


@pytest.mark.slow
def test_processes_that_share_scenes_paint_the_frames_of_one(command, scenes, forked_processes):
    flags = f'-content_image {scenes} {FLAGS}'
    assert command(f'{flags} -output_image out_%d.png') == 0
    expected = outputs()
    for name in expected:
        os.remove(name)
    assert command(f'{flags} -output_image out_%d.png {TWO}') == 0
    assert same(outputs(), expected) and len(expected) == 9
    assert not [name for name in files() if name.endswith('.frames')]


@pytest.mark.slow
@pytest.mark.parametrize('flags', ['', '-gpu -1 -parallel layers'])
def test_killed_processes_go_on_to_the_same_frames(
    command, scenes, data, flags, forked, forked_processes
):
    inputs = f'-content_image {scenes} {FLAGS} -output_image out_%d.png'
    assert command(inputs) == 0
    expected = outputs()
    for name in expected:
        os.remove(name)
    words = [*map(str, script(data)), *shlex.split(f'{inputs} -image_size 48 -seed 1 {TWO}')]
    process = forked(words)
    while sum(name.endswith('.png') for name in files() if name.startswith('out_')) < 2:
        assert process.poll() is None
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    time.sleep(1)  # until those that it has started are gone as well, and their claims
    assert main(['-resume', 'out_%d.frames', *flags.split()]) == 0
    assert same(outputs(), expected) and len(expected) == 9
