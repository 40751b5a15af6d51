"""Uploaded pictures: what is taken, and under which name."""

import struct
import zlib

import pytest
from PIL import Image
from samples import DATA

from neural_style.web import uploads
from neural_style.web.job import create

MEGABYTE = 1 << 20


@pytest.fixture
def job(tmp_path):
    return create(tmp_path)


def bomb(path, side):
    """Write the head of a PNG that has many pixels."""

    def chunk(name, content):
        checksum = struct.pack('>I', zlib.crc32(name + content))
        return struct.pack('>I', len(content)) + name + content + checksum

    header = chunk(b'IHDR', struct.pack('>IIBBBBB', side, side, 8, 2, 0, 0, 0))
    path.write_bytes(b'\x89PNG\r\n\x1a\n' + header + chunk(b'IDAT', zlib.compress(b'')))


def test_picture_is_copied_under_its_name(job):
    assert uploads.keep(str(DATA / 'inputs' / 'scene.jpg'), job, 'content') == 'scene.jpg'
    assert job.file('scene.jpg').read_bytes() == (DATA / 'inputs' / 'scene.jpg').read_bytes()


@pytest.mark.parametrize('side', [8000, 30000, 2**31 - 1])
def test_decompression_bombs_are_refused(tmp_path, side):
    bomb(tmp_path / 'bomb.png', side)
    with pytest.raises(ValueError, match='too many pixels|no picture'):
        uploads.check(str(tmp_path / 'bomb.png'), MEGABYTE)


@pytest.mark.parametrize(
    'content', [b'', b'hello', b'<svg xmlns="http://www.w3.org/2000/svg"/>', b'%!PS-Adobe']
)
def test_files_that_are_no_pictures_are_refused_without_their_path(tmp_path, content):
    (tmp_path / 'x.png').write_bytes(content)
    with pytest.raises(ValueError, match='no picture') as error:
        uploads.check(str(tmp_path / 'x.png'), MEGABYTE)
    assert str(tmp_path) not in str(error.value)


def test_large_files_are_refused(tmp_path):
    Image.new('RGB', (900, 900)).save(tmp_path / 'large.bmp')
    with pytest.raises(ValueError, match='up to 1 are taken'):
        uploads.check(str(tmp_path / 'large.bmp'), MEGABYTE)


@pytest.mark.parametrize(
    ('name', 'expected'),
    [
        ('my holiday (1).JPG', 'my_holiday_1.jpg'),
        ('-content_image.png', 'content_image.png'),
        ('a,b;rm -rf.png', 'a_b_rm_-rf.png'),
        ('picture.png', 'content_picture.png'),
        ('....png', 'png'),
        ('写真.png', '写真.png'),
    ],
)
def test_names_mean_nothing_to_the_command(name, expected):
    assert uploads.safe_name(name, 'content') == expected
