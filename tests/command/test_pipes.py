"""Pictures that come through pipes, and pictures on stdout."""

import hashlib
import io
import os
import signal
import subprocess
import sys
import threading

import PIL.Image
import pytest
from small_runs import fail, script, send
from written import files, pixels, recipe_of

from neural_style.command import pipes


class Stream(io.BytesIO):
    """A stream of text above one of bytes, as sys.stdin and sys.stdout are."""

    def __init__(self, content=b'', tty=False):
        super().__init__(content)
        self.tty = tty

    @property
    def buffer(self):
        return self

    def isatty(self):
        return self.tty


@pytest.fixture
def scene(data):
    return (data / 'inputs' / 'scene.jpg').read_bytes()


@pytest.fixture
def pipe(tmp_path, scene):
    """Return the path of a pipe, which a picture comes through once."""
    path = tmp_path / 'pipe'
    os.mkfifo(path)
    thread = threading.Thread(target=path.write_bytes, args=(scene,))
    thread.start()
    yield path
    thread.join()
    path.unlink()


@pytest.fixture
def expected(small_command):
    """Return the pixels of the picture of the file itself."""
    assert small_command() == 0
    return pixels().tolist()


@pytest.mark.parametrize('flag', ['content_image', 'style_image', 'init_image'])
def test_a_picture_from_a_fifo_is_read_once(small_command, pipe, flag, capsys):
    assert small_command(f'-{flag}', pipe, *(['-init', 'image'] if 'init' in flag else [])) == 0


def test_a_picture_from_a_fifo_gives_what_its_file_gives(small_command, expected, pipe, scene):
    assert small_command('-content_image', pipe) == 0
    assert pixels().tolist() == expected
    sha256 = hashlib.sha256(scene).hexdigest()
    assert recipe_of('out.png')['inputs'][0] == ['content_image', 'pipe', sha256]


def test_a_minus_is_stdin(small_command, expected, monkeypatch, scene):
    monkeypatch.setattr(sys, 'stdin', Stream(scene))
    assert small_command('-content_image', '-', '-init_image', '-') == 0
    assert pixels().tolist() == expected
    assert recipe_of('out.png')['inputs'][0][1] == 'stdin'


@pytest.mark.parametrize(
    ('stdin', 'message'),
    [
        (Stream(), 'nothing came through the pipe'),
        (Stream(tty=True), 'stdin is a terminal; pipe a picture into it'),
        (None, 'cannot read the pipe: it is closed'),
        (Stream(bytes(1000)), 'more than 999 bytes came through the pipe; name a file'),
    ],
)
def test_a_pipe_without_a_picture_is_refused(small_command, monkeypatch, capsys, stdin, message):
    monkeypatch.setattr(pipes, 'MAX_PIPED_BYTES', 999)
    monkeypatch.setattr(sys, 'stdin', stdin)
    assert small_command('-content_image', '-') == 1
    assert capsys.readouterr().err == f'neural_style: -content_image -: {message}\n'
    assert files() == []


def test_a_damaged_picture_from_a_pipe_is_named(small_command, monkeypatch, capsys):
    monkeypatch.setattr(sys, 'stdin', Stream(b'text'))
    assert small_command('-content_image', '-') == 1
    assert '-content_image: stdin: not a picture that can be read' in capsys.readouterr().err


@pytest.mark.parametrize('name', ['-', '/dev/stdout'])
def test_the_picture_goes_to_stdout_and_the_text_to_stderr(
    small_command, expected, monkeypatch, capsys, name
):
    os.remove('out.png')
    capsys.readouterr()
    stream = Stream()
    with monkeypatch.context() as patch:
        patch.setattr(sys, 'stdout', stream)
        assert small_command('-output_image', name, '-save_iter', 1, '-print_iter', 1) == 0
    told = capsys.readouterr().err
    assert 'Iteration 1 / 1' in told
    assert '-save_iter 1: has no effect with the picture on stdout' in told
    with PIL.Image.open(io.BytesIO(stream.getvalue())) as picture:
        assert pixels_of(picture) == expected
    assert files() == []


def pixels_of(picture):
    return [[list(picture.getpixel((x, y))) for x in range(32)] for y in range(picture.height)]


def test_a_terminal_gets_no_picture(small_command, monkeypatch, capsys):
    monkeypatch.setattr(sys, 'stdout', Stream(tty=True))
    assert small_command('-output_image', '-') == 1
    assert 'stdout is a terminal; redirect it' in capsys.readouterr().err


def test_an_object_that_takes_text_only_gets_no_picture(small_command, monkeypatch, capsys):
    monkeypatch.setattr(sys, 'stdout', io.StringIO())
    assert small_command('-output_image', '-') == 1
    assert '-output_image -: stdout is an object' in capsys.readouterr().err
    assert files() == []


def test_a_picture_that_stdout_refuses_is_saved_in_a_file(small_command, monkeypatch, capsys):
    stream = Stream()
    stream.write = lambda content: fail(BrokenPipeError(32, 'Broken pipe'))()
    monkeypatch.setattr(sys, 'stdout', stream)
    assert small_command('-output_image', '-') == 1
    assert 'Broken pipe; the picture is in ' in capsys.readouterr().err
    assert files() == ['out.png']


def test_an_interrupted_run_leaves_picture_and_state(
    small_command, monkeypatch, capsys, at_evaluation
):
    at_evaluation(1, send(signal.SIGINT))
    stream = Stream()
    monkeypatch.setattr(sys, 'stdout', stream)
    assert small_command('-output_image', '-', '-num_iterations', 3) == 130
    err = capsys.readouterr().err
    assert 'the picture is on stdout; the state is in out.checkpoint' in err
    assert stream.getvalue().startswith(b'\x89PNG')
    assert files() == ['out.checkpoint']


def test_a_batch_does_not_go_to_stdout(small_command, capsys, data):
    assert small_command('-content_image', data / 'inputs', '-output_image', '-') == 1
    assert 'stdout takes a single picture; name a file' in capsys.readouterr().err


def test_a_shell_pipes_pictures_in_and_out(data, tmp_path, scene):
    flags = ['-content_image', '/dev/stdin', '-output_image', '-']
    done = subprocess.run([*script(data), *flags], input=scene, capture_output=True, cwd=tmp_path)
    assert done.returncode == 0 and b'Capturing content targets' in done.stderr
    with PIL.Image.open(io.BytesIO(done.stdout)) as picture:
        assert picture.size == (32, 24)
