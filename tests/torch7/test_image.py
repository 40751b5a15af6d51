"""torch7/image.py against Torch7's image package. All comparisons are exact."""

import io
import os
import re
import stat
import struct
import zlib

import numpy as np
import PIL.Image
import pytest
import torch
from samples import needs_fma

from neural_style.torch7 import image

PNG_SIGNATURE = b'\x89PNG\r\n\x1a\n'


@pytest.fixture(scope='module')
def recordings(golden):
    """recordings('scale'): unit/image_scale.npz."""
    return lambda name: np.load(golden / 'unit' / f'{name}.npz')


def png(width, height, depth, color_type, rows, *, chunks=b'', interlace=0):
    """A PNG file of already filtered rows."""

    def chunk(name, content):
        check = struct.pack('>I', zlib.crc32(name + content))
        return struct.pack('>I', len(content)) + name + content + check

    header = struct.pack('>IIBBBBB', width, height, depth, color_type, 0, 0, interlace)
    body = chunk(b'IHDR', header) + chunks + chunk(b'IDAT', zlib.compress(rows))
    return PNG_SIGNATURE + body + chunk(b'IEND', b'')


def written(tmp_path, content, name='picture.png'):
    path = tmp_path / name
    path.write_bytes(content)
    return path


def bytes_of(tensor, maximum=255):
    """What b * (1 / maximum) was made from, checked to be exactly that."""
    values = np.rint(tensor.numpy() * maximum)
    assert np.array_equal(values * (1 / maximum), tensor.numpy())
    return values.astype(int)


# load


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
    step, above, rows = 2 * channels, bytes(14 * channels), b''
    for kind, row in enumerate(pixels):
        line, out = row.tobytes(), bytearray([kind])
        for i, byte in enumerate(line):
            a, c = (line[i - step], above[i - step]) if i >= step else (0, 0)
            b = above[i]
            paeth = min((a, b, c), key=lambda value, p=a + b - c: abs(p - value))
            out.append((byte - (0, a, b, (a + b) // 2, paeth)[kind]) % 256)
        rows, above = rows + out, line
    path = written(tmp_path, png(7, 5, 16, {3: 2, 4: 6}[channels], rows))
    expected = pixels[..., :3].transpose(2, 0, 1)
    assert np.array_equal(bytes_of(image.load(path), 65535), expected)


def test_load_reads_an_interlaced_16_bit_png(tmp_path):
    pixels = np.random.default_rng(1).integers(0, 65536, (13, 11, 3)).astype('>u2')
    passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2)]
    rows = b''
    for top, left, down, right in [*passes, (1, 0, 2, 1)]:
        rows += b''.join(b'\0' + row.tobytes() for row in pixels[top::down, left::right])
    path = written(tmp_path, png(11, 13, 16, 2, rows, interlace=1))
    assert np.array_equal(bytes_of(image.load(path), 65535), pixels.transpose(2, 0, 1))


def test_load_drops_the_transparency_of_a_palette(data, tmp_path):
    content = io.BytesIO()
    with PIL.Image.open(data / 'inputs' / 'harbour_palette.png') as picture:
        picture.save(content, 'PNG', transparency=bytes(range(100)))
    loaded = image.load(written(tmp_path, content.getvalue()))
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
    assert tuple(bytes_of(image.load(written(tmp_path, content))).ravel()) == pixel


@pytest.mark.parametrize(
    'name', ['scene.bmp', 'harbour_la.png', 'not_an_image.png'], ids=['bmp', 'grey-alpha', 'text']
)
def test_load_refuses_other_files_with_a_remedy(data, name):
    with pytest.raises(ValueError, match=rf'{name}: .*convert it to .*PNG or JPEG'):
        image.load(data / 'inputs' / name)


@pytest.mark.parametrize('kind', ['GIF', 'WEBP', 'TIFF'])
def test_load_refuses_formats_that_pillow_could_read(tmp_path, kind):
    content = io.BytesIO()
    PIL.Image.new('RGB', (4, 4)).save(content, kind)
    with pytest.raises(ValueError, match='picture.png: not a JPEG, PNG or PPM image'):
        image.load(written(tmp_path, content.getvalue()))


@pytest.mark.parametrize('name', ['scene.jpg', 'scene_64.png', 'strokes_rgb16.png', 'scene_48.ppm'])
@pytest.mark.parametrize('part', [0.5, 0.001])
def test_load_refuses_a_truncated_file(data, tmp_path, name, part):
    content = (data / 'inputs' / name).read_bytes()
    path = written(tmp_path, content[: max(9, int(part * len(content)))])
    with pytest.raises(ValueError, match='picture.png: damaged or unsupported'):
        image.load(path)


@pytest.mark.parametrize('head', [b'\x89PNG', PNG_SIGNATURE, b'\xff\xd8\xff', b'P6', b'P5 hello'])
def test_load_refuses_a_bare_header(tmp_path, head):
    with pytest.raises(ValueError, match='picture.png: damaged or unsupported'):
        image.load(written(tmp_path, head))


@pytest.mark.parametrize('depth', [8, 16])
def test_load_refuses_a_decompression_bomb(tmp_path, depth):
    with pytest.raises(ValueError, match='picture.png: too many pixels'):
        image.load(written(tmp_path, png(60000, 60000, depth, 2, b'\0')))


def test_load_refuses_an_empty_file(tmp_path):
    with pytest.raises(ValueError, match='picture.png: not a JPEG, PNG or PPM'):
        image.load(written(tmp_path, b''))


def test_load_names_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'nosuch.png: no such image file'):
        image.load(tmp_path / 'nosuch.png')


def test_load_names_a_folder(tmp_path):
    with pytest.raises(OSError, match=re.escape(f'{tmp_path}: cannot read the image')):
        image.load(tmp_path)


# scale


def test_scale_equals_the_recordings(golden, recordings):
    recorded, compared = recordings('image_scale'), 0
    for name in recorded.files:
        source, _, target = name.partition('__')
        if not target:
            continue
        if f'src_{source}' in recorded.files:
            picture = torch.from_numpy(recorded[f'src_{source}'])
        else:
            picture = image.load(golden / 'inputs' / source)
        if target.startswith('max'):
            scaled = image.scale(picture, float(target[3:]))
        else:
            width, height = re.fullmatch(r'w(\d+)_h(\d+)', target).groups()
            scaled = image.scale_to(picture, int(width), int(height))
        assert scaled.dtype == torch.float64
        assert np.array_equal(scaled.numpy(), recorded[name]), name
        compared += 1
    assert compared == 47


def test_scale_gives_the_recorded_sizes(recordings, monkeypatch):
    monkeypatch.setattr(image, 'scale_to', lambda _, width, height: [width, height])
    for width, height, longer, *expected in recordings('image_scale')['size_table_w_h_max_ow_oh']:
        assert image.scale(torch.empty(1, int(height), int(width)), longer) == expected


@pytest.mark.parametrize(
    'height, width, size, expected',
    [(48, 64, 33, (24, 33)), (48, 64, 50.7, (38, 50)), (97, 131, 130, (96, 130))]
    + [(64, 48, 512, (512, 384)), (2, 640, 100, (1, 100)), (48, 64, 0, (1, 1))],
)
def test_scale_truncates_the_sides(height, width, size, expected):
    assert image.scale(torch.zeros(3, height, width), size).shape == (3, *expected)


@pytest.mark.parametrize('size', [float('nan'), float('inf')])
def test_scale_refuses_nan_and_infinite_sizes(size):
    with pytest.raises(ValueError, match='size'):
        image.scale(torch.zeros(3, 4, 4), size)


def test_scale_to_refuses_no_pixels():
    with pytest.raises(ValueError, match='0 x 4'):
        image.scale_to(torch.zeros(3, 4, 4), 0, 4)


def test_scale_to_the_same_size_changes_nothing():
    picture = torch.rand(5, 6, 7, dtype=torch.float64)
    scaled = image.scale_to(picture, 7, 6)
    assert torch.equal(scaled, picture)
    assert scaled.data_ptr() != picture.data_ptr()


def test_scale_to_enlarges_with_aligned_corners():
    line = torch.tensor([[[0.0, 1.0, 4.0]]])
    assert image.scale_to(line, 5, 1).tolist() == [[[0, 0.5, 1, 2.5, 4]]]


def test_scale_to_reduces_by_the_mean_of_a_box():
    line = torch.tensor([[[0.0, 1.0, 4.0, 7.0]]])
    assert image.scale_to(line, 2, 1).tolist() == [[[0.5, 5.5]]]
    assert image.scale_to(line, 1, 1).tolist() == [[[3]]]


def test_scale_to_treats_channels_and_axes_alike():
    picture = torch.rand(4, 9, 9, dtype=torch.float64)
    scaled = image.scale_to(picture, 13, 9)
    assert torch.equal(scaled[2:3], image.scale_to(picture[2:3], 13, 9))
    assert torch.equal(scaled, image.scale_to(picture.mT, 9, 13).mT)


@pytest.mark.parametrize('length, size', [(8192, 8191), (8191, 8192), (8192, 3), (3, 8192)])
def test_scale_to_keeps_a_constant_line_at_large_sizes(length, size):
    scaled = image.scale_to(torch.full((1, 1, length), 0.25), size, 1)
    # Weights f and 1 - f are each rounded to float32: their sum may miss 1 by half its last bit.
    assert torch.allclose(scaled, torch.full_like(scaled, 0.25), rtol=2**-24, atol=0)


# save


def test_save_equals_the_recordings(recordings, tmp_path):
    recorded = recordings('image_save')
    pairs = {'src': 'png_bytes', 'minmax01': 'minmax01_png_bytes', 'photo_src': 'photo_png_bytes'}
    pairs['nan_minmax01'] = 'nan_minmax01_png_bytes'
    for source, expected in pairs.items():
        image.save(tmp_path / 'out.png', torch.from_numpy(recorded[source]))
        saved = bytes_of(image.load(tmp_path / 'out.png'))
        assert np.array_equal(saved, recorded[expected]), source


@pytest.mark.parametrize('source, name', [('src', 'save_jpg.jpg'), ('photo_src', 'save_photo.jpg')])
def test_save_writes_the_recorded_jpeg_file(golden, recordings, tmp_path, source, name):
    image.save(tmp_path / 'out.jpg', torch.from_numpy(recordings('image_save')[source]))
    assert (tmp_path / 'out.jpg').read_bytes() == (golden / 'unit' / name).read_bytes()


def test_save_truncates_and_clips(tmp_path):
    values = [0.0, 0.999 / 255, 1 / 255, 254.999 / 255, 1.0, 7.0, -0.5]
    values += [float('inf'), -float('inf'), float('nan')]
    image.save(tmp_path / 'out.png', torch.tensor(values, dtype=torch.float64).expand(3, 2, 10))
    saved = bytes_of(image.load(tmp_path / 'out.png'))
    assert saved[2, 1].tolist() == [0, 0, 1, 254, 255, 255, 0, 255, 0, 0]


@pytest.mark.parametrize(
    'extension, head',
    [(extension, b'\xff\xd8\xff') for extension in ('jpg', 'jpeg', 'JPG', 'JPEG')]
    + [(extension, PNG_SIGNATURE) for extension in ('png', 'PNG')]
    + [(extension, b'P6\n3 2\n255\n') for extension in ('ppm', 'PPM')],
)
def test_save_chooses_the_format_by_extension(tmp_path, extension, head):
    path = tmp_path / f'my.out.{extension}'
    image.save(str(path), torch.rand(3, 2, 3))
    assert path.read_bytes().startswith(head)
    assert image.is_supported(path)


@pytest.mark.parametrize('name', ['out', 'out.bmp', 'out.Png', 'out.mp3', 'out.', 'out.png\n'])
@pytest.mark.parametrize('folder', ['', 'dir.d/'])
def test_save_refuses_other_extensions(tmp_path, folder, name):
    assert not image.is_supported(folder + name)
    with pytest.raises(ValueError, match='unknown image type: .*use one of jpg, jpeg'):
        image.save(tmp_path / (folder + name), torch.zeros(3, 2, 2))
    assert not list(tmp_path.iterdir())


def test_save_refuses_a_pgm_file():
    assert not image.is_supported('out.pgm')


@pytest.mark.parametrize('shape', [(1, 4, 4), (4, 4), (4, 4, 4)])
def test_save_refuses_an_image_without_three_channels(tmp_path, shape):
    with pytest.raises(ValueError, match=r'is not \(3, H, W\)'):
        image.save(tmp_path / 'out.png', torch.zeros(shape))


def test_save_names_a_missing_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'nosuch.out\.png: cannot write the image'):
        image.save(tmp_path / 'nosuch' / 'out.png', torch.zeros(3, 2, 2))


def test_save_leaves_the_old_file_if_it_fails(tmp_path, monkeypatch):
    path = written(tmp_path, b'old')

    def full(source, target):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(os, 'replace', full)
    with pytest.raises(OSError, match='picture.png: cannot write the image: No space left'):
        image.save(path, torch.zeros(3, 2, 2))
    assert path.read_bytes() == b'old'
    assert list(tmp_path.iterdir()) == [path]


def test_save_cannot_replace_a_folder(tmp_path):
    (tmp_path / 'out.png').mkdir()
    with pytest.raises(OSError, match='out.png: cannot write the image'):
        image.save(tmp_path / 'out.png', torch.zeros(3, 2, 2))
    assert [path.name for path in tmp_path.iterdir()] == ['out.png']


def test_save_follows_the_umask(tmp_path):
    before = os.umask(0o027)
    try:
        image.save(tmp_path / 'out.png', torch.zeros(3, 2, 2))
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / 'out.png').stat().st_mode) == 0o640


def test_save_writes_through_a_link(tmp_path):
    target = written(tmp_path, b'old', 'target.png')
    (tmp_path / 'out.png').symlink_to(target)
    image.save(tmp_path / 'out.png', torch.zeros(3, 2, 2))
    assert (tmp_path / 'out.png').is_symlink()
    assert target.read_bytes().startswith(PNG_SIGNATURE)


# colours


@needs_fma
def test_yuv_equals_the_recordings(recordings):
    recorded = {name: torch.from_numpy(value) for name, value in recordings('color').items()}
    yuv = image.rgb2yuv(recorded['content'])
    assert torch.equal(yuv, recorded['rgb2yuv_content'])
    assert torch.equal(image.yuv2rgb(yuv), recorded['yuv2rgb_rgb2yuv'])
    assert torch.equal(image.yuv2rgb(recorded['content']), recorded['yuv2rgb_of_content'])


def test_yuv_weights_are_the_originals():
    pixels = torch.eye(3, dtype=torch.float64).view(3, 1, 3)
    assert image.rgb2yuv(pixels).view(3, 3).tolist() == [
        [0.299, 0.587, 0.114],
        [-0.14713, -0.28886, 0.436],
        [0.615, -0.51499, -0.10001],
    ]
    assert image.yuv2rgb(pixels).view(3, 3).tolist() == [
        [1, 0, 1.13983],
        [1, -0.39465, -0.58060],
        [1, 2.03211, 0],
    ]


def test_save_takes_the_jpeg_quality(tmp_path):
    picture = torch.rand(3, 16, 16, dtype=torch.float64)
    image.save(tmp_path / 'default.jpg', picture)
    image.save(tmp_path / 'same.jpg', picture, 75)
    assert (tmp_path / 'default.jpg').read_bytes() == (tmp_path / 'same.jpg').read_bytes()


def test_save_refuses_transparency_that_the_format_cannot_hold(tmp_path):
    with pytest.raises(ValueError, match=r'only a \.png'):
        image.save(tmp_path / 'out.jpg', torch.zeros(3, 2, 2), alpha=torch.ones(1, 2, 2))
