"""Saving of pictures and states, and what a full disk costs."""

import errno
import io
import os
import re
import signal
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image
from small_runs import SEVEN_ITERATIONS, send
from written import files

import loadcaffe
from neural_style.command.process import main
from neural_style.command.saving import build_filename, program
from neural_style.files.atomic import write_whole
from neural_style.torch7 import image


@pytest.mark.parametrize(
    ('name', 'expected'),
    [
        ('out.png', './out_100.png'),
        ('dir/out.png', 'dir/out_100.png'),
        ('runs/x/my.out.v2.png', 'runs/x/my.out.v2_100.png'),
        ('/abs/out.jpg', '/abs/out_100.jpg'),
        ('../out.png', '../out_100.png'),
        ('.png', './_100.png'),
        ('dir/sub dir/o ut.PNG', 'dir/sub dir/o ut_100.PNG'),
    ],
)
def test_build_filename_names_files_as_the_original(name, expected):
    assert build_filename(name, 100) == expected


def quantization(file):
    """Return the quantisation tables of a JPEG."""
    with Image.open(file) as image:
        return image.quantization


def test_jpeg_quality_is_that_of_the_file(traced_command):
    traced_command('-output_image', 'a.jpg')
    traced_command('-output_image', 'b.jpg', '-jpeg_quality', '95')
    buffer = io.BytesIO()
    Image.new('RGB', (8, 8)).save(buffer, 'JPEG', quality=95)
    assert quantization('b.jpg') == quantization(buffer) != quantization('a.jpg')


def test_vanished_directory_ends_the_run_with_a_message(command, capsys, monkeypatch):
    os.mkdir('gone')

    def load(*args, **keywords):
        os.rmdir('gone')
        return real(*args, **keywords)

    real = loadcaffe.load
    monkeypatch.setattr(loadcaffe, 'load', load)
    assert command('-output_image gone/out.png') == 1
    assert 'gone/out.png' in capsys.readouterr().err


def test_full_disk_costs_only_intermediate_pictures_and_states(
    command, at_evaluation, capsys, monkeypatch
):
    def full(path, content):
        if 'out.png' not in str(path):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(path, content)

    real = write_whole
    monkeypatch.setattr('neural_style.files.tensors.write_whole', full)
    monkeypatch.setattr('neural_style.torch7.image.write_whole', full)
    assert command(f'{SEVEN_ITERATIONS} -checkpoint state -checkpoint_iter 3') == 0
    err = capsys.readouterr().err
    assert './out_2.png: cannot write the image: No space left on device; continuing' in err
    assert err.count('state: cannot write the state: No space left on device') == 2
    assert files() == ['out.png']


def test_final_picture_is_saved_elsewhere_if_need_be(command, capsys):
    os.mkdir('gone')
    command('-num_iterations 1')

    class Vanishing(io.StringIO):
        def write(self, text):
            if 'Iteration 1 ' in text and os.path.exists('gone'):
                os.rmdir('gone')
            return super().write(text)

    capsys.readouterr()
    out, sys.stdout = sys.stdout, Vanishing()
    try:
        assert command('-num_iterations 1 -print_iter 1 -output_image gone/out.png') == 1
    finally:
        sys.stdout = out
    assert re.search(
        r'gone/out.png: cannot write .*; the picture is in .*/out1.png$', capsys.readouterr().err
    )
    assert torch.equal(image.load('out1.png'), image.load('out.png'))


def test_state_of_an_interrupted_run_replaces_no_other_file(command, capsys, at_evaluation):
    Path('out.checkpoint').write_text('of another kind')
    at_evaluation(2, send(signal.SIGINT))
    assert command(SEVEN_ITERATIONS) == 130
    assert 'the state is in out1.checkpoint' in capsys.readouterr().err
    assert Path('out.checkpoint').read_text() == 'of another kind'
    at_evaluation(5, send(signal.SIGINT))  # counted on, and by both
    assert main(['-resume', 'out1.checkpoint', '-output_image', 'out1.png']) == 130
    assert 'the state is in out1.checkpoint' in capsys.readouterr().err  # in place of the older one


@pytest.mark.parametrize(
    ('path', 'expected'),
    [
        ('folder/neural_style.py', ['PYTHON', 'folder/neural_style.py']),
        ('folder/neural_style/__main__.py', ['PYTHON', '-m', 'neural_style']),
        ('folder/host.py', ['PYTHON', '-m', 'neural_style']),
        ('folder/not_on_the_path', ['folder/not_on_the_path']),
        ('/bin/sh', ['sh']),
    ],
)
def test_program_is_what_a_shell_calls_it(monkeypatch, path, expected):
    monkeypatch.setattr(sys, 'argv', [path])
    python = os.path.basename(sys.executable)
    assert program() == [python if word == 'PYTHON' else word for word in expected]
