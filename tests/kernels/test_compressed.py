"""ReLU and pooling that save bitmasks: PyTorch's outputs and gradients, to the bit."""

import pytest
import torch
from torch import nn

from neural_style.kernels.compressed import run_compressed, saved_bits
from neural_style.kernels.convolution import FrozenConvolution
from neural_style.kernels.options import ExecutionOptions
from neural_style.kernels.pooling import max_pool_with_relu_backward

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
    values = torch.randint(-3, 4, (1, channels, *size), generator=generator).to(device, dtype)
    return values.contiguous(memory_format=torch.channels_last)


def output_and_gradient(call, x):
    x = x.clone(memory_format=torch.channels_last).requires_grad_()
    output = call(x)
    incoming = features(output.shape[2:], x.dtype, 1, x.device, output.shape[1]) / 3
    return output.detach(), torch.autograd.grad(output, x, incoming)[0]


def assert_same(call, reference, x):
    for result, want in zip(
        output_and_gradient(call, x), output_and_gradient(reference, x), strict=True
    ):
        assert torch.equal(result, want)


@pytest.mark.parametrize('dtype', DTYPES)
@pytest.mark.parametrize('size', SIZES)
@pytest.mark.parametrize('layer', LAYERS, ids=str)
def test_compressed_layers_have_pytorchs_gradient(layer, size, dtype):
    assert_same(lambda x: run_compressed(layer, x), layer, features(size, dtype))


@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a CUDA GPU')
@pytest.mark.parametrize('layer', LAYERS, ids=str)
def test_compressed_layers_have_pytorchs_gradient_on_a_gpu(layer):
    assert_same(lambda x: run_compressed(layer, x), layer, features((33, 20), device='cuda'))


@pytest.mark.parametrize('length', [1, 2])
def test_convolutions_have_the_same_gradient_with_bitmasks(length):
    torch.manual_seed(0)
    layer = nn.Conv2d(5, 7, 3, padding=1)
    convolution = FrozenConvolution(layer, torch.float32, CPU)
    options = ExecutionOptions(save_bitmasks=True)
    assert_same(
        lambda x: convolution(x, options, length),
        lambda x: convolution(x, length=length),
        features((19, 23)),
    )


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
def test_max_pooling_applies_the_backward_pass_of_the_relu(pooling, padding, size, save_bitmasks):
    torch.manual_seed(0)
    layer = nn.Conv2d(5, 8, 3, padding=padding)
    layer.weight.data.round_(decimals=1)
    layer.bias.data.fill_(-0.5)
    convolution = FrozenConvolution(layer, torch.float32, CPU)
    x = features(size)
    is_compressed = save_bitmasks and saved_bits(pooling) is not None

    def fused(x):
        output = convolution(x, length=3)
        if is_compressed:
            return run_compressed(pooling, output, has_relu_backward=True)
        return max_pool_with_relu_backward(pooling, output)

    output = pooling(convolution(x, length=2))
    assert (output == 0).any() and (output > 0).any()
    assert_same(fused, lambda x: pooling(convolution(x, length=2)), x)


def test_max_pooling_with_relu_backward_saves_nothing_of_the_layers_before_it():
    convolution = FrozenConvolution(nn.Conv2d(3, 64, 3, padding=1), torch.float32, CPU)
    x = torch.randn(1, 3, 64, 64, requires_grad=True)
    saved = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: saved.append(t) or t, lambda t: t):
        output = max_pool_with_relu_backward(nn.MaxPool2d(2, 2), convolution(x, length=3))
    assert sum(t.numel() for t in saved) == 2 * output.numel()  # the output, and its indices


def test_saved_bits_are_none_for_layers_that_are_left_to_pytorch():
    assert [saved_bits(layer) for layer in LAYERS] == [1, 2, 2, 0, 0]
    for layer in (nn.Tanh(), nn.MaxPool2d(3, 2), nn.MaxPool2d(2, 1), nn.MaxPool2d(2, 2, 1)):
        assert saved_bits(layer) is None
