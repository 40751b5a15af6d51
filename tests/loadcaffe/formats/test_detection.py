"""Files that people have in the place of a caffemodel."""

import pytest
from caffe_networks import field

import loadcaffe

LFS = b'version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 574671192\n'


GZIP = b'\x1f\x8b\x08\0\0\0\0\0'


@pytest.mark.parametrize(
    'content, problem',
    [
        (b'', 'empty'),
        (b'<!DOCTYPE html>\n<html><title>404</title></html>', 'a web page'),
        (b'\xef\xbb\xbf\r\n <HTML><body>Sign in</body></HTML>', 'a web page'),
        (LFS, 'a Git LFS pointer'),
        (GZIP, 'an archive'),
        (b'PK\3\4\x14\0', 'an archive'),
        (b'\x89HDF\r\n\x1a\n\0', 'HDF5'),
        (b'name: "VGG"\nlayers {\n}\n', 'is it the prototxt'),
        (b'not found', 'is it the prototxt'),
        (field(1, b'no layers\0'), 'has no layers'),
        (bytes(100), 'field number 0'),
        (
            field(2, field(1, field(1, b'old'))),
            "layer 'old' has no bottom and no top",
        ),
    ],
)
def test_file_that_is_no_caffemodel_is_named(tmp_path, content, problem):
    path = tmp_path / 'VGG.caffemodel'
    path.write_bytes(content)
    with pytest.raises(loadcaffe.CaffeFormatError, match=rf'VGG\.caffemodel: .*{problem}'):
        loadcaffe.load('VGG.prototxt', path)


def test_read_tells_text_from_binary_without_a_suffix(data, tmp_path):
    for suffix in ('prototxt', 'caffemodel'):
        (tmp_path / 'net').write_bytes((data / 'models' / f'lenet_v2.{suffix}').read_bytes())
        assert loadcaffe.read(tmp_path / 'net').name == 'LeNetLikeV2'


def test_missing_file_or_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match='net.caffemodel'):
        loadcaffe.read(tmp_path / 'net.caffemodel')
    with pytest.raises(loadcaffe.CaffeFormatError, match='not a regular file'):
        loadcaffe.read(tmp_path)
