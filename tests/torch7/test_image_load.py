"""torch7/image.py against Torch7's image package: load.  All comparisons are exact."""

import io
import re

import numpy as np
import PIL.Image
import pytest
import torch
from image_bytes import PNG_SIGNATURE, bytes_of, png, write_bytes

from neural_style.torch7 import image


def test_load_equals_the_recordings(golden, recordings):
    for name, expected in recordings('image_load').items():
        loaded = image.load(golden / 'inputs' / name.removesuffix('_float64'))
        assert loaded.dtype == torch.float64
        assert loaded.is_contiguous()
        if expected.dtype != np.float64:
            expected = expected * (1 / (65535 if expected.dtype == np.uint16 else 255))
        assert np.array_equal(loaded.numpy(), expected), name


@pytest.mark.parametrize(
    'name',
    ['scene.jpg', 'scene_exif6.jpg', 'scene_64.png', 'png_named.jpg', 'harbour_palette.png']
    + ['grey_1bit.png', 'grey_gray.png', 'grey_gray.jpg', 'harbour_alpha.png', 'scene_48.ppm'],
)
def test_load_returns_the_stored_colours(data, name):
    with PIL.Image.open(data / 'inputs' / name) as picture:
        expected = np.asarray(picture.convert('RGB')).transpose(2, 0, 1)
    assert np.array_equal(bytes_of(image.load(data / 'inputs' / name)), expected)


def test_load_reads_cmyk_as_inverted_rgb(data):
    with PIL.Image.open(data / 'inputs' / 'harbour_cmyk.jpg') as picture:
        expected = 255 - np.asarray(picture).transpose(2, 0, 1)[:3]
    assert np.array_equal(bytes_of(image.load(data / 'inputs' / 'harbour_cmyk.jpg')), expected)


@pytest.mark.parametrize('name', ['strokes_rgb16.png', 'grey_gray16.png'])
def test_load_keeps_16_bits(data, name):
    values = bytes_of(image.load(data / 'inputs' / name), 65535)
    assert len(np.unique(values // 256)) > 10
    assert len(np.unique(values % 256)) > 10
    assert image.load(str(data / 'inputs' / name)).shape[0] == 3


@pytest.mark.parametrize('channels', [3, 4])
def test_load_undoes_every_filter_of_a_16_bit_png(tmp_path, channels):
    rng = np.random.default_rng(1)
    pixels = rng.integers(0, 65536, (5, 7, channels)).astype('>u2')
    step, previous, rows = 2 * channels, bytes(14 * channels), b''
    for filter_type, row in enumerate(pixels):
        line, out = row.tobytes(), bytearray([filter_type])
        for i, byte in enumerate(line):
            a, c = (line[i - step], previous[i - step]) if i >= step else (0, 0)
            b = previous[i]
            paeth = min((a, b, c), key=lambda value, p=a + b - c: abs(p - value))
            out.append((byte - (0, a, b, (a + b) // 2, paeth)[filter_type]) % 256)
        rows, previous = rows + out, line
    path = write_bytes(tmp_path, png(7, 5, 16, {3: 2, 4: 6}[channels], rows))
    expected = pixels[..., :3].transpose(2, 0, 1)
    assert np.array_equal(bytes_of(image.load(path), 65535), expected)


def test_load_reads_an_interlaced_16_bit_png(tmp_path):
    pixels = np.random.default_rng(1).integers(0, 65536, (13, 11, 3)).astype('>u2')
    passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2)]
    rows = b''
    for top, left, down, right in [*passes, (1, 0, 2, 1)]:
        rows += b''.join(b'\0' + row.tobytes() for row in pixels[top::down, left::right])
    path = write_bytes(tmp_path, png(11, 13, 16, 2, rows, interlace=1))
    assert np.array_equal(bytes_of(image.load(path), 65535), pixels.transpose(2, 0, 1))


def test_load_drops_the_transparency_of_a_palette(data, tmp_path):
    content = io.BytesIO()
    with PIL.Image.open(data / 'inputs' / 'harbour_palette.png') as picture:
        picture.save(content, 'PNG', transparency=bytes(range(100)))
    loaded = image.load(write_bytes(tmp_path, content.getvalue()))
    assert torch.equal(loaded, image.load(data / 'inputs' / 'harbour_palette.png'))


@pytest.mark.parametrize(
    'content, pixel',
    [
        (b'P6\n1 1\n255\n\x01\x02\x03', (1, 2, 3)),
        (b'P6 # a comment\n1 1\n255\n\x01\x02\x03', (1, 2, 3)),
        (b'P5\n1 1\n255\n\x4d', (77, 77, 77)),
        (b'P3\n1 1\n255\n1 2 3\n', (1, 2, 3)),
        (b'P2\n1 1\n255\n77\n', (77, 77, 77)),
        (b'P6\n1 1\n51\n\x00\x01\x33', (0, 5, 255)),
        (b'P5\n1 1\n65535\n\x80\x80', (128, 128, 128)),
    ],
)
def test_load_reads_every_kind_of_ppm(tmp_path, content, pixel):
    assert tuple(bytes_of(image.load(write_bytes(tmp_path, content))).ravel()) == pixel


@pytest.mark.parametrize(
    'name', ['scene.bmp', 'harbour_la.png', 'not_an_image.png'], ids=['bmp', 'grey-alpha', 'text']
)
def test_load_refuses_other_files_with_a_remedy(data, name):
    with pytest.raises(ValueError, match=rf'{name}: .*convert it to .*PNG or JPEG'):
        image.load(data / 'inputs' / name)


@pytest.mark.parametrize('file_format', ['GIF', 'WEBP', 'TIFF'])
def test_load_refuses_formats_that_pillow_could_read(tmp_path, file_format):
    content = io.BytesIO()
    PIL.Image.new('RGB', (4, 4)).save(content, file_format)
    with pytest.raises(ValueError, match='picture.png: not a JPEG, PNG or PPM image'):
        image.load(write_bytes(tmp_path, content.getvalue()))


@pytest.mark.parametrize('name', ['scene.jpg', 'scene_64.png', 'strokes_rgb16.png', 'scene_48.ppm'])
@pytest.mark.parametrize('part', [0.5, 0.001])
def test_load_refuses_a_truncated_file(data, tmp_path, name, part):
    content = (data / 'inputs' / name).read_bytes()
    path = write_bytes(tmp_path, content[: max(9, int(part * len(content)))])
    with pytest.raises(ValueError, match='picture.png: damaged or unsupported'):
        image.load(path)


@pytest.mark.parametrize('head', [b'\x89PNG', PNG_SIGNATURE, b'\xff\xd8\xff', b'P6', b'P5 hello'])
def test_load_refuses_a_bare_header(tmp_path, head):
    with pytest.raises(ValueError, match='picture.png: damaged or unsupported'):
        image.load(write_bytes(tmp_path, head))


@pytest.mark.parametrize('depth', [8, 16])
def test_load_refuses_a_decompression_bomb(tmp_path, depth):
    with pytest.raises(ValueError, match='picture.png: too many pixels'):
        image.load(write_bytes(tmp_path, png(60000, 60000, depth, 2, b'\0')))


def test_load_refuses_an_empty_file(tmp_path):
    with pytest.raises(ValueError, match='picture.png: not a JPEG, PNG or PPM'):
        image.load(write_bytes(tmp_path, b''))


def test_load_names_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'nosuch.png: no such image file'):
        image.load(tmp_path / 'nosuch.png')


def test_load_names_a_folder(tmp_path):
    with pytest.raises(OSError, match=re.escape(f'{tmp_path}: cannot read the image')):
        image.load(tmp_path)
