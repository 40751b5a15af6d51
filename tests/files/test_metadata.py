"""Sound pictures are read whatever is wrong with their metadata."""

import io
import logging
import struct
import zlib

import numpy as np
import PIL.Image
import pytest
from PIL import ImageCms, PngImagePlugin
from stored_images import bytes_of, expected, random_image, stored

from neural_style.files import metadata, pillow
from neural_style.files.metadata import profile_of, without_metadata
from neural_style.torch7.image import load
from neural_style.transfer.image_files import read

MEGABYTE = 1 << 20


def chunk(name, data, checksum=None):
    checksum = zlib.crc32(name + data) if checksum is None else checksum
    return struct.pack('>I', len(data)) + name + data + struct.pack('>I', checksum)


def with_chunk(path, extra, behind_pixels=False):
    """Put a chunk into a PNG, before the pixels or behind them."""
    content = path.read_bytes()
    at = content.index(b'IEND' if behind_pixels else b'IDAT') - 4
    path.write_bytes(content[:at] + extra + content[at:])


LONG = zlib.compress(bytes(2 * MEGABYTE))
CHUNKS = {
    'long zTXt': chunk(b'zTXt', b'Comment\0\0' + LONG),
    'long iTXt': chunk(b'iTXt', b'XML:com.adobe.xmp\0\1\0\0\0' + LONG),
    'long iCCP': chunk(b'iCCP', b'profile\0\0' + LONG),
    'wrong checksum': chunk(b'tEXt', b'Comment\0text', checksum=1),
    'short pHYs': chunk(b'pHYs', b'\0'),
    'damaged zTXt': chunk(b'zTXt', b'Comment\0\0' + LONG[:-9]),
    'damaged iCCP': chunk(b'iCCP', b'profile\0\0not packed'),
    'short tRNS': chunk(b'tRNS', b'\0'),
    'many tEXt': 65 * chunk(b'tEXt', b'Comment\0' + bytes(MEGABYTE)),
}


@pytest.mark.parametrize('behind_pixels', [False, True])
@pytest.mark.parametrize('name', CHUNKS)
def test_chunks_that_pillow_refuses_are_ignored(tmp_path, caplog, name, behind_pixels):
    original = random_image()
    path = stored(tmp_path, original)
    with_chunk(path, CHUNKS[name], behind_pixels)
    for reader in (load, read):
        caplog.clear()
        assert np.array_equal(bytes_of(reader(path)), expected(original))
        assert len(caplog.records) <= 1
        for record in caplog.records:
            assert f'{path}: its metadata were ignored' in record.getMessage()
            assert record.levelno == logging.WARNING


def test_a_long_profile_is_used_all_the_same(tmp_path, caplog):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile('sRGB')).tobytes()
    swapped = profile.replace(b'rXYZ', b'?').replace(b'bXYZ', b'rXYZ').replace(b'?', b'bXYZ')
    long_profile = struct.pack('>I', 2 * MEGABYTE) + swapped[4:]
    long_profile += bytes(2 * MEGABYTE - len(long_profile))
    path = stored(tmp_path, PIL.Image.new('RGB', (8, 8), '#ff0000'))
    with_chunk(path, chunk(b'iCCP', b'profile\0\0' + zlib.compress(long_profile)))
    converted = bytes_of(read(path, icc_profile=True))[:, 0, 0]
    assert converted == pytest.approx([0, 0, 255], abs=3)


def test_what_belongs_to_the_pixels_is_kept(tmp_path):
    original = random_image().quantize(4)
    path = stored(tmp_path, original, transparency=b'\0\1\2\3', dpi=(7, 7))
    stripped = without_metadata(io.BytesIO(path.read_bytes()))
    with PIL.Image.open(stripped) as picture:
        assert picture.info == {'transparency': b'\0\1\2\3'}
        assert picture.tobytes() == original.tobytes()
    assert profile_of(stripped) is None and profile_of(io.BytesIO()) is None


def test_damaged_segments_of_a_jpeg_are_ignored(tmp_path):
    path = stored(tmp_path, random_image(mode='CMYK'), 'JPEG')
    expected_pixels = bytes_of(read(path))
    content = path.read_bytes()
    for segment in (b'\xff\xe0\0\7JFIF\0', b'\xff\xe1\0\12Exif\0\0II', b'\xff\xed\0\4ab'):
        path.write_bytes(content[:2] + segment + content[2:])
        assert np.array_equal(bytes_of(read(path)), expected_pixels)


def test_damaged_exif_data_are_told_where_they_were_asked_for(tmp_path, caplog):
    original = random_image()
    path = stored(tmp_path, original, exif=b'Exif\0\0MM\0*\0\0\xff\xffdamaged')
    assert np.array_equal(bytes_of(read(path)), expected(original))
    assert caplog.text == ''
    assert np.array_equal(bytes_of(read(path, exif_orientation=True)), expected(original))


def test_damaged_pixels_are_refused_with_their_own_reason(tmp_path, caplog):
    path = stored(tmp_path, random_image(size=(40, 40)), pnginfo=comment('text'))
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(ValueError, match='picture: damaged or unsupported PNG image'):
        read(path)
    assert caplog.text == ''


def test_a_picture_that_is_refused_for_its_size_is_not_read_again(tmp_path, monkeypatch):
    path = stored(tmp_path, random_image(), pnginfo=comment('text'))
    monkeypatch.setattr(metadata, 'without_metadata', lambda file: pytest.fail('copied'))
    monkeypatch.setattr(pillow, 'MAX_SOURCE_PIXELS', 9)
    with pytest.raises(ValueError, match='too many pixels: 7 x 5'):
        read(path)


def comment(text):
    info = PngImagePlugin.PngInfo()
    info.add_text('Comment', text)
    return info


@pytest.mark.parametrize('content', [b'', b'\x89PNG', b'\xff\xd8\xff', b'GIF89a', b'P6'])
def test_other_files_are_not_stripped(content):
    assert without_metadata(io.BytesIO(content)) is None


@pytest.mark.parametrize('mode', ['RGB', 'L', 'CMYK'])
def test_jpeg_without_its_end_marker_is_read(tmp_path, caplog, mode):
    path = stored(tmp_path, random_image(mode=mode, size=(40, 30)), 'JPEG')
    want, content = read(path), path.read_bytes()
    path.write_bytes(content[:-2])
    assert read(path).tolist() == want.tolist()
    assert f'{path}: it has all its pixels, but no marker at its end' in caplog.text


@pytest.mark.parametrize('progressive', [False, True])
@pytest.mark.parametrize('missing', [5, 20, 300])
def test_jpeg_without_its_last_pixels_is_refused(tmp_path, missing, progressive):
    image = random_image(size=(40, 30))
    path = stored(tmp_path, image, 'JPEG', progressive=progressive)
    path.write_bytes(path.read_bytes()[:-missing])
    with pytest.raises(ValueError, match='damaged or unsupported JPEG image'):
        read(path)
