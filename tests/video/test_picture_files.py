"""Pictures on disk are a clip: numbered, in a folder, or in one animated file."""

import os
from fractions import Fraction

import numpy as np
import PIL.Image
import pytest
from clips import frames, picture

from neural_style.errors import SettingError
from neural_style.video.animations import write_animation
from neural_style.video.clip import Selection
from neural_style.video.opening import is_video, open_clip
from neural_style.video.picture_files import is_animation, is_pattern, numbered

RATE = Fraction(10)


def read(path):
    return np.asarray(PIL.Image.open(path).convert('RGB'))


def open_here(path, **selection):
    return open_clip(str(path), Selection(**selection), RATE, read)


def save(folder, names):
    for name in names:
        PIL.Image.fromarray(picture(1)).save(folder / name)


@pytest.mark.parametrize(
    'path, expected',
    [('a_%04d.png', True), ('a%d.png', True), ('%d/a.png', False), ('50%.png', False)],
)
def test_pattern_has_one_number_in_its_name(path, expected):
    assert is_pattern(path) is expected


def test_number_of_a_pattern_is_filled_in():
    assert numbered('out_%04d.png', 17) == 'out_0017.png'


def test_pattern_takes_its_own_numbers_in_their_order(tmp_path):
    save(tmp_path, ['a_0002.png', 'a_0010.png', 'a_0003.png', 'a_4.png', 'b_0001.png'])
    clip = open_here(tmp_path / 'a_%04d.png')
    assert [(f.number, f.time) for f in clip.frames()] == [(2, 0), (3, 1 / RATE), (10, 2 / RATE)]
    assert (clip.count, clip.format.rate) == (3, RATE)


def test_folder_is_sorted_by_numbers(tmp_path):
    save(tmp_path, ['p10.png', 'p9.png', 'p1.png'])
    (tmp_path / 'notes.txt').write_text('')
    assert [f.number for f in open_here(tmp_path).frames()] == [1, 2, 3]
    assert open_here(tmp_path, every=2).count == 2


def test_broken_picture_in_the_middle_is_left_out(tmp_path, caplog):
    save(tmp_path, ['a1.png', 'a2.png', 'a3.png'])
    (tmp_path / 'a2.png').write_bytes(b'\x89PNG')
    assert [f.number for f in open_here(tmp_path / 'a%d.png').frames()] == [1, 3]
    assert 'the frame is left out' in caplog.text


def test_pattern_without_pictures_is_refused(tmp_path):
    with pytest.raises(SettingError, match='there are no such pictures'):
        open_here(tmp_path / 'a%d.png')


def test_pictures_of_two_sizes_are_refused(tmp_path):
    save(tmp_path, ['a1.png'])
    PIL.Image.new('RGB', (5, 5)).save(tmp_path / 'a2.png')
    with pytest.raises(SettingError, match='not of the size of the first frame'):
        list(open_here(tmp_path / 'a%d.png').frames())


@pytest.mark.parametrize('suffix', ['.gif', '.webp'])
def test_animation_comes_back_with_its_times(suffix, tmp_path):
    path = tmp_path / f'clip{suffix}'
    write_animation(str(path), frames(4, rate=12), Fraction(12))
    assert is_animation(str(path)) and not is_video(str(path))
    read_back = list(open_here(path).frames())
    assert [round(float(f.time), 2) for f in read_back] == [0, 0.08, 0.17, 0.25]
    assert np.abs(read_back[3].pixels.astype(int) - picture(3)).mean() < 4


def test_transparent_animation_is_laid_on_white(tmp_path):
    pictures = [PIL.Image.new('RGBA', (4, 4), (255, 0, 0, alpha)) for alpha in (0, 255)]
    path = tmp_path / 'clip.webp'
    pictures[0].save(path, save_all=True, append_images=pictures[1:], lossless=True, duration=50)
    colors = [tuple(frame.pixels[0, 0].tolist()) for frame in open_here(path).frames()]
    assert colors == [(255, 255, 255), (255, 0, 0)]


def test_picture_is_no_video(tmp_path):
    save(tmp_path, ['a.png'])
    assert not is_video(str(tmp_path / 'a.png')) and not is_animation(str(tmp_path / 'a.png'))
    assert is_video('clip.MP4')


@pytest.mark.skipif(not hasattr(os, 'mkfifo'), reason='needs named pipes')
def test_pipe_is_not_read_to_tell_what_it_is(tmp_path):
    os.mkfifo(tmp_path / 'pipe')  # opening it would wait for ever
    assert not is_video(str(tmp_path / 'pipe')) and not is_animation(str(tmp_path / 'pipe'))
