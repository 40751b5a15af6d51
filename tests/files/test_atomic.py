"""Files that are written whole or not at all."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from samples import ROOT

from neural_style.files.atomic import write_whole


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_write_whole_takes_bytes_or_chunks():
    write_whole('one', b'abc')
    write_whole('several', iter([b'a', memoryview(b'bc')]))
    assert (Path('one').read_text(), Path('several').read_text()) == ('abc', 'abc')


def test_failed_write_keeps_the_old_file():
    def chunks():
        yield b'new'
        raise OSError('disk')

    write_whole('file', b'old')
    with pytest.raises(OSError, match='disk'):
        write_whole('file', chunks())
    assert (Path('file').read_text(), os.listdir()) == ('old', ['file'])


def test_permissions_are_kept_and_new_files_follow_the_umask():
    write_whole('file', b'old')
    Path('other').touch()
    assert os.stat('file').st_mode == os.stat('other').st_mode
    os.chmod('file', 0o640)
    write_whole('file', b'new')
    assert os.stat('file').st_mode & 0o777 == 0o640


def test_write_whole_writes_through_a_link():
    os.mkdir('far')
    os.symlink('far/file', 'link')
    write_whole('link', b'new')
    assert os.path.islink('link')
    assert Path('far/file').read_text() == 'new'


def test_read_only_file_is_refused(monkeypatch):
    write_whole('file', b'old')
    monkeypatch.setattr(os, 'access', lambda path, mode: False)  # root may write everything
    with pytest.raises(PermissionError, match='read-only'):
        write_whole('file', b'new')
    assert (Path('file').read_text(), os.listdir()) == ('old', ['file'])


WRITE = """
import sys, os, signal
from neural_style.files.atomic import write_whole
def chunks():
    yield b'half'
    {}
    yield b'half'
write_whole(sys.argv[1], chunks())
"""


def writer(do, name):
    """Another process, that does something when half of a file is written."""
    command = [sys.executable, '-c', WRITE.format(do), name]
    paths = os.environ | {'PYTHONPATH': str(ROOT)}
    return subprocess.Popen(command, env=paths, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def test_unfinished_file_of_a_killed_process_is_removed():
    writer('os.kill(os.getpid(), signal.SIGKILL)', 'other').communicate()
    (left,) = os.listdir()
    assert left.startswith('.neural_style-')
    write_whole('file', b'abc')
    assert os.listdir() == ['file']


def test_unfinished_file_of_a_running_process_stays():
    other = writer('print(flush=True); sys.stdin.read(1)', 'other')
    other.stdout.readline()
    write_whole('file', b'abc')
    other.communicate(b' ')
    assert sorted(os.listdir()) == ['file', 'other']
    assert Path('other').read_text() == 'halfhalf'
