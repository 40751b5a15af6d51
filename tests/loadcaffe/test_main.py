"""The command: python -m loadcaffe."""

import subprocess
import sys

import pytest
from caffe_networks import DEPLOY, VGG, blob, write_message
from samples import DATA, ROOT

from loadcaffe import __main__ as command
from loadcaffe.formats import schema


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


@pytest.mark.parametrize(
    ('redirection', 'status', 'error'),
    [
        ('>/dev/full', 1, 'stdout: No space left on device\n'),
        pytest.param('>&-', 0, '', marks=pytest.mark.slow),
        pytest.param('| head -c 9', 0, '', marks=pytest.mark.slow),
    ],
)
def test_stdout_that_takes_no_text_is_no_traceback(redirection, status, error):
    model = DATA / 'models' / 'mini_vgg19_conv'
    files = f'{model}.prototxt {model}.caffemodel'
    call = f'set -o pipefail; {sys.executable} -m loadcaffe {files} --input 48x32 {redirection}'
    done = subprocess.run(['bash', '-c', call], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (status, error)


@pytest.mark.slow
def test_layers_left_out_are_named_once(tmp_path):
    net = schema.NetParameter(input=['data'], input_dim=[1, 3, 8, 8])
    convolution = {'num_output': 4, 'kernel_size': [1]}
    net.layer.add(
        name='conv1',
        type='Convolution',
        bottom=['data'],
        top=['conv1'],
        blobs=[blob(4, 3, 1, 1), blob(4)],
        convolution_param=convolution,
    )
    net.layer.add(name='odd', type='Odd', bottom=['conv1'], top=['odd'])
    model = write_message(tmp_path / 'odd.caffemodel', net)
    prototxt = tmp_path / 'odd.prototxt'
    prototxt.write_text(DEPLOY.replace('"Softmax"', '"Odd"') % 4)
    call = [sys.executable, '-m', 'loadcaffe', str(prototxt), str(model), '--net', 'prototxt']
    call += ['--to', str(tmp_path / 'part.safetensors')]
    done = subprocess.run(call, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stderr.count('left out') == 1
