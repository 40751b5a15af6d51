"""Every video is read as it is shown, or refused with a reason."""

from fractions import Fraction

import numpy as np
import pytest
from clips import frames, picture, turn, write_clip, write_sound

from neural_style.errors import SettingError
from neural_style.video.clip import Selection
from neural_style.video.decoding import open_video

av = pytest.importorskip('av', reason='needs PyAV, of the extra [video]')


def encode(path, codec, pixel_format, count=3, **options):
    with av.open(str(path), 'w') as output:
        stream = output.add_stream(codec, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = 64, 48, pixel_format
        for number in range(count):
            frame = av.VideoFrame.from_ndarray(picture(number), format='rgb24')
            frame.pts, frame.time_base = number, Fraction(1, 25)
            if codec != 'png':
                frame = frame.reformat(format=pixel_format, dst_colorspace='ITU601')
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def test_selection_takes_every_nth_frame_of_a_part(tmp_path):
    path = write_clip(tmp_path / 'clip.mp4', count=12)
    selection = Selection(Fraction(2, 25), Fraction(9, 25), 3)
    clip = open_video(str(path), selection)
    assert [(f.number, f.time * 25) for f in clip.frames()] == [(1, 2), (2, 5), (3, 8)]
    assert clip.count == 3


def test_clip_can_be_read_again(tmp_path):
    clip = open_video(str(write_clip(tmp_path / 'clip.mp4')), Selection())
    assert len(list(clip.frames())) == len(list(clip.frames())) == clip.count == 5


def test_turned_video_is_read_upright(tmp_path):
    path = write_clip(tmp_path / 'clip.mp4')
    turn(path)
    pixels = next(open_video(str(path), Selection()).frames()).pixels
    expected = np.rot90(picture(0), -1)
    assert pixels.shape == expected.shape == (64, 48, 3)
    assert np.abs(pixels.astype(int) - expected).mean() < 6


def test_ten_bits_are_read_as_sixteen(tmp_path):
    path = encode(tmp_path / 'clip.mkv', 'libx265', 'yuv420p10le')
    frame = next(open_video(str(path), Selection()).frames())
    assert frame.pixels.dtype == np.uint16
    assert np.abs(frame.image()[:, 30, 50].numpy() - [200 / 255, 0, 0]).max() < 0.02


def test_alpha_plane_is_left_out(tmp_path):
    path = encode(tmp_path / 'clip.mkv', 'ffv1', 'yuva420p')
    assert next(open_video(str(path), Selection()).frames()).pixels.shape == (48, 64, 3)


def test_single_frame_is_a_clip(tmp_path):
    path = write_clip(tmp_path / 'clip.mp4', count=1)
    assert len(list(open_video(str(path), Selection()).frames())) == 1


def test_sound_alone_is_refused(tmp_path):
    path = write_sound(tmp_path / 'sound.mp4', av)
    with pytest.raises(SettingError, match='only sound'):
        open_video(str(path), Selection())


@pytest.mark.parametrize('content', [b'', b'no video', b'\0\0\0\x18ftypisom'])
def test_file_that_is_no_video_is_refused(content, tmp_path):
    path = tmp_path / 'clip.mp4'
    path.write_bytes(content)
    with pytest.raises(SettingError, match='not a video that can be read'):
        open_video(str(path), Selection())


def test_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match='clip.mp4: no such file'):
        open_video(str(tmp_path / 'clip.mp4'), Selection())


def test_damaged_packets_are_left_out_with_a_warning(tmp_path, caplog):
    path = encode(tmp_path / 'clip.mov', 'png', 'rgb24', count=6)
    content = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        data = bytes(list(container.demux(video=0))[3])
    start = content.index(data)
    content[start : start + len(data)] = bytes(len(data))
    path.write_bytes(content)
    times = [frame.time * 25 for frame in open_video(str(path), Selection()).frames()]
    assert times == [0, 1, 2, 4, 5]
    assert '1 damaged packets left out' in caplog.text


def test_file_that_ends_in_the_middle_is_read_up_to_there(tmp_path):
    path = encode(tmp_path / 'clip.mkv', 'ffv1', 'yuv420p', count=6)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    count = len(list(open_video(str(path), Selection()).frames()))
    assert 1 <= count < 6


def test_end_before_the_start_is_refused():
    with pytest.raises(SettingError, match='after 2 s'):
        Selection(Fraction(2), Fraction(1))


def test_frames_are_decoded_one_at_a_time(tmp_path):
    reading = open_video(str(write_clip(tmp_path / 'clip.mp4', count=9)), Selection()).frames()
    assert next(reading).number == 1
    assert len(frames(9)) == 9 and next(reading).number == 2
    reading.close()
