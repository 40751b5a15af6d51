"""Streams of every kind: what cannot be printed ends no run."""

import io
import os
import shutil
import subprocess
import sys

import pytest
from small_runs import script
from written import files

from neural_style.command import terminal
from neural_style.command.process import main
from neural_style.command.terminal import progress_bar, write

OTHERS = [pytest.param(name, marks=pytest.mark.slow) for name in ('cp1252', 'utf-8:strict')]


@pytest.mark.parametrize('encoding', ['ascii', *OTHERS])
def test_names_that_the_console_lacks_are_painted(data, tmp_path, encoding):
    pictures = tmp_path / 'in'
    pictures.mkdir()
    names = ['é.jpg', '水墨马.jpg', os.fsdecode(b'mu\xf1oz.jpg')]
    for name in names:
        shutil.copy(data / 'inputs' / 'scene.jpg', pictures / name)
    (tmp_path / 'out').mkdir()
    done = subprocess.run(
        [*script(data), '-content_image', pictures, '-output_image', tmp_path / 'out' / '画.png'],
        cwd=tmp_path,
        capture_output=True,
        env=os.environ | {'PYTHONIOENCODING': encoding},
    )
    assert (done.returncode, done.stderr) == (0, b'')
    assert b'\\udcf1' in done.stdout
    assert len(files(tmp_path / 'out')) == len(names)


class Stream:
    """A stream of a program around the command, with as few methods as there may be."""

    def __init__(self, error=None):
        self.error = error
        self.text = ''

    def write(self, text):
        if self.error is not None:
            raise self.error
        self.text += text


def closed_stream():
    stream = io.StringIO()
    stream.close()
    return stream


STREAMS = {
    'none': lambda: None,
    'closed': closed_stream,
    'without methods': Stream,
    'failing': lambda: Stream(RuntimeError('the window has been deleted')),
    'broken pipe': lambda: Stream(BrokenPipeError(32, 'Broken pipe')),
    'full disk': lambda: Stream(OSError(28, 'No space left on device')),
    'bytes': io.BytesIO,
    'text': io.StringIO,
}


@pytest.mark.parametrize('make', STREAMS.values(), ids=STREAMS)
def test_streams_of_a_host_stop_no_run_and_are_given_back(command, monkeypatch, make):
    stream = make()
    monkeypatch.setattr(sys, 'stdout', stream)
    monkeypatch.setattr(sys, 'stderr', stream)
    status = command('-print_iter 1')
    assert (sys.stdout, sys.stderr) == (stream, stream)
    monkeypatch.undo()
    assert status == 0


def test_stream_without_methods_gets_the_text(command, monkeypatch):
    stream = Stream()
    monkeypatch.setattr(sys, 'stdout', stream)
    command('-print_iter 1')
    assert 'Iteration 2 / 2\t\n' in stream.text


def test_usage_is_shown_on_any_stream(monkeypatch):
    monkeypatch.setattr(sys, 'stdout', closed_stream())
    assert main(['-help']) == 0
    assert main(['-no_such_flag']) == 1


@pytest.mark.parametrize(
    ('encoding', 'text'), [('cp1252', 'é \\u6c34 \\udcf1'), ('ascii', '\\xe9 \\u6c34 \\udcf1')]
)
def test_characters_that_an_encoding_lacks_are_escaped(encoding, text):
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding, newline='\n')
    write('é 水 \udcf1', stream)
    assert stream.buffer.getvalue().decode(encoding) == text + '\n'


@pytest.mark.parametrize('error', [BlockingIOError(11, 'busy'), OSError(5, 'gone'), ValueError()])
def test_progress_bar_on_a_failing_terminal_stops_no_run(monkeypatch, error):
    stream = Stream(error)
    stream.isatty = lambda: True
    monkeypatch.setattr(sys, 'stderr', stream)
    with progress_bar(3) as bar:
        bar.update()
        bar.refresh()
    assert bar.n == 1


def test_progress_bar_makes_way_for_lines(monkeypatch):
    stream = io.StringIO()
    stream.isatty = lambda: True
    monkeypatch.setattr(sys, 'stderr', stream)
    with progress_bar(3):
        terminal.warn('a line')
    lines = stream.getvalue().replace('\r', '\n').splitlines()
    assert 'neural_style: a line' in lines
