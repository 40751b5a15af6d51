"""Matrix products and convolutions, to the last bit of Torch7's BLAS."""

import numpy as np
import pytest
import torch
from torch import nn

import loadcaffe
from neural_style.torch7 import blas
from neural_style.torch7.blas import LANES, add_product, dot, gemm_tn, panels
from neural_style.torch7.convolution import convolve

# OpenBLAS takes inner products of no more elements on one thread.
SINGLE_PROCESS = 10_000

needs_avx = pytest.mark.skipif(
    not torch.backends.cpu.get_cpu_capability().startswith('AVX'),
    reason='the recordings and the rounding of oneDNN were compared on AVX2 and AVX-512 only',
)


def chain(a, b):
    """a bᵀ by fused multiply-adds in float32, one after the other (numpy, (M, K), (N, K))."""
    total = np.zeros((len(a), len(b)), np.float32)
    for k in range(a.shape[1]):
        product = a[:, k, None].astype(np.float64) * b[None, :, k]
        total = (total + product).astype(np.float32)
    return total


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(
    ('inner', 'want'),
    [
        (27, [(0, 27)]),
        (448, [(0, 448)]),
        (576, [(0, 288), (288, 576)]),
        (895, [(0, 448), (448, 895)]),
        (1152, [(0, 448), (448, 800), (800, 1152)]),
    ],
)
def test_panels_are_openblas_cuts(inner, want):
    assert panels(inner) == want


def lanes(a, b):
    """a bᵀ with every 16th product in one lane, the lanes added two and two (numpy)."""
    sums = [chain(a[:, k::LANES], b[:, k::LANES]) for k in range(LANES)]
    while len(sums) > 1:
        sums = [x + y for x, y in zip(sums[::2], sums[1::2], strict=True)]
    return sums[0]


def in_panels(a, b):
    total = np.zeros((len(a), len(b)), np.float32)
    for start, end in panels(a.shape[1]):
        total = total + chain(a[:, start:end], b[:, start:end])
    return total


def small(a, b):
    """One chain; up to 8 rows that are left over from 16 in lanes."""
    rest = len(b) % 16
    if not 0 < rest <= 8 or a.shape[1] < 32:
        return chain(a, b)
    return np.concatenate((chain(a, b[:-rest]), lanes(a, b[-rest:])), 1)


SIZES = [(8, 300, 27), (16, 48, 144), (64, 35, 288), (64, 24, 576), (9, 70, 64), (8, 5, 40)]
SIZES += [(64, 30, 576), (8, 6912, 27), (128, 20, 448), (1, 1, 1), (1, 300, 64), (5, 1, 900)]


@needs_avx
@pytest.mark.parametrize('threads', [1, 2])
@pytest.mark.parametrize('transposed', [False, True])
@pytest.mark.parametrize(('m', 'n', 'inner'), SIZES)
def test_products_are_summed_as_openblas_does(m, n, inner, transposed, threads):
    a, b, total = random(m, inner), random(inner, n, seed=1).t(), random(m, n, seed=2)
    if transposed:
        a = a.t().contiguous().t()
    summed = in_panels
    if m * n * inner <= 100**3:
        summed = chain if transposed else small
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        product = add_product(None, a, b, transposed)
        added = add_product(total.clone(), a, b, transposed)
    finally:
        torch.set_num_threads(before)
    want = summed(a.numpy(), b.numpy())
    assert np.array_equal(product.numpy(), want)
    if len(panels(inner)) == 1 or m * n * inner <= 100**3:
        assert np.array_equal(added.numpy(), total.numpy() + want)


@needs_avx
@pytest.mark.parametrize(
    ('m', 'inner', 'summed'),
    [
        *((32, 432, lanes), (16, 1443, lanes), (8, 12288, lanes)),
        *((64, 108, in_panels), (8, 31, in_panels), (8, 20000, in_panels)),
    ],
)
def test_gram_matrices_are_summed_as_openblas_does(m, inner, summed):
    a = random(m, inner)
    assert np.array_equal(gemm_tn(a, a).numpy(), summed(a.numpy(), a.numpy()))


def summed_in_lanes(x, y):
    """Σ x y in 64 lanes, 32 for what is left of them; the last ones in double (numpy)."""
    whole, even = len(x) // 64 * 64, len(x) // 32 * 32
    sums = np.array([chain(x[None, k:whole:64], y[None, k:whole:64])[0, 0] for k in range(64)])
    lanes = [sums[16 * k : 16 * k + 8] + sums[16 * k + 8 : 16 * k + 16] for k in range(4)]
    if whole < even:
        product = x[whole:even].astype(np.float64) * y[whole:even]
        lanes = [
            (a + b).astype(np.float32) for a, b in zip(lanes, product.reshape(4, 8), strict=True)
        ]
    eight = lanes[0] + lanes[1] + lanes[2] + lanes[3]
    a, b, c, d = eight[:4] + eight[4:]
    last = sum(float(a * b) for a, b in zip(x[even:], y[even:], strict=True))
    return np.float32(last + float((a + b) + (c + d)))


@pytest.fixture
def unknown():
    """A machine of which nobody has asked yet how it takes inner products."""
    blas._inner_product.cache_clear()
    yield
    blas._inner_product.cache_clear()


@needs_avx
@pytest.mark.usefixtures('unknown')
@pytest.mark.parametrize('threads', [1, 2])
@pytest.mark.parametrize('length', [1, 31, 32, 63, 64, 95, 96, 1000, 12289, 3 * 128 * 128])
def test_inner_products_are_summed_as_openblas_does(length, threads):
    if length > SINGLE_PROCESS and torch.backends.cpu.get_cpu_capability() != 'AVX2':
        pytest.skip("with AVX-512 only NumPy's on one thread was compared, or AVX2's convolution")
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        for seed in range(0, 20, 2):
            x, y = random(length, seed=seed), random(length, seed=seed + 1)
            assert dot(x, y) == summed_in_lanes(x.numpy(), y.numpy())
    finally:
        torch.set_num_threads(before)


@pytest.mark.usefixtures('unknown')
def test_of_the_ways_to_take_inner_products_the_first_that_sums_in_order_is_taken(monkeypatch):
    x, y = random(1000), random(1000, seed=1)
    want = summed_in_lanes(x.numpy(), y.numpy())
    ways = []

    def way(name, right):
        def found(a, b):
            ways.append(name)
            return summed_in_lanes(a.numpy(), b.numpy()) if right else 0.0

        return found

    for numpy, convolution, taken in ((1, 1, 'numpy'), (0, 1, 'convolution'), (0, 0, 'numpy')):
        monkeypatch.setattr(blas, '_dot_numpy', way('numpy', numpy))
        monkeypatch.setattr(blas, '_dot_convolution', way('convolution', convolution))
        blas._inner_product.cache_clear()
        dot(x, y)
        assert ways[-1] == taken
        assert dot(x, y) == (want if numpy or convolution else 0)


def test_inner_products_are_right_on_any_machine():
    x, y = random(1000), random(1000, seed=1)
    want = float(x.double() @ y.double())
    assert dot(x, y) == pytest.approx(want, abs=1e-4)
    assert dot(x.double(), y.double()) == pytest.approx(want, rel=1e-13)
    assert dot(x * 1e30, x * 1e30) == np.inf


@needs_avx
def test_convolution_adds_its_panels_to_the_bias_in_turn():
    layer = nn.Conv2d(64, 32, 3).requires_grad_(False)
    layer.weight.copy_(random(32, 64, 3, 3))
    layer.bias.copy_(random(32, seed=2))
    x = random(1, 64, 11, 13, seed=1)
    kernels = layer.weight.flatten(1).numpy()
    windows = nn.functional.unfold(x, 3)[0].t().numpy()
    want = np.repeat(layer.bias.numpy()[:, None], len(windows), 1)
    for start, end in panels(576):
        want = want + chain(kernels[:, start:end], windows[:, start:end])
    assert np.array_equal(convolve(layer, x)[0].flatten(1).numpy(), want)


@pytest.mark.parametrize('product', [lambda a, b: add_product(None, a, b), gemm_tn])
@pytest.mark.parametrize(('m', 'n', 'inner'), [(5, 7, 3), (33, 17, 1000), (64, 64, 700), (1, 1, 1)])
def test_products_are_right_on_any_machine(product, m, n, inner):
    a, b = random(m, inner), random(n, inner, seed=1)
    want = a.double() @ b.double().t()
    # float32: the error of a sum of `inner` terms.
    torch.testing.assert_close(product(a, b).double(), want, rtol=0, atol=4e-6 * inner**0.5)
    torch.testing.assert_close(product(a.double(), b.double()), want, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    'geometry',
    [
        {'kernel_size': 3, 'padding': 1},
        {'kernel_size': (3, 5), 'stride': (2, 1), 'padding': (0, 2)},
        {'kernel_size': 11, 'stride': 4},
        {'kernel_size': 3, 'dilation': 2, 'padding': 2, 'bias': False},
    ],
)
def test_convolution_and_its_gradient_are_pytorchs_but_for_rounding(geometry):
    torch.manual_seed(0)
    layer = nn.Conv2d(3, 8, **geometry).requires_grad_(False)
    outputs, gradients = [], []
    for function in (lambda x: convolve(layer, x), layer):
        x = random(1, 3, 24, 31).requires_grad_()
        y = function(x)
        outputs.append(y.detach())
        gradients.append(torch.autograd.grad(y, x, random(*y.shape, seed=1))[0])
    torch.testing.assert_close(*outputs, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(*gradients, rtol=1e-5, atol=1e-5)


@needs_avx
@pytest.mark.parametrize('case', ['c4_5x7_float', 'c16_9x8_float'])
def test_gram_matrices_equal_torch7(golden, case):
    recorded = np.load(golden / 'unit' / 'modules.npz')
    flat = torch.from_numpy(recorded[f'{case}__input']).flatten(1)
    assert np.array_equal(gemm_tn(flat, flat).numpy(), recorded[f'{case}__gram'])


BLOCKS = ((1, 2), (2, 2), (3, 4), (4, 4), (5, 4))


@needs_avx
@pytest.mark.parametrize(
    ('model', 'layers'),
    [
        (
            'mini_vgg19',
            [f'conv{block}_{k}' for block, count in BLOCKS for k in range(1, count + 1)],
        ),
        ('vgg_normalised_conv3_1', ['conv1_1', 'conv1_2', 'conv2_1', 'conv2_2', 'conv3_1']),
    ],
)
def test_convolutions_equal_torch7(golden, model, layers):
    recorded = np.load(golden / 'unit' / 'activations.npz')
    files = [str(golden / 'models' / f'{model}.{end}') for end in ('prototxt', 'caffemodel')]
    below = recorded[f'{model}__input']
    compared = []
    for number, layer in enumerate(loadcaffe.load(*files), start=1):
        key = f'{model}__{number:02d}_{layer.name}'
        if key not in recorded:
            break  # the recorded picture is too small for the fully connected layers
        if layer.name in layers:
            output = convolve(layer, torch.from_numpy(below).unsqueeze(0))
            assert np.array_equal(output[0].numpy(), recorded[key]), layer.name
            compared.append(layer.name)
        below = recorded[key]
    assert compared == layers


def test_the_way_back_knows_when_weights_have_changed():
    layer = nn.Conv2d(3, 4, 3).requires_grad_(False)
    x = random(1, 3, 8, 8).requires_grad_()

    def gradient():
        y = convolve(layer, x)
        return torch.autograd.grad(y, x, torch.ones_like(y))[0]

    before = gradient()
    layer.weight *= 2
    assert torch.equal(gradient(), 2 * before)
