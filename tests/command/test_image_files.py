"""torch7/picture.py: what Torch7 could not read, and the flags about what it did not look at."""

import json
import os
import struct
import unicodedata
import zlib

import numpy as np
import PIL.Image
import pytest
import torch
from PIL import ImageCms, ImageOps
from samples import SHARED
from test_image import png

from neural_style.command import image_files as picture
from neural_style.command.images import load_image
from neural_style.command.process import main
from neural_style.torch7 import image

NASTY = SHARED / 'corpus' / 'images' / 'nasty'


def nasty():
    """The pictures of the corpus, and what is expected of each."""
    if not NASTY.is_dir():
        return [
            pytest.param('', {}, marks=pytest.mark.skip('needs the corpus beside the checkout'))
        ]
    lines = (SHARED / 'corpus' / 'index.jsonl').read_text().splitlines()
    found = [entry for entry in map(json.loads, lines) if entry.get('category') == 'nasty']
    names = {unicodedata.normalize('NFC', name): name for name in os.listdir(NASTY)}
    return [
        pytest.param(names[unicodedata.normalize('NFC', entry['name'])], entry, id=entry['name'])
        for entry in found
    ]


@pytest.fixture
def command(data, tmp_path, monkeypatch):
    """Run the command on the small network and pictures, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    stem = data / 'models' / 'mini_vgg19_conv'
    needed = [
        *('-gpu', '-1', '-seed', '1', '-num_iterations', '1', '-image_size', '32'),
        *('-content_image', str(data / 'inputs' / 'scene.jpg')),
        *('-style_image', str(data / 'inputs' / 'strokes.jpg')),
        *('-proto_file', f'{stem}.prototxt', '-model_file', f'{stem}.caffemodel'),
    ]
    return lambda *flags: main([*needed, *map(str, flags)])


def stored(tmp_path, picture, kind='PNG', name='picture', **options):
    path = tmp_path / name
    picture.save(path, kind, **options)
    return path


def colours(seed=0, mode='RGB', size=(7, 5)):
    """A picture of random bytes."""
    count = size[0] * size[1] * len(PIL.Image.new(mode, (1, 1)).getbands())
    return PIL.Image.frombytes(mode, size, np.random.default_rng(seed).bytes(count))


def opened(path):
    """A picture, decoded, its file closed."""
    with PIL.Image.open(path) as picture:
        picture.load()
        return picture


def bytes_of(tensor):
    return np.rint(tensor.numpy() * 255).astype(int)


def expected(picture):
    return np.asarray(picture.convert('RGB')).transpose(2, 0, 1)


# the corpus


@pytest.mark.parametrize('name, entry', nasty())
def test_command_does_what_the_corpus_expects(command, capsys, name, entry):
    def succeeds(*flags):
        status = command(*flags)
        stderr = capsys.readouterr().err
        written = os.listdir()
        assert written == ['out.png'] if status == 0 else written == []
        assert status == 0 or stderr.startswith('neural_style: -')
        if status == 0:
            os.remove('out.png')
        return status == 0

    path, expect = NASTY / name, entry.get('expect', 'ok')
    if expect.startswith('ok') and 'refusal' not in expect:
        assert succeeds('-content_image', path, '-style_image', path)
    else:
        results = [succeeds('-content_image', path), succeeds('-style_image', path)]
        assert expect != 'error' or not any(results)


@pytest.mark.parametrize(
    'name, entry', [case for case in nasty() if 'pil_rgb_mean' in case.values[1] or case.marks]
)
def test_read_gives_the_mean_colour_of_the_corpus(name, entry):
    mean = picture.read(NASTY / name).mean((1, 2)).numpy() * 255
    known = [np.array(entry[key]) for key in ('pil_rgb_mean', 'cv2_rgb_mean') if key in entry]
    # Palettes with transparency: Pillow's mean is that of a conversion that drops colours.
    assert min(np.abs(mean - value).max() for value in known) < 2.5


# formats


@pytest.mark.parametrize('kind', ['BMP', 'GIF', 'ICO', 'TGA', 'TIFF', 'WEBP'])
def test_read_knows_what_torch7_could_not_read(tmp_path, kind):
    original = colours(size=(16, 16))
    path = stored(tmp_path, original, kind, **({'lossless': True} if kind == 'WEBP' else {}))
    with PIL.Image.open(path) as found:
        assert np.array_equal(bytes_of(picture.read(path)), expected(found))
    if kind != 'GIF':
        assert np.array_equal(bytes_of(picture.read(path)), expected(original))


@pytest.mark.parametrize(
    'name', ['scene.jpg', 'strokes_rgb16.png', 'harbour_cmyk.jpg', 'harbour_alpha.png']
)
def test_read_leaves_to_torch7_what_it_read(data, name):
    path = data / 'inputs' / name
    assert torch.equal(picture.read(path), image.load(path))


def test_read_takes_grey_with_alpha_for_grey(data):
    with PIL.Image.open(data / 'inputs' / 'harbour_la.png') as found:
        grey = np.asarray(found)[..., 0]
    assert (bytes_of(picture.read(data / 'inputs' / 'harbour_la.png')) == grey).all()


def test_read_takes_the_high_bytes_of_grey_with_alpha_at_16_bits(tmp_path):
    path = tmp_path / 'picture.png'
    path.write_bytes(png(2, 1, 16, 4, b'\0' + bytes([100, 200, 255, 255, 7, 0, 0, 0])))
    assert bytes_of(picture.read(path, alpha=True))[:, 0].T.tolist() == [
        [100, 100, 100, 255],
        [7, 7, 7, 0],
    ]


@pytest.mark.parametrize('kind', ['BMP', 'GIF', 'PNG', 'TIFF'])
def test_read_refuses_a_decompression_bomb_by_its_header(tmp_path, kind):
    path = stored(tmp_path, PIL.Image.new('L', (300, 300)), kind)
    content = path.read_bytes()
    for form in ('HH', 'II', 'H', 'I'):  # as the formats store sizes; TIFF has one at a time
        old, new = (struct.pack('<' + form, *[side] * len(form)) for side in (300, 50000))
        content = content.replace(old, new)
    if kind == 'PNG':
        content = png(50000, 50000, 8, 0, b'\0')
    path.write_bytes(content)
    with pytest.raises(ValueError, match='picture: too many pixels'):
        picture.read(path)


def test_read_refuses_a_small_file_of_very_many_pixels(tmp_path):
    rows = b'\0' * (1 + 13000 // 8) * 13000
    path = tmp_path / 'picture'
    path.write_bytes(png(13000, 13000, 1, 0, rows))
    for read in (picture.read, image.load):
        with pytest.raises(ValueError, match='picture: too many pixels'):
            read(path)


@pytest.mark.parametrize('kind', ['GIF', 'WEBP', 'TIFF', 'PNG'])
def test_read_takes_the_first_frame(tmp_path, kind):
    frames = [PIL.Image.new('RGB', (6, 4), colour) for colour in ('#ff0000', '#00ff00')]
    options = {'lossless': True} if kind == 'WEBP' else {}
    path = stored(tmp_path, frames[0], kind, save_all=True, append_images=frames[1:], **options)
    assert picture.read(path)[:, 0, 0].tolist() == [1, 0, 0]


def test_read_keeps_16_bits_of_a_grey_tiff(tmp_path):
    values = np.arange(0, 65535, 2621, dtype=np.uint16).reshape(2, -1)[:, :12]
    path = stored(tmp_path, PIL.Image.fromarray(np.ascontiguousarray(values)), 'TIFF')
    assert np.array_equal(np.rint(picture.read(path)[2].numpy() * 65535), values)


def tiff(values, order, compressed):
    """A TIFF of 16-bit channels (H, W, C), which Pillow cannot write."""
    height, width, depth = values.shape
    data = values.astype(f'{order}u2').tobytes()
    data = zlib.compress(data) if compressed else data
    count, short, long = 9, 3, 4
    bits = 8 + 2 + 12 * count + 4  # where the bits of each channel stand, and then the pixels
    fields = [(256, long, 1, width), (257, long, 1, height), (258, short, depth, bits)]
    fields += [(259, short, 1, 8 if compressed else 1), (262, short, 1, 2)]
    fields += [(273, long, 1, bits + 2 * depth), (277, short, 1, depth), (278, long, 1, height)]
    fields += [(279, long, 1, len(data))]
    head = (b'II*\0' if order == '<' else b'MM\0*') + struct.pack(f'{order}IH', 8, count)
    for tag, kind, number, value in fields:
        form = 'HHIHH' if kind == short and number == 1 else 'HHII'
        head += struct.pack(order + form, *(tag, kind, number, value, 0)[: len(form)])
    return head + bytes(4) + struct.pack(f'{order}{depth}H', *[16] * depth) + data


@pytest.mark.parametrize('order', ['<', '>'])
@pytest.mark.parametrize('compressed', [False, True])
@pytest.mark.parametrize('depth', [3, 4])
def test_read_keeps_16_bits_of_a_tiff_in_colour(tmp_path, order, compressed, depth):
    values = np.random.default_rng(1).integers(0, 65536, (4, 5, depth), np.uint16)
    path = tmp_path / 'picture.tif'
    path.write_bytes(tiff(values, order, compressed))
    found = np.rint(picture.read(path).numpy() * 65535)
    assert np.array_equal(found, values[..., :3].transpose(2, 0, 1))


def test_read_converts_a_cmyk_tiff_as_pillow(tmp_path):
    original = colours(mode='CMYK')
    path = stored(tmp_path, original, 'TIFF')
    assert np.array_equal(bytes_of(picture.read(path)), expected(original))


def test_read_takes_floating_point_numbers_from_0_to_1(tmp_path):
    values = np.array([[0, 0.25, 1]], np.float32)
    path = stored(tmp_path, PIL.Image.fromarray(values), 'TIFF')
    assert picture.read(path)[0].tolist() == values.tolist()


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
        picture.read(path)


@pytest.mark.parametrize('kind', ['BMP', 'TIFF', 'WEBP', 'GIF'])
def test_read_refuses_a_truncated_file(tmp_path, kind):
    path = stored(tmp_path, colours(size=(40, 40)), kind)
    path.write_bytes(path.read_bytes()[:-400])
    with pytest.raises(ValueError, match=r'picture: damaged or unsupported .*image'):
        picture.read(path)


@pytest.mark.parametrize('content', [b'', b'just text, and more of it than a header', b'GIF89a'])
def test_read_refuses_what_is_no_picture(tmp_path, content):
    path = tmp_path / 'picture.jpg'
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r'picture\.jpg: .*convert it to PNG or JPEG'):
        picture.read(path)


# orientation


@pytest.mark.parametrize('kind', ['JPEG', 'PNG', 'WEBP'])
@pytest.mark.parametrize('orientation', range(1, 9))
def test_orientation_is_honoured_when_asked_for_alone(tmp_path, kind, orientation):
    exif = PIL.Image.Exif()
    exif[picture.ORIENTATION] = orientation
    options = {'lossless': True} if kind == 'WEBP' else {}
    path = stored(tmp_path, colours(), kind, exif=exif, **options)
    with PIL.Image.open(path) as found:
        assert np.array_equal(bytes_of(picture.read(path)), expected(found))
        upright = expected(ImageOps.exif_transpose(found))
    assert np.array_equal(bytes_of(picture.read(path, exif_orientation=True)), upright)


def test_exif_orientation_turns_the_picture_made(command, data):
    path = data / 'inputs' / 'scene_exif6.jpg'
    shapes = []
    for value in (0, 1):
        assert command('-content_image', path, '-exif_orientation', value) == 0
        shapes.append(opened('out.png').size)
    assert shapes == [(32, 24), (24, 32)]


# colour profiles


def srgb():
    return ImageCms.ImageCmsProfile(ImageCms.createProfile('sRGB')).tobytes()


def exchanged():
    """A profile that calls blue what sRGB calls red: the tags of its table change places."""
    return srgb().replace(b'rXYZ', b'?').replace(b'bXYZ', b'rXYZ').replace(b'?', b'bXYZ')


@pytest.mark.parametrize('kind', ['JPEG', 'PNG', 'TIFF', 'WEBP'])
def test_icc_profile_is_converted_to_srgb_when_asked_for(tmp_path, kind):
    path = stored(tmp_path, PIL.Image.new('RGB', (8, 8), '#ff0000'), kind, icc_profile=exchanged())
    assert bytes_of(picture.read(path))[:, 0, 0] == pytest.approx([255, 0, 0], abs=3)
    found = bytes_of(picture.read(path, icc_profile=True))[:, 0, 0]
    assert found == pytest.approx([0, 0, 255], abs=3)


@pytest.mark.parametrize('mode', ['RGB', 'RGBA', 'L', 'LA'])
def test_icc_profile_of_srgb_changes_nothing(tmp_path, mode):
    path = stored(tmp_path, colours(mode=mode), icc_profile=srgb())
    difference = bytes_of(picture.read(path, icc_profile=True)) - bytes_of(picture.read(path))
    assert np.abs(difference).max() <= 1


def test_icc_profile_of_grey_is_converted(tmp_path):
    linear = bytes.fromhex('63757276 00000000 00000001 0100 0000')  # curv: a gamma of 1
    content = srgb().replace(b'RGB ', b'GRAY', 1).replace(b'rTRC', b'kTRC')
    at = int.from_bytes(content[content.index(b'kTRC') + 4 :][:4], 'big')
    content = content[:at] + linear + content[at + len(linear) :]
    path = stored(tmp_path, PIL.Image.new('L', (2, 2), 55), icc_profile=content)
    # 55 / 255 of the light is 128 in sRGB
    assert bytes_of(picture.read(path, icc_profile=True))[:, 0, 0] == pytest.approx(128, abs=2)


def test_icc_profile_for_other_colours_is_named(tmp_path):
    path = stored(tmp_path, colours(mode='CMYK'), 'TIFF', icc_profile=srgb())
    with pytest.raises(ValueError, match='is for RGB, not CMYK'):
        picture.read(path, icc_profile=True)


def test_icc_profile_of_a_16_bit_picture_is_converted_at_8_bits(tmp_path):
    values = np.array([[0, 32896, 65535]], np.uint16)
    path = stored(tmp_path, PIL.Image.fromarray(values), icc_profile=srgb())
    assert bytes_of(picture.read(path, icc_profile=True))[0, 0].tolist() == [0, 128, 255]


@pytest.mark.parametrize('profile', [b'no profile', b'\0' * 200])
def test_icc_profile_that_is_damaged_is_named(tmp_path, profile):
    path = stored(tmp_path, colours(), icc_profile=profile)
    assert picture.read(path).shape == (3, 5, 7)
    with pytest.raises(
        ValueError, match='picture: its ICC profile cannot be used .*-icc_profile 0'
    ):
        picture.read(path, icc_profile=True)


# transparency


@pytest.mark.parametrize('kind, mode', [('PNG', 'RGBA'), ('PNG', 'LA'), ('WEBP', 'RGBA')])
def test_alpha_is_a_fourth_channel_when_asked_for(tmp_path, kind, mode):
    original = colours(mode=mode)
    options = {'lossless': True, 'exact': True} if kind == 'WEBP' else {}
    path = stored(tmp_path, original, kind, **options)
    assert len(picture.read(path)) == 3
    found = picture.read(path, alpha=True)
    assert torch.equal(found[:3], picture.read(path))
    assert np.array_equal(bytes_of(found)[3], np.asarray(original)[..., -1])


def test_alpha_of_a_colour_or_palette_index_is_found(tmp_path):
    for mode, options in (('RGB', {'transparency': (1, 2, 3)}), ('P', {'transparency': 0})):
        original = PIL.Image.new('RGB', (2, 1), (1, 2, 3))
        original.putpixel((1, 0), (200, 100, 0))
        if mode == 'P':
            original = original.quantize(2)
            options = {'transparency': original.getpixel((0, 0))}
        path = stored(tmp_path, original, **options)
        assert picture.read(path, alpha=True)[3].tolist() == [[0, 1]]


def test_alpha_of_a_grey_16_bit_picture_is_found(tmp_path):
    original = PIL.Image.fromarray(np.array([[7, 7000]], np.uint16))
    path = stored(tmp_path, original, transparency=7)
    assert picture.read(path, alpha=True)[3].tolist() == [[0, 1]]


def test_keep_alpha_writes_the_transparency_of_the_content(command, tmp_path):
    original = colours(mode='RGBA', size=(32, 24))
    path = stored(tmp_path, original, name='content.png')
    assert command('-content_image', path, '-keep_alpha', 1) == 0
    kept = opened('out.png')
    assert command('-content_image', path, '-output_image', 'plain.png') == 0
    assert kept.mode == 'RGBA'
    assert np.array_equal(np.asarray(kept)[..., 3], np.asarray(original)[..., 3])
    assert np.array_equal(np.asarray(kept)[..., :3], np.asarray(opened('plain.png')))


def test_keep_alpha_of_an_opaque_content_changes_nothing(command):
    assert command('-keep_alpha', 1) == 0
    assert opened('out.png').mode == 'RGB'


def test_keep_alpha_wants_a_png(command, capsys):
    assert command('-keep_alpha', 1, '-output_image', 'out.jpg') == 1
    assert 'name a .png' in capsys.readouterr().err


def test_save_refuses_transparency_that_the_format_cannot_hold(tmp_path):
    with pytest.raises(ValueError, match=r'only a \.png'):
        image.save(tmp_path / 'out.jpg', torch.zeros(3, 2, 2), alpha=torch.ones(1, 2, 2))


# names


def test_style_image_with_commas_may_be_escaped_or_whole(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ('a.jpg', 'b.jpg', 'c,d.jpg'):
        (tmp_path / name).touch()
    assert picture.split_paths('a.jpg,b.jpg') == ['a.jpg', 'b.jpg']
    assert picture.split_paths('c,d.jpg') == ['c,d.jpg']
    assert picture.split_paths(r'a.jpg,c\,d.jpg,') == ['a.jpg', 'c,d.jpg']
    assert picture.split_paths('a.jpg,,b.jpg') == ['a.jpg', '', 'b.jpg']
    (tmp_path / 'a.jpg,b.jpg').touch()
    assert picture.split_paths('a.jpg,b.jpg') == ['a.jpg', 'b.jpg']


@pytest.mark.parametrize('typed, kept', [('NFC', 'NFD'), ('NFD', 'NFC')])
def test_accented_names_are_found_however_they_are_stored(tmp_path, typed, kept):
    path = stored(tmp_path, colours(), name=unicodedata.normalize(kept, 'tübingen.png'))
    name = unicodedata.normalize(typed, str(path))
    assert torch.equal(load_image('-content_image', name), picture.read(path))


def test_output_name_that_is_too_long_is_refused_at_the_start(command, capsys):
    for length, status in ((252, 1), (245, 0)):
        assert command('-output_image', 'x' * (length - 4) + '.png', '-save_iter', 1) == status
    assert 'too long' in capsys.readouterr().err
    assert len(os.listdir()) == 1
