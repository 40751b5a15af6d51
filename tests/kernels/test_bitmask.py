"""ReLU, pooling and convolutions that keep bits: PyTorch's gradients, to the bit."""

import numpy as np
import pytest
import torch
from samples import loss_network
from torch import nn

from neural_style.kernels import bitmask as bits
from neural_style.kernels.bitmask import PackedMask
from neural_style.kernels.convolution import ExecutionOptions, FrozenConvolution

CPU = torch.device('cpu')
DTYPES = [torch.float64, torch.float32, torch.float16, torch.bfloat16]
LAYERS = [
    nn.ReLU(),
    nn.MaxPool2d(2, 2),
    nn.MaxPool2d(2, 2, ceil_mode=True),
    nn.AvgPool2d(2, 2),
    nn.AvgPool2d((3, 2), (2, 1), (1, 0), ceil_mode=True, count_include_pad=False),
]
SIZES = [(8, 8), (7, 9), (33, 20)]


def features(size, dtype=torch.float32, seed=0, device='cpu', channels=5):
    """Few values, many of them equal or zero."""
    generator = torch.Generator().manual_seed(seed)
    found = torch.randint(-3, 4, (1, channels, *size), generator=generator).to(device, dtype)
    return found.contiguous(memory_format=torch.channels_last)


def way_back(call, x, seed=1):
    x = x.clone(memory_format=torch.channels_last).requires_grad_()
    found = call(x)
    above = features(found.shape[2:], x.dtype, seed, x.device, found.shape[1]) / 3
    return found.detach(), torch.autograd.grad(found, x, above)[0]


@pytest.mark.parametrize('dtype', DTYPES)
@pytest.mark.parametrize('size', SIZES)
@pytest.mark.parametrize('layer', LAYERS, ids=str)
def test_gradients_are_those_of_pytorch(layer, size, dtype):
    x = features(size, dtype)
    want = way_back(layer, x)
    found = way_back(lambda x: bits.run(layer, x), x)
    assert torch.equal(found[0], want[0])
    assert torch.equal(found[1], want[1])


@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a CUDA GPU')
@pytest.mark.parametrize('layer', LAYERS, ids=str)
def test_gradients_are_those_of_pytorch_on_a_gpu(layer):
    x = features((33, 20), device='cuda')
    want = way_back(layer, x)
    found = way_back(lambda x: bits.run(layer, x), x)
    assert torch.equal(found[0], want[0])
    assert torch.equal(found[1], want[1])


@pytest.mark.parametrize('rectify', [False, True])
def test_convolutions_have_the_same_gradient_with_bits(rectify):
    torch.manual_seed(0)
    fixed = FrozenConvolution(nn.Conv2d(5, 7, 3, padding=1), torch.float32, torch.device('cpu'))
    x = features((19, 23))
    count = 1 + rectify
    want = way_back(lambda x: fixed(x, count=count), x)
    found = way_back(lambda x: fixed(x, ExecutionOptions(save_bitmasks=True), count), x)
    assert torch.equal(found[0], want[0])
    assert torch.equal(found[1], want[1])


@pytest.mark.parametrize('save_bitmasks', [False, True])
@pytest.mark.parametrize('size', SIZES)
@pytest.mark.parametrize('padding', [0, 1])
@pytest.mark.parametrize(
    'pooling',
    [
        nn.MaxPool2d(2, 2),
        nn.MaxPool2d(2, 2, ceil_mode=True),
        nn.MaxPool2d(3, 2, ceil_mode=True),
        nn.MaxPool2d((3, 2), (1, 2), padding=1),
    ],
    ids=str,
)
def test_a_pooling_sees_to_the_way_back_of_the_relu_below_it(pooling, padding, size, save_bitmasks):
    torch.manual_seed(0)
    layer = nn.Conv2d(5, 8, 3, padding=padding)
    layer.weight.data.round_(decimals=1)
    layer.bias.data.fill_(-0.5)
    cnn = nn.Sequential(layer, nn.ReLU(), pooling)
    net = loss_network(nn.Sequential(*cnn), content_layers=['2'], style_layers=[])
    x = features(size)
    alone = FrozenConvolution(layer, torch.float32, CPU)
    want = way_back(lambda x: pooling(alone(x, count=2)), x)
    options = ExecutionOptions(fixed=True, save_bitmasks=save_bitmasks)
    found = way_back(lambda x: net.runner.run(list(cnn), x, options), x)
    assert (want[0] == 0).any() and (want[0] > 0).any()
    assert torch.equal(found[0], want[0])
    assert torch.equal(found[1], want[1])


def test_nothing_of_the_layers_below_a_pooling_is_kept():
    cnn = nn.Sequential(nn.Conv2d(3, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2, 2))
    net = loss_network(nn.Sequential(*cnn), content_layers=['2'], style_layers=[])
    x = torch.randn(1, 3, 64, 64, requires_grad=True)
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t) or t, lambda t: t):
        found = net.runner.run(list(cnn), x, ExecutionOptions(fixed=True))
    assert sum(t.numel() for t in kept) == 2 * found.numel()  # its output, and where in the windows


def test_layers_that_are_not_known_are_left_to_pytorch():
    known = [bits.saved_bits(layer) for layer in LAYERS]
    assert known == [1, 2, 2, 0, 0]
    for layer in (nn.Tanh(), nn.MaxPool2d(3, 2), nn.MaxPool2d(2, 1), nn.MaxPool2d(2, 2, 1)):
        assert bits.saved_bits(layer) is None


@pytest.mark.parametrize('threads', [1, 4, 7])
def test_large_tensors_are_packed_by_several_threads_alike(threads, monkeypatch):
    monkeypatch.setattr(bits, 'PIECE', 64)
    monkeypatch.setattr(bits, 'SOME', 64)
    monkeypatch.setattr(bits.torch, 'get_num_threads', lambda: threads)
    x = features((33, 20))
    assert torch.equal(PackedMask(x).mask(x.clone()), x.clamp(min=0))


@pytest.mark.parametrize('length', [0, 1, 8, 1001])
def test_packing_on_a_device_is_that_on_the_cpu(length):
    numbers = torch.randint(-1, 2, (length,), dtype=torch.int32)
    want = np.zeros(-(-length // 8), np.uint8)
    bits._pack(numbers.numpy(), want)
    assert bits._packed_there(numbers).tolist() == want.tolist()


def test_a_bit_is_kept_for_an_element():
    kept = PackedMask(features((64, 64)))
    assert kept.bytes.nbytes == 5 * 64 * 64 / 8


def test_bits_stay_when_others_are_made():
    made = [(x, PackedMask(x)) for x in (features((9, 9), seed=seed) for seed in range(20))]
    for x, kept in made:
        assert torch.equal(kept.mask(x.clone()), x.clamp(min=0))
