"""The pictures of a folder or list, and what is left out."""

import os

import pytest
from stored_images import random_image, stored

from neural_style.command.folders import batch_pictures


def names(pictures):
    return [os.path.basename(path) for path in pictures.paths]


@pytest.fixture
def in_folder(tmp_path, monkeypatch):
    """Write files into a folder; returns its pictures."""
    monkeypatch.chdir(tmp_path)
    os.mkdir('in')

    def write(**contents):
        for name, content in contents.items():
            (tmp_path / 'in' / name).write_bytes(content)
        return batch_pictures('in', 'out/o.png')

    return write


def test_pictures_are_known_by_name_or_content(in_folder, tmp_path):
    picture = stored(tmp_path, random_image()).read_bytes()
    contents = dict.fromkeys(('A.JPG', 'b.jfif', 'c.jpe', 'no_extension', 'e.download'), picture)
    contents |= dict.fromkeys(('f.avif', 'g.HEIC', 'h.jp2', 'i.psd', 'j.qoi', 'zero.png'), b'')
    pictures = in_folder(**contents)
    assert names(pictures) == sorted(contents)
    assert pictures.remark() == ''


@pytest.mark.parametrize(
    ('name', 'reason'),
    [
        ('IMG_1.CR2', 'IMG_1.CR2 (raw data of a camera)'),
        ('a.svg', 'a.svg (vector graphics)'),
        ('a.jxl', 'a.jxl (a format not read)'),
        ('notes.txt', 'notes.txt (no pictures)'),
        ('.hidden.png', '.hidden.png (hidden)'),
    ],
)
def test_what_is_left_out_is_named(in_folder, tmp_path, name, reason):
    content = stored(tmp_path, random_image()).read_bytes() if 'hidden' in name else b'text'
    pictures = in_folder(**{name: content})
    assert names(pictures) == []
    assert pictures.remark() == f'left out: {reason}'


def test_files_of_the_system_are_left_out_in_silence(in_folder):
    contents = dict.fromkeys(('.DS_Store', 'Thumbs.db', 'desktop.ini', '._a.jpg'), b'\0\5\26\7')
    pictures = in_folder(**contents)
    assert names(pictures) == [] and pictures.remark() == ''


def test_other_files_are_counted_when_there_are_many(in_folder):
    pictures = in_folder(**{f'{number:02}.xmp': b'' for number in range(12)})
    assert pictures.remark().endswith('08.xmp, 09.xmp and 2 more (no pictures)')


def test_remarks_are_one_line_whatever_the_names(in_folder):
    assert in_folder(**{'a\nb.xmp': b''}).remark() == 'left out: a\\nb.xmp (no pictures)'


def test_links_are_followed_and_folders_are_not(in_folder, tmp_path):
    stored(tmp_path, random_image(), name='target.png')
    os.symlink(tmp_path / 'target.png', 'in/link.png')
    os.symlink(tmp_path / 'nowhere.png', 'in/broken.png')
    os.makedirs('in/sub.png')
    os.mkfifo('in/pipe.png')
    pictures = in_folder()
    assert names(pictures) == ['broken.png', 'link.png']
    assert pictures.remark() == 'left out: pipe.png (not a regular file), sub.png (a folder)'


def test_the_folder_of_the_output_is_no_left_out_folder(in_folder, tmp_path):
    os.mkdir('in/out')
    in_folder()
    assert batch_pictures('in', 'in/out/o.png').remark() == ''
    assert batch_pictures('in', 'in/out').remark() == ''


def test_results_that_hold_no_recipe_are_known_by_name(in_folder):
    in_folder(**{'a.jpg': b'', 'o_a.ppm': b'', 'o_b.ppm': b''})
    pictures = batch_pictures('in', 'in/o.ppm')
    assert names(pictures) == ['a.jpg', 'o_b.ppm']


@pytest.mark.parametrize('encoding', ['utf-8', 'utf-8-sig', 'utf-16'])
def test_lists_are_read_as_windows_writes_them(tmp_path, encoding):
    path = tmp_path / 'list.txt'
    path.write_bytes('tübingen.jpg\r\n\r\nb c.png\r\n'.encode(encoding))
    assert batch_pictures(str(path), 'out.png').paths == ['tübingen.jpg', 'b c.png']


def test_a_picture_that_is_listed_twice_is_painted_once(tmp_path):
    path = tmp_path / 'list.txt'
    path.write_text('a.png\nb.png\na.png\n')
    pictures = batch_pictures(str(path), 'out.png')
    assert pictures.paths == ['a.png', 'b.png']
    assert pictures.remark() == 'left out: a.png (listed twice)'


@pytest.mark.parametrize(
    'text',
    [
        'a.png\nsub/b.png\n',  # the current folder's
        '# mine\n\n  "a.png" \r\n\'sub/b.png\'\n#\n',
        '~/a.png\nsub/b.png',
    ],
)
def test_list_may_have_comments_and_quotes(tmp_path, monkeypatch, text):
    monkeypatch.setenv('HOME', str(tmp_path))
    monkeypatch.chdir(tmp_path)
    os.mkdir('sub')
    for path in ('a.png', 'sub/b.png'):
        stored(tmp_path, random_image(), name=path)
    (tmp_path / 'list.txt').write_text(text)
    paths = batch_pictures('list.txt', 'o.png').paths
    assert [os.path.relpath(path) for path in paths] == ['a.png', 'sub/b.png']


def test_list_names_pictures_beside_it_as_well(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.mkdir('sub')
    for path in ('sub/a.png', 'sub/#b.png'):
        stored(tmp_path, random_image(), name=path)
    (tmp_path / 'sub' / 'list.txt').write_text('a.png\n#b.png\nmissing.png\n')
    paths = batch_pictures('sub/list.txt', 'o.png').paths
    assert paths == ['sub/a.png', 'sub/#b.png', 'missing.png']


@pytest.mark.parametrize(
    ('content', 'problem'),
    [(None, 'no such file'), (b'\xff\xd8', 'neither UTF-8'), ('picture', 'a picture, and no list')],
)
def test_list_that_is_none_is_refused(tmp_path, content, problem):
    path = tmp_path / 'list.txt'
    if content == 'picture':
        stored(tmp_path, random_image(), name='list.txt')
    elif content is not None:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=f'-content_image {path}: .*{problem}'):
        batch_pictures(str(path), 'o.png')
