"""Videos for the page: what counts as one, and how long it may be."""

import pytest
from PIL import Image
from samples import DATA

from neural_style.web import clips
from neural_style.web.clips import ClipFacts, check_length, facts_of, inspect, is_clip_file


@pytest.fixture
def animation(tmp_path):
    """Return a GIF of four frames, 20 ms each."""
    first, *others = [Image.new('RGB', (64, 48), (60 * n, 0, 90)) for n in range(4)]
    path = tmp_path / 'clip.gif'
    first.save(path, save_all=True, append_images=others, duration=20)
    return str(path)


def test_animation_is_a_clip_and_a_picture_is_none(animation):
    assert is_clip_file(animation)
    assert not is_clip_file(str(DATA / 'inputs' / 'scene.jpg'))


@pytest.mark.parametrize(
    'content', [b'', b'#EXTM3U\n/etc/passwd\n', b"ffconcat version 1.0\nfile '/etc/passwd'\n"]
)
def test_playlists_are_no_clips_whatever_their_names_say(tmp_path, content):
    (tmp_path / 'clip.mp4').write_bytes(content)
    assert not is_clip_file(str(tmp_path / 'clip.mp4'))


def test_flags_choose_the_frames_that_are_counted(animation, tmp_path):
    picture = tmp_path / 'first.jpg'
    assert facts_of(animation, str(picture), 9, []) == {'frames': 4, 'size': [64, 48]}
    assert facts_of(animation, str(picture), 9, ['-every', '2'])['frames'] == 2
    with Image.open(picture) as first:
        assert first.size == (64, 48)


def test_problems_name_no_folder(animation, tmp_path):
    problem = facts_of(animation, str(tmp_path / 'x.jpg'), 9, ['-start', '5'])['problem']
    assert 'no frame' in problem
    problem = facts_of(str(tmp_path / 'none.mp4'), str(tmp_path / 'x.jpg'), 9, [])['problem']
    assert 'none.mp4' in problem and str(tmp_path) not in problem


def test_long_clips_are_refused_with_the_remedy():
    check_length(ClipFacts(300, (64, 48)), 300)
    with pytest.raises(ValueError, match='301 frames, and up to 300 .* -every 2'):
        check_length(ClipFacts(301, (64, 48)), 300)


def test_missing_extra_is_named(animation, tmp_path, monkeypatch):
    monkeypatch.setattr(clips, 'LIBRARIES', ('no_such_library',))
    with pytest.raises(ValueError, match=r'neural-style-caffe\[video\]'):
        inspect(animation, str(tmp_path / 'x.jpg'), 9)


@pytest.mark.parametrize(
    ('flags', 'message'),
    [
        (['-fast', '-content_regions', 'content_regions.png'], '-fast paints regions of pictures'),
        (['-style_size_by', 'height'], 'side or width'),
    ],
)
def test_flags_are_refused_before_a_frame_is_painted(animation, tmp_path, flags, message):
    problem = facts_of(animation, str(tmp_path / 'x.jpg'), 9, flags)['problem']
    assert message in problem and '`' not in problem
