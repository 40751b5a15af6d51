"""The command: python -m loadcaffe."""

import subprocess
import sys

import pytest
from caffe_networks import VGG
from samples import DATA, ROOT

from loadcaffe import __main__ as command


def run(*arguments):
    return command.main(list(map(str, arguments)))


def test_command_shows_a_table(capsys):
    prototxt = DATA / 'models' / 'mini_vgg19.prototxt'
    assert run(prototxt, VGG, '--input', '64x32', '--net', 'caffemodel') == 1  # fc6 wants 224 x 224
    assert "layer 'fc6' cannot take 1 x 128" in capsys.readouterr().err
    assert run(prototxt, VGG) == 0
    table = capsys.readouterr().out.splitlines()
    assert table[0] == 'mini_VGG19: input 1 x 3 x 224 x 224'
    rows = {line.split()[0]: line.split() for line in table[2:]}
    pool5 = rows['pool5']
    assert pool5[1:9] == ['Pooling', '1', 'x', '64', 'x', '7', 'x', '7']
    assert pool5[-5:-2] == ['268', 'x', '268']  # of VGG-19's last pooling
    assert rows['fc6'][-3] == 'all'
    assert table[-1] == '46 layers, 415,442 parameters (1.7 MB), outputs 15.6 MB'


@pytest.mark.parametrize(
    'arguments, problem',
    [
        (['no', 'nowhere.caffemodel'], 'nowhere.caffemodel: No such file'),
        (['no', VGG, '--input', '0x4'], '--input 0x4'),
        (['no', VGG, '--to', 'x.npz'], 'x.npz: name a .safetensors or .caffemodel'),
        (['no', VGG, '--to', VGG], 'this is the model that is read'),
        (['no', VGG, '--net', 'prototxt'], 'no: No such file'),
    ],
)
def test_command_refuses_with_one_line(capsys, arguments, problem):
    assert run(*arguments) == 1
    error = capsys.readouterr().err
    assert problem in error.splitlines()[-1] and 'Traceback' not in error


def test_module_runs_as_a_command():
    model = DATA / 'models' / 'mini_vgg19_conv.caffemodel'
    call = [sys.executable, '-m', 'loadcaffe', 'no', str(model)]
    done = subprocess.run(
        [*call, '--input', '48x32'], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert 'conv1_1' in done.stdout and 'no is not used' in done.stderr
