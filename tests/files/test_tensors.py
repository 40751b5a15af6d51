"""Tensors in .safetensors files."""

import pytest
import torch
from safetensors.torch import load_file

from neural_style.files.atomic import write_whole
from neural_style.files.tensors import DTYPES, read_tensors, write_tensors


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_tensors_are_read_as_they_were_written():
    tensors = {str(dtype): (torch.rand(3, 5) * 100).to(dtype) for dtype in DTYPES} | {
        'scalar': torch.tensor(0.1, dtype=torch.float64),
        'none': torch.zeros(0, 4),
    }
    tensors['transposed'] = torch.arange(6.0).view(2, 3).t()
    write_tensors('file', tensors, {'say': 'ünd "so"'})
    for result in (read_tensors('file')[0], load_file('file')):
        assert result.keys() == tensors.keys()
        for name, tensor in tensors.items():
            assert result[name].dtype == tensor.dtype
            assert torch.equal(result[name], tensor)
    assert read_tensors('file')[1] == {'say': 'ünd "so"'}


def test_tensors_are_read_into_aligned_memory():
    write_tensors('file', {name: torch.rand(7) for name in 'abcdef'}, {})
    assert all(tensor.data_ptr() % 64 == 0 for tensor in read_tensors('file')[0].values())


@pytest.mark.parametrize('content', [b'', b'abc', b'\x10' + bytes(7) + b'{}', b'\xff' * 200])
def test_other_files_are_refused(content):
    write_whole('file', content)
    with pytest.raises(ValueError, match='file: damaged'):
        read_tensors('file')
