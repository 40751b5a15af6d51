"""Runs that get too little memory."""

import os
import re
import subprocess
import sys

import numpy as np
import pytest
from samples import ROOT
from small_runs import SEVEN_ITERATIONS
from written import files, pixels

from neural_style import LossNetwork
from neural_style.command.process import main


def fail(error):
    def do():
        raise error

    return do


def test_out_of_memory_names_a_size_and_saves_picture_and_state(command, at_evaluation, capsys):
    command(SEVEN_ITERATIONS)
    want = pixels()
    at_evaluation(4, fail(RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to")))
    assert command(SEVEN_ITERATIONS) == 1
    err = capsys.readouterr().err
    assert re.search(r'out of memory at 48 x 36.*: -image_size 32 should fit.*-optimizer adam', err)
    (arguments,) = re.findall(r'continue with: .*?(-resume \S+)$', err, re.M)
    assert pixels().std() > 0
    assert main(arguments.split()) == 0
    assert np.array_equal(pixels(), want)


def test_out_of_memory_before_the_first_evaluation_saves_nothing(command, at_evaluation, capsys):
    at_evaluation(1, fail(MemoryError()))
    assert command('-optimizer adam') == 1
    err = capsys.readouterr().err
    assert 'should fit\n' in err
    assert files() == []


def test_out_of_memory_at_the_next_scale_saves_the_picture_but_no_state(
    command, capsys, monkeypatch
):
    def capture(network, picture):
        if picture.shape[2] == 48:
            raise MemoryError
        real(network, picture)

    real = LossNetwork.capture_content
    monkeypatch.setattr(LossNetwork, 'capture_content', capture)
    assert command(f'{SEVEN_ITERATIONS} -multiscale 2') == 1
    assert 'the picture is in out.png\n' in capsys.readouterr().err
    assert files() == ['out.png']


def test_other_errors_are_not_taken_for_lack_of_memory(command, at_evaluation):
    at_evaluation(2, fail(RuntimeError('something else')))
    with pytest.raises(RuntimeError, match='something else'):
        command()


LIMITED = """
import resource, sys
from neural_style.command import process
pages = int(open('/proc/self/statm').read().split()[0])
limit = pages * resource.getpagesize() + 800_000_000
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
sys.exit(process.main(sys.argv[1:]))
"""


@pytest.mark.skipif(not sys.platform.startswith('linux'), reason='needs limits as Linux has them')
@pytest.mark.slow
def test_size_named_within_an_address_space_limit_fits(data, tmp_path):
    stem = data / 'models' / 'mini_vgg19_conv'

    def run(size):
        flags = f"""-gpu -1 -image_size {size} -num_iterations 1 -print_iter 0 -save_iter 0
            -content_image {data}/inputs/scene.jpg -style_image {data}/inputs/strokes.jpg
            -init image -proto_file {stem}.prototxt -model_file {stem}.caffemodel"""
        return subprocess.run(
            [sys.executable, '-c', LIMITED, *flags.split()], cwd=tmp_path, capture_output=True,
            text=True, env=os.environ | {'PYTHONPATH': str(ROOT)},
        )  # fmt: skip

    done = run(2000)
    assert done.returncode == 1
    sizes = re.findall(
        r'an image of 2000 x 1500 pixels needs .*; -image_size (\d+) would', done.stderr
    )
    done = run(sizes[0])
    assert done.returncode == 0
    assert re.fullmatch(
        r'neural_style: .* in tiles .*\nneural_style: the picture is in .*\n', done.stderr
    )
