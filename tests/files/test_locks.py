"""Locks on paths, which end with their process."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from samples import ROOT

from neural_style.files import locks
from neural_style.files.locks import LockedError, locked

HOLD = """
import sys
from neural_style.files.locks import locked
with locked(sys.argv[1]):
    print(flush=True)
    sys.stdin.read(1)
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Let locks be in a folder of their own."""
    (tmp_path / 'locks').mkdir()
    monkeypatch.setattr(tempfile, 'tempdir', str(tmp_path / 'locks'))
    monkeypatch.chdir(tmp_path)


def holder(path):
    """Return another process that holds a lock."""
    environment = os.environ | {'PYTHONPATH': str(ROOT), 'TMPDIR': tempfile.tempdir}
    process = subprocess.Popen(
        [sys.executable, '-c', HOLD, path],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    process.stdout.readline()
    return process


def test_a_path_is_locked_once_by_whatever_name():
    os.symlink('file', 'link')
    with locked('file'):
        for name in ('file', './file', os.path.abspath('file'), 'link'):
            with pytest.raises(LockedError) as error, locked(name):
                pass
            assert error.value.process == str(os.getpid())
        with locked('other'):
            pass
    with locked('file'):
        pass
    assert os.listdir('locks') == [] and os.listdir() == ['link', 'locks']


def test_a_lock_of_another_process_ends_with_it():
    process = holder('file')
    with pytest.raises(LockedError, match=str(process.pid)), locked('file'):
        pass
    process.kill()
    process.communicate()
    assert len(os.listdir('locks')) == 1
    with locked('other'):
        assert len(os.listdir('locks')) == 1, 'that of the killed process is removed'
    with locked('file'):
        pass


def test_nothing_is_locked_where_that_is_impossible(monkeypatch):
    monkeypatch.setattr(tempfile, 'tempdir', str(Path('nowhere').absolute()))
    with locked('file'), locked('file'):
        pass


def test_no_link_is_followed_to_another_file():
    with locked('file'):
        (name,) = os.listdir('locks')
    Path('precious').write_text('precious')
    os.symlink(os.path.abspath('precious'), f'locks/{name}')
    with locked('file'):
        assert Path('precious').read_text() == 'precious'


def test_nothing_is_locked_on_systems_without_locks(monkeypatch):
    monkeypatch.setattr(locks, 'fcntl', None)
    with locked('file'), locked('file'):
        assert os.listdir('locks') == []
    locks.remove_abandoned('.', 'a', 'b')
