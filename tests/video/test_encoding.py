"""Videos are written as they were read: times, colours, sound."""

from fractions import Fraction

import numpy as np
import pytest
from clips import frames, last_sound, picture, write_clip, write_sound

from neural_style.video.clip import ClipFormat, Selection
from neural_style.video.decoding import open_video
from neural_style.video.encoding import Sound, encode_video, unsupported_sound

av = pytest.importorskip('av', reason='needs PyAV, of the extra [video]')


def read(path, **selection):
    return list(open_video(str(path), Selection(**selection)).frames())


@pytest.mark.parametrize('suffix', ['.mp4', '.mov', '.m4v', '.mkv', '.webm'])
def test_video_comes_back_in_every_container(suffix, tmp_path):
    path = write_clip(tmp_path / f'clip{suffix}')
    read_back = read(path)
    assert [frame.time for frame in read_back] == [Fraction(i, 25) for i in range(5)]
    error = np.abs(read_back[4].pixels.astype(int) - picture(4))
    assert error.mean() < 6  # half of the colours' resolution is lost at the edges


def test_video_is_h264_by_default(tmp_path):
    with av.open(str(write_clip(tmp_path / 'clip.mp4'))) as container:
        context = container.streams.video[0].codec_context
        assert (context.name, context.pix_fmt) == ('h264', 'yuv420p')


def test_time_stamps_of_a_variable_rate_are_kept(tmp_path):
    times = [Fraction(i * i, 100) for i in range(5)]
    pairs = [(time + 7, picture(i)) for i, time in enumerate(times)]
    clip_format = ClipFormat(Fraction(25), Fraction(1, 1000))
    encode_video(str(tmp_path / 'clip.mp4'), pairs, clip_format)
    assert [frame.time for frame in read(tmp_path / 'clip.mp4')] == times


@pytest.mark.parametrize('color_range', [1, 2])
@pytest.mark.parametrize('colorspace', [1, 6])
def test_colours_are_kept_in_every_space_and_range(colorspace, color_range, tmp_path):
    path = tmp_path / 'clip.mp4'
    clip_format = ClipFormat(Fraction(25), colorspace=colorspace, color_range=color_range)
    encode_video(str(path), frames(2), clip_format, crf=5)
    clip = open_video(str(path), Selection())
    assert (clip.format.colorspace, clip.format.color_range) == (colorspace, color_range)
    pixels = next(clip.frames()).pixels.astype(int)
    assert np.abs(pixels[30, 50] - [200, 0, 0]).max() <= 2
    assert np.abs(pixels[30, 5] - [200, 150, 0]).max() <= 2


def test_odd_sides_are_padded_with_their_last_pixels(tmp_path):
    path = write_clip(tmp_path / 'clip.mp4', height=47, width=63)
    pixels = read(path)[0].pixels.astype(int)
    assert pixels.shape == (48, 64, 3)
    assert np.abs(pixels[47] - pixels[46]).max() <= 3


def test_better_quality_takes_more_bytes(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8)
    sizes = []
    for crf in (40, 10):
        path = tmp_path / f'{crf}.mp4'
        encode_video(str(path), [(Fraction(0), noise)], ClipFormat(Fraction(25)), crf=crf)
        sizes.append(path.stat().st_size)
    assert sizes[0] < sizes[1] / 2


def test_sound_is_copied_from_the_first_frame_to_the_end(tmp_path):
    source = write_sound(tmp_path / 'source.mp4', av, seconds=2)
    sound = Sound(str(write_sound(source, av, seconds=2, pictures=20)), Fraction(1), Fraction(3, 2))
    pairs = [(1 + time, pixels) for time, pixels in frames(5, rate=10, height=32, width=32)]
    encode_video(str(tmp_path / 'out.mp4'), pairs, ClipFormat(Fraction(10)), sound=sound)
    start, end, codec = last_sound(tmp_path / 'out.mp4', av)
    assert codec == 'aac'
    assert 0 <= start < 0.1 and 0.4 < end < 0.5


def test_sound_that_a_container_cannot_hold_is_named(tmp_path):
    source = write_sound(tmp_path / 'source.mp4', av, pictures=2)
    assert unsupported_sound(str(source), 'out.webm') == ['aac']
    assert unsupported_sound(str(source), 'out.mkv') == []


def test_disk_that_refuses_is_an_os_error(tmp_path):
    with pytest.raises(OSError, match='No such file or directory'):
        write_clip(tmp_path / 'nowhere' / 'clip.mp4')
