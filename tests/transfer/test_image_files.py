"""Image files: the formats, and lists of names."""

import struct

import numpy as np
import PIL.Image
import pytest
import torch
from image_bytes import png
from stored_images import NASTY, bytes_of, expected, nasty, random_image, stored, tiff

from neural_style.torch7.image import load
from neural_style.transfer.image_files import read


@pytest.mark.parametrize(
    'name, entry', [case for case in nasty() if 'pil_rgb_mean' in case.values[1] or case.marks]
)
def test_read_gives_the_mean_colour_of_the_corpus(name, entry):
    mean = read(NASTY / name).mean((1, 2)).numpy() * 255
    known = [np.array(entry[key]) for key in ('pil_rgb_mean', 'cv2_rgb_mean') if key in entry]
    # Palettes with transparency: Pillow's mean is that of a conversion that drops colours.
    assert min(np.abs(mean - value).max() for value in known) < 2.5


@pytest.mark.parametrize('image_format', ['BMP', 'GIF', 'ICO', 'TGA', 'TIFF', 'WEBP'])
def test_read_knows_formats_that_torch7_lacked(tmp_path, image_format):
    original = random_image(size=(16, 16))
    path = stored(
        tmp_path, original, image_format, **({'lossless': True} if image_format == 'WEBP' else {})
    )
    with PIL.Image.open(path) as image:
        assert np.array_equal(bytes_of(read(path)), expected(image))
    if image_format != 'GIF':
        assert np.array_equal(bytes_of(read(path)), expected(original))


@pytest.mark.parametrize(
    'name', ['scene.jpg', 'strokes_rgb16.png', 'harbour_cmyk.jpg', 'harbour_alpha.png']
)
def test_read_agrees_with_torch7_on_its_formats(data, name):
    path = data / 'inputs' / name
    assert torch.equal(read(path), load(path))


def test_read_drops_alpha_of_grey(data):
    with PIL.Image.open(data / 'inputs' / 'harbour_la.png') as image:
        grey = np.asarray(image)[..., 0]
    assert (bytes_of(read(data / 'inputs' / 'harbour_la.png')) == grey).all()


def test_read_takes_the_high_bytes_of_grey_with_alpha_at_16_bits(tmp_path):
    path = tmp_path / 'picture.png'
    path.write_bytes(png(2, 1, 16, 4, b'\0' + bytes([100, 200, 255, 255, 7, 0, 0, 0])))
    assert bytes_of(read(path, alpha=True))[:, 0].T.tolist() == [
        [100, 100, 100, 255],
        [7, 7, 7, 0],
    ]


@pytest.mark.parametrize('image_format', ['BMP', 'GIF', 'PNG', 'TIFF'])
def test_read_refuses_a_decompression_bomb_by_its_header(tmp_path, image_format):
    path = stored(tmp_path, PIL.Image.new('L', (300, 300)), image_format)
    content = path.read_bytes()
    for form in ('HH', 'II', 'H', 'I'):  # as the formats store sizes; TIFF has one at a time
        old, new = (struct.pack('<' + form, *[side] * len(form)) for side in (300, 50000))
        content = content.replace(old, new)
    if image_format == 'PNG':
        content = png(50000, 50000, 8, 0, b'\0')
    path.write_bytes(content)
    with pytest.raises(ValueError, match='picture: too many pixels'):
        read(path)


def test_read_refuses_a_small_file_of_very_many_pixels(tmp_path):
    rows = b'\0' * (1 + 13000 // 8) * 13000
    path = tmp_path / 'picture'
    path.write_bytes(png(13000, 13000, 1, 0, rows))
    for reader in (read, load):
        with pytest.raises(ValueError, match='picture: too many pixels'):
            reader(path)


@pytest.mark.parametrize('image_format', ['GIF', 'WEBP', 'TIFF', 'PNG'])
def test_read_takes_the_first_frame(tmp_path, image_format):
    frames = [PIL.Image.new('RGB', (6, 4), colour) for colour in ('#ff0000', '#00ff00')]
    options = {'lossless': True} if image_format == 'WEBP' else {}
    path = stored(
        tmp_path, frames[0], image_format, save_all=True, append_images=frames[1:], **options
    )
    assert read(path)[:, 0, 0].tolist() == [1, 0, 0]


def test_read_keeps_16_bits_of_a_grey_tiff(tmp_path):
    values = np.arange(0, 65535, 2621, dtype=np.uint16).reshape(2, -1)[:, :12]
    path = stored(tmp_path, PIL.Image.fromarray(np.ascontiguousarray(values)), 'TIFF')
    assert np.array_equal(np.rint(read(path)[2].numpy() * 65535), values)


@pytest.mark.parametrize('order', ['<', '>'])
@pytest.mark.parametrize('compressed', [False, True])
@pytest.mark.parametrize('depth', [3, 4])
def test_read_keeps_16_bits_of_a_tiff_in_colour(tmp_path, order, compressed, depth):
    values = np.random.default_rng(1).integers(0, 65536, (4, 5, depth), np.uint16)
    path = tmp_path / 'picture.tif'
    path.write_bytes(tiff(values, order, compressed))
    pixels = np.rint(read(path).numpy() * 65535)
    assert np.array_equal(pixels, values[..., :3].transpose(2, 0, 1))


def test_read_converts_a_cmyk_tiff_as_pillow(tmp_path):
    original = random_image(mode='CMYK')
    path = stored(tmp_path, original, 'TIFF')
    assert np.array_equal(bytes_of(read(path)), expected(original))


def test_read_takes_floating_point_numbers_from_0_to_1(tmp_path):
    values = np.array([[0, 0.25, 1]], np.float32)
    path = stored(tmp_path, PIL.Image.fromarray(values), 'TIFF')
    assert read(path)[0].tolist() == values.tolist()


@pytest.mark.parametrize(
    'values, message',
    [
        (np.array([[0, 255]], np.float32), 'numbers from 0 to 255'),
        (np.array([[0, np.nan]], np.float32), 'numbers from nan'),
        (np.array([[0, 70000]], np.int32), '32-bit integers'),
    ],
)
def test_read_refuses_numbers_of_unknown_scale(tmp_path, values, message):
    path = stored(tmp_path, PIL.Image.fromarray(values), 'TIFF')
    with pytest.raises(ValueError, match=message):
        read(path)


@pytest.mark.parametrize('image_format', ['BMP', 'TIFF', 'WEBP', 'GIF'])
def test_read_refuses_a_truncated_file(tmp_path, image_format):
    path = stored(tmp_path, random_image(size=(40, 40)), image_format)
    path.write_bytes(path.read_bytes()[:-400])
    with pytest.raises(ValueError, match=r'picture: damaged or unsupported .*image'):
        read(path)


@pytest.mark.parametrize('content', [b'', b'just text, and more of it than a header', b'GIF89a'])
def test_read_refuses_other_files(tmp_path, content):
    path = tmp_path / 'picture.jpg'
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r'picture\.jpg: .*convert it to PNG or JPEG'):
        read(path)
