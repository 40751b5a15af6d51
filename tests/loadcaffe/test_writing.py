"""The convolutional part alone."""

import logging

import pytest
import torch
from caffe_networks import (
    FIRE,
    VGG,
    blob,
    conv,
    image,
    load_net,
    names,
    same_networks,
    step,
)

import loadcaffe
from loadcaffe import __main__ as command


@pytest.fixture(scope='module')
def vgg():
    return loadcaffe.load('no', VGG)


def run(*arguments):
    return command.main(list(map(str, arguments)))


@pytest.mark.parametrize('flag', ['--to', '--conv-only'])
@pytest.mark.parametrize('suffix', ['safetensors', 'caffemodel'])
def test_command_writes_the_convolutional_part(tmp_path, vgg, capsys, flag, suffix):
    out = tmp_path / f'conv.{suffix}'
    assert run('no', VGG, flag, out) == 0
    assert out.stat().st_size < 0.8 * VGG.stat().st_size
    assert f'{out}: 1.3 MB' in capsys.readouterr().out
    assert same_networks(loadcaffe.load('no', out), vgg[:37])
    assert sorted(path.name for path in tmp_path.iterdir()) == [out.name]


def test_convolutional_part_logs_the_lines_of_the_original(tmp_path, caplog):
    assert run('no', VGG, '--to', tmp_path / 'conv.safetensors') == 0
    caplog.set_level(logging.INFO, logger='loadcaffe')
    loadcaffe.load('no', VGG)
    loadcaffe.load('no', tmp_path / 'conv.safetensors')
    lines = [record.getMessage() for record in caplog.records if record.levelno == logging.INFO]
    assert lines[1:17] == lines[-16:]


@pytest.mark.parametrize('suffix', ['safetensors', 'caffemodel'])
def test_convolutional_part_of_a_branched_network(tmp_path, suffix):
    blobs = [blob(2, 11), blob(2)]
    fc = step('InnerProduct', 'mean', 'fc', blobs, inner_product_param={'num_output': 2})
    pool = step('Pooling', 'both', 'mean', pooling_param={'pool': 1, 'global_pooling': True})
    network = load_net(tmp_path, *FIRE, pool, fc, step('Softmax', 'fc', 'prob'))
    out = tmp_path / f'conv.{suffix}'
    assert run('no', tmp_path / 'net.caffemodel', '--conv-only', out) == 0
    part = loadcaffe.load('no', out)
    assert names(part) == ['squeeze', 'left', 'right', 'both', 'mean']
    x = image(1, 3, 4, 4)
    assert torch.equal(part(x), network[:5](x))


def test_convolutional_part_keeps_squeeze_and_excitation(tmp_path):
    squeeze = step('InnerProduct', 'mean', 'fc', [blob(4, 4)], inner_product_param={
        'num_output': 4, 'bias_term': False})  # fmt: skip
    load_net(
        tmp_path,
        conv('data', 'a', 3, 4),
        step('Pooling', 'a', 'mean', pooling_param={'pool': 1, 'global_pooling': True}),
        squeeze,
        step('Axpy', 'fc a a', 'b'),
        conv('b', 'c', 4, 5),
        step('InnerProduct', 'c', 'end', [blob(2, 5), blob(2)]),
    )
    out = tmp_path / 'conv.caffemodel'
    assert run('no', tmp_path / 'net.caffemodel', '--to', out, '--input', '1x3x1x1') == 0
    assert names(loadcaffe.load('no', out)) == ['a', 'mean', 'fc', 'b', 'c']
