"""torch7/file.py: whole files, and tensors in them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from samples import ROOT

from neural_style.files.atomic import DTYPES, read_tensors, write_tensors, write_whole


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_file_is_written_in_one_piece_or_several():
    write_whole('one', b'abc')
    write_whole('several', iter([b'a', memoryview(b'bc')]))
    assert (Path('one').read_text(), Path('several').read_text()) == ('abc', 'abc')


def test_a_failure_on_the_way_leaves_the_old_file_alone():
    def pieces():
        yield b'new'
        raise OSError('disk')

    write_whole('file', b'old')
    with pytest.raises(OSError, match='disk'):
        write_whole('file', pieces())
    assert (Path('file').read_text(), os.listdir()) == ('old', ['file'])


def test_permissions_of_a_file_stay_and_a_new_one_has_the_usual():
    write_whole('file', b'old')
    Path('other').touch()
    assert os.stat('file').st_mode == os.stat('other').st_mode
    os.chmod('file', 0o640)
    write_whole('file', b'new')
    assert os.stat('file').st_mode & 0o777 == 0o640


def test_a_link_stays_and_its_target_is_written():
    os.mkdir('far')
    os.symlink('far/file', 'link')
    write_whole('link', b'new')
    assert os.path.islink('link')
    assert Path('far/file').read_text() == 'new'


def test_a_read_only_file_is_refused(monkeypatch):
    write_whole('file', b'old')
    monkeypatch.setattr(os, 'access', lambda path, mode: False)  # root may write everything
    with pytest.raises(PermissionError, match='read-only'):
        write_whole('file', b'new')
    assert (Path('file').read_text(), os.listdir()) == ('old', ['file'])


WRITE = """
import sys, os, signal
from neural_style.files.atomic import write_whole
def pieces():
    yield b'half'
    {}
    yield b'half'
write_whole(sys.argv[1], pieces())
"""


def writer(do, name):
    """Another process, that does something when half of a file is written."""
    command = [sys.executable, '-c', WRITE.format(do), name]
    paths = os.environ | {'PYTHONPATH': str(ROOT)}
    return subprocess.Popen(command, env=paths, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def test_what_a_killed_process_left_is_swept_away():
    writer('os.kill(os.getpid(), signal.SIGKILL)', 'other').communicate()
    (left,) = os.listdir()
    assert left.startswith('.neural_style-')
    write_whole('file', b'abc')
    assert os.listdir() == ['file']


def test_what_another_process_is_writing_is_let_alone():
    other = writer('print(flush=True); sys.stdin.read(1)', 'other')
    other.stdout.readline()
    write_whole('file', b'abc')
    other.communicate(b' ')
    assert sorted(os.listdir()) == ['file', 'other']
    assert Path('other').read_text() == 'halfhalf'


def test_tensors_come_back_as_they_were():
    tensors = {str(dtype): (torch.rand(3, 5) * 100).to(dtype) for dtype in DTYPES} | {
        'scalar': torch.tensor(0.1, dtype=torch.float64),
        'none': torch.zeros(0, 4),
    }
    tensors['turned'] = torch.arange(6.0).view(2, 3).t()
    write_tensors('file', tensors, {'say': 'ünd "so"'})
    for found in (read_tensors('file')[0], load_file('file')):
        assert found.keys() == tensors.keys()
        for name, tensor in tensors.items():
            assert found[name].dtype == tensor.dtype
            assert torch.equal(found[name], tensor)
    assert read_tensors('file')[1] == {'say': 'ünd "so"'}


def test_tensors_that_are_read_begin_where_new_ones_do():
    write_tensors('file', {name: torch.rand(7) for name in 'abcdef'}, {})
    assert all(tensor.data_ptr() % 64 == 0 for tensor in read_tensors('file')[0].values())


@pytest.mark.parametrize('content', [b'', b'abc', b'\x10' + bytes(7) + b'{}', b'\xff' * 200])
def test_what_holds_no_tensors_is_refused(content):
    write_whole('file', content)
    with pytest.raises(ValueError, match='file: damaged'):
        read_tensors('file')
