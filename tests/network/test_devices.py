"""Devices, on machines as they might be."""

import logging

import pytest
import torch

from neural_style.errors import SettingError
from neural_style.network.devices import check_distinct, choose_devices, gpu_of_rank, parse_gpus


@pytest.fixture
def machine(monkeypatch):
    """Pretend to have so many devices of a kind; settings of PyTorch are put back."""
    monkeypatch.setattr(torch.backends.cudnn, 'benchmark', False)
    monkeypatch.setattr(torch.backends.cudnn, 'allow_tf32', True)

    def pretend(cuda=0, xpu=0, mps=False, cudnn=True):
        monkeypatch.setattr(torch.cuda, 'is_available', lambda: cuda > 0)
        monkeypatch.setattr(torch.cuda, 'device_count', lambda: cuda)
        monkeypatch.setattr(torch.xpu, 'is_available', lambda: xpu > 0)
        monkeypatch.setattr(torch.xpu, 'device_count', lambda: xpu)
        monkeypatch.setattr(torch.backends.mps, 'is_available', lambda: mps)
        monkeypatch.setattr(torch.backends.cudnn, 'is_available', lambda: cudnn)

    return pretend


def names(gpu, *args):
    return [str(device) for device in choose_devices(parse_gpus(gpu), *args)]


def test_minus_one_is_the_cpu_without_a_warning(machine, caplog):
    machine(cuda=2)
    assert names('-1') == names('-2') == names('-1.5') == names('nan') == ['cpu']
    assert names('-1', 'caffe') == ['cpu']  # the original asks for no backend there
    assert caplog.text == ''


def test_gpu_numbers_are_cuda_devices(machine):
    machine(cuda=3)
    assert names('0') == ['cuda:0']
    assert names('2,0') == ['cuda:2', 'cuda:0']


def test_missing_cuda_falls_back_to_the_cpu_with_a_warning(machine, caplog):
    machine()
    assert names('0') == names('0,1') == names('0', 'cudnn') == ['cpu']
    messages = [record.message for record in caplog.records]
    assert messages[0] == '`gpu` 0: no CUDA device here, running on the CPU'
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 3


def test_warning_on_apple_silicon_offers_mps(machine, caplog):
    machine(mps=True)
    assert names('0') == ['cpu']
    assert '`backend` clnn uses' in caplog.text
    assert names('0', 'clnn') == ['mps']


def test_clnn_is_any_other_accelerator(machine):
    machine(cuda=1, xpu=2)
    assert names('1', 'clnn') == ['xpu:1']
    assert names('-1', 'clnn') == ['cpu']


@pytest.mark.parametrize(
    ('have', 'args', 'message'),
    [
        ({'cuda': 2}, ('2',), r'`gpu` 2: this machine has 2 CUDA device\(s\)'),
        ({'cuda': 2}, ('0,5',), '`gpu` 0,5: this machine has 2'),
        ({'cuda': 2}, ('0,-1',), 'cannot be one of several devices$'),
        ({'cuda': 2}, ('-1,-1',), 'share it take `parallel` tiles$'),
        ({'cuda': 1, 'cudnn': False}, ('0', 'cudnn'), '`backend` cudnn: this build'),
        ({'cuda': 1}, ('0', 'clnn'), '`backend` clnn: PyTorch finds no accelerator'),
        ({}, ('0', 'clnn'), '`backend` clnn'),
        ({'xpu': 1}, ('1', 'clnn'), r'1 xpu device\(s\)'),
        ({'mps': True}, ('1', 'clnn'), r'1 mps device\(s\)'),
        ({}, ('abc',), '`gpu` abc: give -1'),
        ({}, ('',), '`gpu` : give -1'),
        ({}, ('1.5',), '`gpu` 1.5: give -1'),
        ({}, ('0', 'torch'), '`backend` torch: choose nn, cudnn or clnn'),
    ],
)
def test_missing_devices_are_refused(machine, have, args, message):
    machine(**have)
    with pytest.raises(SettingError, match=message):
        names(*args)


@pytest.mark.parametrize(
    ('gpus', 'local_rank', 'chosen'),
    [([0], 0, [0]), ([0], 2, [2]), ([4], 1, [5]), ([2, 5, 7], 1, [5]), ([-1], 3, [-1])],
)
def test_each_process_takes_a_gpu_of_its_own(gpus, local_rank, chosen):
    assert gpu_of_rank(gpus, local_rank) == chosen


def test_more_processes_than_gpus_are_refused():
    with pytest.raises(SettingError, match='`gpu` 0,1: there are more processes'):
        gpu_of_rank([0, 1], 2)


def test_gpu_named_twice_is_refused_when_processes_share_an_image(machine):
    machine(cuda=2)
    check_distinct([0, 1])
    check_distinct([-1, -1])
    with pytest.raises(SettingError, match='`gpu` 0,1,0: GPU 0 is named twice'):
        check_distinct([0, 1, 0])
    machine()  # everything falls back to the CPU
    check_distinct([0, 0])


@pytest.mark.parametrize('autotune', [False, True])
def test_cudnn_autotune_sets_cudnn_benchmark(machine, autotune):
    machine(cuda=1)
    choose_devices([0], 'cudnn', autotune)
    assert torch.backends.cudnn.benchmark is autotune


def test_convolutions_keep_float32(machine):
    machine(cuda=1)
    choose_devices([0])
    assert not torch.backends.cudnn.allow_tf32
    assert not torch.backends.cuda.matmul.allow_tf32


@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a CUDA GPU')
def test_run_on_a_gpu_is_close_to_the_cpu(data):
    import loadcaffe
    from neural_style import stylize
    from neural_style.torch7 import image

    models = data / 'models'
    picture = image.scale(image.load(data / 'inputs' / 'scene.jpg'), 160)
    results = []
    for device in ('cpu', 'cuda'):
        cnn = loadcaffe.load(
            str(models / 'mini_vgg19_conv.prototxt'), str(models / 'mini_vgg19_conv.caffemodel')
        )
        settings = {'num_iterations': 3, 'seed': 1, 'init': 'image', 'optimizer': 'adam'}
        results.append(stylize(cnn, picture, [picture.flip(2)], devices=[device], **settings))
    # Three steps of Adam, each of at most 10 of 256: sums of another order move a few pixels.
    assert (results[0] - results[1]).abs().mean() < 0.01
