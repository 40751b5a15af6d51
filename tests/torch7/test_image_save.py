"""torch7/image.py against Torch7's image package: save.  All comparisons are exact."""

import os
import stat

import numpy as np
import pytest
import torch
from image_bytes import PNG_SIGNATURE, bytes_of, write_bytes

from neural_style.torch7 import image


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
    path = write_bytes(tmp_path, b'old')

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
    target = write_bytes(tmp_path, b'old', 'target.png')
    (tmp_path / 'out.png').symlink_to(target)
    image.save(tmp_path / 'out.png', torch.zeros(3, 2, 2))
    assert (tmp_path / 'out.png').is_symlink()
    assert target.read_bytes().startswith(PNG_SIGNATURE)


def test_save_takes_the_jpeg_quality(tmp_path):
    picture = torch.rand(3, 16, 16, dtype=torch.float64)
    image.save(tmp_path / 'default.jpg', picture)
    image.save(tmp_path / 'same.jpg', picture, 75)
    assert (tmp_path / 'default.jpg').read_bytes() == (tmp_path / 'same.jpg').read_bytes()


def test_save_refuses_transparency_that_the_format_cannot_hold(tmp_path):
    with pytest.raises(ValueError, match=r'only a \.png'):
        image.save(tmp_path / 'out.jpg', torch.zeros(3, 2, 2), alpha=torch.ones(1, 2, 2))
