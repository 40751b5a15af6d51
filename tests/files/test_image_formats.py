"""Formats of image files, by name and by content."""

import io

import PIL.Image
import pytest

from neural_style.files.image_formats import has_image_extension, is_image, missing_decoder


def heic(brand):
    return b'\0\0\0\x18ftyp' + brand + bytes(4) + b'mif1' + brand + bytes(40)


@pytest.mark.parametrize('name', ['a.jfif', 'a.JPE', 'a.avif', 'a.HEIC', 'a.mpo', 'a.jp2', 'a.pnm'])
def test_extensions_are_those_that_can_be_read(name):
    assert has_image_extension(name)


@pytest.mark.parametrize('name', ['a.eps', 'a.h5', 'a.mpg', 'a.fits', 'a.txt', 'a', 'jpg', 'a.pdf'])
def test_extensions_of_other_files_are_none(name):
    assert not has_image_extension(name)


def test_files_are_told_by_their_content(tmp_path):
    path = tmp_path / 'file'
    for image_format in ('JPEG', 'PNG', 'GIF', 'WEBP', 'QOI', 'JPEG2000', 'TIFF'):
        PIL.Image.new('RGB', (9, 9)).save(path, image_format)
        assert is_image(path)
    for content in (heic(b'heic'), heic(b'avif')):
        path.write_bytes(content)
        assert is_image(path)
    for content in (b'', b'text', bytes(600), b'\0\0\0\x18ftypisom' + bytes(40)):
        path.write_bytes(content)
        assert not is_image(path)
    assert not is_image(tmp_path / 'missing')


def test_a_missing_decoder_is_named_with_its_remedy(monkeypatch):
    assert missing_decoder(io.BytesIO(b'GIF89a')) is None
    PIL.Image.init()
    for brand, decoder, name in ((b'avif', 'AVIF', 'AVIF'), (b'heic', 'HEIF', 'HEIC')):
        monkeypatch.delitem(PIL.Image.OPEN, decoder, raising=False)
        remedy = missing_decoder(io.BytesIO(heic(brand)))
        assert remedy.startswith(f"{name} needs pip install 'neural-style-caffe[heif]'")
