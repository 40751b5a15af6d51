"""Images that stylize takes: tensors, arrays, Pillow's images and paths."""

import warnings
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch
from samples import mini_vgg19, noise
from stored_images import tiff

from neural_style import load, stylize, stylize_multiscale
from neural_style.errors import SettingError
from neural_style.transfer.images import as_image, as_images, as_mask


@pytest.fixture
def picture(data):
    return data / 'inputs' / 'scene.jpg'


def forms(path):
    """Return an image in every form that has the numbers of load."""
    tensor = load(path)
    image = PIL.Image.open(path)
    return {
        'tensor': tensor,
        'tensor of pixels': tensor.permute(1, 2, 0),
        'array': tensor.numpy(),
        'array of pixels': tensor.permute(1, 2, 0).numpy(),
        'bytes': np.asarray(image),
        'tensor of bytes': torch.from_numpy(np.array(image)),
        'mirrored twice': np.asarray(image)[:, ::-1][:, ::-1],
        'big-endian': tensor.numpy().astype('>f8'),
        'Pillow': image,
        'Pillow with alpha': image.convert('RGBA'),
        'str': str(path),
        'Path': Path(path),
    }


def test_images_of_every_form_have_the_same_numbers(picture):
    want = load(picture)
    for form, image in forms(picture).items():
        tensor = as_image('content_image', image)
        assert torch.equal(tensor, want), form
        assert tensor.is_contiguous() or form == 'tensor'


@pytest.mark.parametrize('name', ['grey_gray.png', 'harbour_alpha.png', 'scene.jpg'])
def test_files_and_images_of_pillow_are_read_alike(data, name):
    path = data / 'inputs' / name
    assert torch.equal(as_image('x', PIL.Image.open(path)), as_image('x', path))
    assert torch.equal(as_image('x', path), load(path))


def test_formats_that_load_does_not_read_are_read(picture, tmp_path):
    image = PIL.Image.open(picture)
    image.save(tmp_path / 'a.bmp')
    assert torch.equal(as_image('x', tmp_path / 'a.bmp'), load(picture))


def test_files_have_all_the_bits_that_the_command_reads(tmp_path):
    values = np.random.default_rng(1).integers(0, 65536, (4, 5, 3))
    (tmp_path / 'a.tif').write_bytes(tiff(values, '<', compressed=False))
    assert (as_image('x', tmp_path / 'a.tif') * 65535).permute(1, 2, 0).numpy() == pytest.approx(
        values
    )


def test_home_folder_of_a_path_is_found(picture, monkeypatch):
    monkeypatch.setenv('HOME', str(picture.parent))
    assert torch.equal(as_image('x', f'~/{picture.name}'), load(picture))


@pytest.mark.parametrize('mode', ['I;16', 'F', 'L', '1', 'P', 'CMYK'])
def test_images_of_pillow_of_every_mode_are_rgb_in_range(mode):
    image = PIL.Image.new('L', (5, 4), 255)
    values = {'I;16': np.full((4, 5), 65535, np.uint16), 'F': np.ones((4, 5), np.float32)}
    image = PIL.Image.fromarray(values[mode]) if mode in values else image.convert(mode)
    tensor = as_image('x', image)
    assert tensor.shape == (3, 4, 5)
    assert float(tensor.min()) == float(tensor.max()) == 1


def test_stylize_takes_images_of_every_form(picture):
    settings = {'num_iterations': 1, 'seed': 1, 'init': 'image', 'style_layers': ['relu1_1']}
    settings['content_layers'] = ['relu1_1']
    small = PIL.Image.open(picture).resize((40, 32))
    array = np.asarray(small)
    want = stylize(mini_vgg19(), as_image('x', small), [as_image('x', small)], **settings)
    for content, styles in ((small, [array]), (array, small), (lambda: small, lambda: [small])):
        assert torch.equal(stylize(mini_vgg19(), content, styles, **settings), want)
    result = stylize_multiscale(mini_vgg19(), small, small, multiscale=[16], **settings)
    assert result.shape == want.shape


def test_masks_are_planes_or_images():
    plane = torch.rand(4, 5)
    for mask in (plane, plane[None], plane.numpy(), plane.numpy()[None]):
        assert torch.equal(as_mask('paper_mask', mask), plane[None])
    grey = PIL.Image.new('L', (5, 4), 255)
    assert as_mask('paper_mask', grey) == pytest.approx(torch.ones(1, 4, 5))


def test_mask_of_pillow_is_that_of_its_numbers():
    content, style = noise(3, 32, 40, seed=1), noise(3, 30, 30, seed=2)
    mask = np.zeros((32, 40), np.uint8)
    mask[:, :20] = 255
    arguments = {'num_iterations': 1, 'seed': 1, 'paper_range': (0.9, 1)}
    results = [
        stylize(mini_vgg19(), content, [style], paper_mask=image, **arguments)
        for image in (PIL.Image.fromarray(mask), mask / 255)
    ]
    assert results[0] == pytest.approx(results[1], abs=1e-5)


@pytest.mark.parametrize(
    ('image', 'error', 'message'),
    [
        (None, TypeError, 'NoneType is no image; give a tensor'),
        (3.5, TypeError, 'float is no image'),
        ([[0.5]], TypeError, 'list is no image'),
        (np.zeros((4, 5)), SettingError, r'shape \(4, 5\); give floats \(3, H, W\)'),
        (np.zeros((4, 5, 4)), SettingError, r'shape \(4, 5, 4\)'),
        (np.zeros((1, 3, 4, 5)), SettingError, r'shape \(1, 3, 4, 5\)'),
        (np.zeros((3, 0, 5)), SettingError, 'no pixels'),
        (np.zeros((4, 5, 3), np.int64), SettingError, 'int64'),
        (np.zeros((4, 5, 3), complex), SettingError, 'complex128'),
        (np.full((4, 5, 3), 'a'), SettingError, '<U1'),
        (torch.zeros(3, 4, 5, dtype=torch.int16), SettingError, 'int16'),
        (PIL.Image.new('I', (5, 4)), SettingError, '32-bit integers'),
        ('no_such_file.png', FileNotFoundError, 'no such image file'),
        (__file__, SettingError, 'not a picture that can be read'),
    ],
)
def test_what_is_no_image_is_refused_by_the_argument(image, error, message):
    with pytest.raises(error, match=f'`content_image`.*{message}'):
        stylize(mini_vgg19(), image, [noise(3, 8, 8)])
    with pytest.raises(error, match=rf'`style_images\[1\]`.*{message}'):
        stylize(mini_vgg19(), noise(3, 8, 8), [noise(3, 8, 8), image])


def test_what_is_no_list_of_images_is_refused():
    with pytest.raises(TypeError, match='`style_images`: NoneType is no list of images'):
        stylize(mini_vgg19(), noise(3, 8, 8), None)


def test_several_images_may_be_a_batch():
    batch = torch.rand(2, 3, 4, 5)
    assert [tensor.tolist() for tensor in as_images('style_images', batch)] == batch.tolist()


@pytest.mark.parametrize(
    ('values', 'message'),
    [
        ((0, 255), 'from 0 to 255, not from 0 to 1; divide it by 255'),
        ((-2, 2), 'from -2 to 2, not from 0 to 1$'),
        ((0, float('nan')), 'from nan to nan'),
    ],
)
def test_values_outside_the_range_are_told(values, message):
    image = torch.tensor(values, dtype=torch.float32).repeat(3, 4, 4)
    with pytest.warns(UserWarning, match=f'`content_image` has values {message}'):
        as_image('content_image', image)


def test_results_of_stylize_are_taken_without_a_warning():
    image = torch.tensor([-0.2, 1.3]).repeat(3, 16, 16)
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        stylize(
            mini_vgg19(), noise(3, 16, 32), [noise(3, 16, 16)], num_iterations=1, seed=1,
            init='image', init_image=image,
        )  # fmt: skip
    with pytest.warns(UserWarning, match='`init_image` has values'):
        stylize(
            mini_vgg19(), noise(3, 16, 32), [noise(3, 16, 16)], num_iterations=1, seed=1,
            init='image', init_image=image * 255,
        )  # fmt: skip
