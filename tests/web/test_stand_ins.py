"""Pictures that stand for other files."""

from neural_style.web.stand_ins import new_stand_in, stands_for


def test_picture_stands_for_the_file_that_it_was_made_for(tmp_path, monkeypatch):
    monkeypatch.setenv('GRADIO_TEMP_DIR', str(tmp_path / 'page'))
    (tmp_path / 'clip.mp4').write_bytes(b'video')
    picture = new_stand_in(str(tmp_path / 'clip.mp4'))
    copy = stands_for(f'/another/folder/{picture.rpartition("/")[2]}')
    assert copy.endswith('clip.mp4')
    with open(copy, 'rb') as file:
        assert file.read() == b'video'


def test_other_pictures_stand_for_themselves(tmp_path, monkeypatch):
    monkeypatch.setenv('GRADIO_TEMP_DIR', str(tmp_path))
    for picture in (None, '/x/scene.jpg', f'/x/stand-in-{"0" * 32}.jpg'):
        assert stands_for(picture) == picture
