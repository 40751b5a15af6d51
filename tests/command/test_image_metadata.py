"""Image files: orientation, colour profiles and transparency, which Torch7 did not look at."""

import numpy as np
import PIL.Image
import pytest
import torch
from PIL import ImageCms, ImageOps
from stored_images import bytes_of, expected, random_image, stored

from neural_style.transfer.image_files import ORIENTATION, read


@pytest.mark.parametrize('image_format', ['JPEG', 'PNG', 'WEBP'])
@pytest.mark.parametrize('orientation', range(1, 9))
def test_orientation_is_applied_only_when_asked_for(tmp_path, image_format, orientation):
    exif = PIL.Image.Exif()
    exif[ORIENTATION] = orientation
    options = {'lossless': True} if image_format == 'WEBP' else {}
    path = stored(tmp_path, random_image(), image_format, exif=exif, **options)
    with PIL.Image.open(path) as image:
        assert np.array_equal(bytes_of(read(path)), expected(image))
        upright = expected(ImageOps.exif_transpose(image))
    assert np.array_equal(bytes_of(read(path, exif_orientation=True)), upright)


def srgb_profile():
    return ImageCms.ImageCmsProfile(ImageCms.createProfile('sRGB')).tobytes()


def swapped_profile():
    """Return a profile that calls blue what sRGB calls red: two tags of its table are swapped."""
    return srgb_profile().replace(b'rXYZ', b'?').replace(b'bXYZ', b'rXYZ').replace(b'?', b'bXYZ')


@pytest.mark.parametrize('image_format', ['JPEG', 'PNG', 'TIFF', 'WEBP'])
def test_icc_profile_is_converted_to_srgb_when_asked_for(tmp_path, image_format):
    path = stored(
        tmp_path,
        PIL.Image.new('RGB', (8, 8), '#ff0000'),
        image_format,
        icc_profile=swapped_profile(),
    )
    assert bytes_of(read(path))[:, 0, 0] == pytest.approx([255, 0, 0], abs=3)
    converted = bytes_of(read(path, icc_profile=True))[:, 0, 0]
    assert converted == pytest.approx([0, 0, 255], abs=3)


@pytest.mark.parametrize('mode', ['RGB', 'RGBA', 'L', 'LA'])
def test_icc_profile_of_srgb_changes_nothing(tmp_path, mode):
    path = stored(tmp_path, random_image(mode=mode), icc_profile=srgb_profile())
    difference = bytes_of(read(path, icc_profile=True)) - bytes_of(read(path))
    assert np.abs(difference).max() <= 1


def test_icc_profile_of_grey_is_converted(tmp_path):
    linear = bytes.fromhex('63757276 00000000 00000001 0100 0000')  # curv: a gamma of 1
    content = srgb_profile().replace(b'RGB ', b'GRAY', 1).replace(b'rTRC', b'kTRC')
    at = int.from_bytes(content[content.index(b'kTRC') + 4 :][:4], 'big')
    content = content[:at] + linear + content[at + len(linear) :]
    path = stored(tmp_path, PIL.Image.new('L', (2, 2), 55), icc_profile=content)
    # 55 / 255 of the light is 128 in sRGB
    assert bytes_of(read(path, icc_profile=True))[:, 0, 0] == pytest.approx(128, abs=2)


def test_icc_profile_for_another_colour_space_is_ignored_and_told(tmp_path, caplog):
    path = stored(tmp_path, random_image(mode='CMYK'), 'TIFF', icc_profile=srgb_profile())
    assert torch.equal(read(path, icc_profile=True), read(path))
    assert 'its ICC profile was ignored, since it is for RGB, not CMYK' in caplog.text


def test_icc_profile_of_a_16_bit_picture_is_converted_at_8_bits(tmp_path):
    values = np.array([[0, 32896, 65535]], np.uint16)
    path = stored(tmp_path, PIL.Image.fromarray(values), icc_profile=srgb_profile())
    assert bytes_of(read(path, icc_profile=True))[0, 0].tolist() == [0, 128, 255]


@pytest.mark.parametrize('profile', [b'no profile', b'\0' * 200])
@pytest.mark.parametrize('image_format', ['PNG', 'JPEG', 'TIFF', 'WEBP'])
def test_damaged_icc_profile_is_ignored_and_told(tmp_path, caplog, profile, image_format):
    path = stored(tmp_path, random_image(), image_format, icc_profile=profile)
    assert torch.equal(read(path, icc_profile=True), read(path))
    assert f'{path}: its ICC profile was ignored, since it is damaged' in caplog.text


def test_icc_profile_that_is_not_all_there_is_told(tmp_path, caplog):
    path = stored(tmp_path, random_image(), 'JPEG')
    segment = b'ICC_PROFILE\0\1\3' + bytes(40)
    content = path.read_bytes()
    segment = b'\xff\xe2' + (len(segment) + 2).to_bytes(2, 'big') + segment
    path.write_bytes(content[:2] + segment + content[2:])
    assert read(path, icc_profile=True).shape == (3, 5, 7)
    assert 'its ICC profile was ignored, since it is damaged' in caplog.text


def test_damaged_exif_data_of_a_png_are_told(tmp_path, caplog):
    path = stored(tmp_path, random_image(), exif=b'MM\0*garb')
    assert read(path, exif_orientation=True).shape == (3, 5, 7)
    assert 'its EXIF data were ignored, since they are damaged' in caplog.text


@pytest.mark.parametrize('image_format, mode', [('PNG', 'RGBA'), ('PNG', 'LA'), ('WEBP', 'RGBA')])
def test_alpha_is_a_fourth_channel_when_asked_for(tmp_path, image_format, mode):
    original = random_image(mode=mode)
    options = {'lossless': True, 'exact': True} if image_format == 'WEBP' else {}
    path = stored(tmp_path, original, image_format, **options)
    assert len(read(path)) == 3
    rgba = read(path, alpha=True)
    assert torch.equal(rgba[:3], read(path))
    assert np.array_equal(bytes_of(rgba)[3], np.asarray(original)[..., -1])


def test_alpha_of_a_colour_or_palette_index_is_read(tmp_path):
    for mode, options in (('RGB', {'transparency': (1, 2, 3)}), ('P', {'transparency': 0})):
        original = PIL.Image.new('RGB', (2, 1), (1, 2, 3))
        original.putpixel((1, 0), (200, 100, 0))
        if mode == 'P':
            original = original.quantize(2)
            options = {'transparency': original.getpixel((0, 0))}
        path = stored(tmp_path, original, **options)
        assert read(path, alpha=True)[3].tolist() == [[0, 1]]


def test_alpha_of_a_grey_16_bit_picture_is_read(tmp_path):
    original = PIL.Image.fromarray(np.array([[7, 7000]], np.uint16))
    path = stored(tmp_path, original, transparency=7)
    assert read(path, alpha=True)[3].tolist() == [[0, 1]]
