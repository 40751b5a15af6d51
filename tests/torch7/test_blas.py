"""Matrix and inner products, to the last bit of Torch7's BLAS."""

import numpy as np
import pytest
import torch
from rounding import chain, needs_avx, random

from neural_style.torch7 import blas
from neural_style.torch7.blas import LANES, add_product, choose_dot, dot, gemm_tn, panels

# OpenBLAS computes inner products of up to so many elements on one thread.
SINGLE_THREAD_ELEMENTS = 10_000


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
def test_panels_are_those_of_openblas(inner, want):
    assert panels(inner) == want


def lanes(a, b):
    """Return a bᵀ: every 16th product in one lane, the lanes added in pairs (numpy)."""
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
    """One chain; a remainder of up to 8 rows after 16 in lanes."""
    remainder = len(b) % 16
    if not 0 < remainder <= 8 or a.shape[1] < 32:
        return chain(a, b)
    return np.concatenate((chain(a, b[:-remainder]), lanes(a, b[-remainder:])), 1)


SIZES = [(8, 300, 27), (16, 48, 144), (64, 35, 288), (64, 24, 576), (9, 70, 64), (8, 5, 40)]
SIZES += [(64, 30, 576), (8, 6912, 27), (128, 20, 448), (1, 1, 1), (1, 300, 64), (5, 1, 900)]


@needs_avx
@pytest.mark.parametrize('threads', [1, 2])
@pytest.mark.parametrize('transposed', [False, True])
@pytest.mark.parametrize(('m', 'n', 'inner'), SIZES)
def test_product_is_summed_as_openblas_does(m, n, inner, transposed, threads):
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
def test_gram_matrix_is_summed_as_openblas_does(m, inner, summed):
    a = random(m, inner)
    assert np.array_equal(gemm_tn(a, a).numpy(), summed(a.numpy(), a.numpy()))


def summed_in_lanes(x, y):
    """Return Σ x y in 64 lanes, then in 32; the last ones in double (numpy)."""
    full, even = len(x) // 64 * 64, len(x) // 32 * 32
    sums = np.array([chain(x[None, k:full:64], y[None, k:full:64])[0, 0] for k in range(64)])
    lanes = [sums[16 * k : 16 * k + 8] + sums[16 * k + 8 : 16 * k + 16] for k in range(4)]
    if full < even:
        product = x[full:even].astype(np.float64) * y[full:even]
        lanes = [
            (a + b).astype(np.float32) for a, b in zip(lanes, product.reshape(4, 8), strict=True)
        ]
    eight = lanes[0] + lanes[1] + lanes[2] + lanes[3]
    a, b, c, d = eight[:4] + eight[4:]
    last = sum(float(a * b) for a, b in zip(x[even:], y[even:], strict=True))
    return np.float32(last + float((a + b) + (c + d)))


@pytest.fixture
def no_choice():
    """Forget which implementation of inner products was chosen."""
    choose_dot.cache_clear()
    yield
    choose_dot.cache_clear()


LARGEST = pytest.param(3 * 128 * 128, marks=pytest.mark.slow)


@needs_avx
@pytest.mark.usefixtures('no_choice')
@pytest.mark.parametrize('threads', [1, 2])
@pytest.mark.parametrize('length', [1, 31, 32, 63, 64, 95, 96, 1000, 12289, LARGEST])
def test_dot_is_summed_as_openblas_does(length, threads):
    if length > SINGLE_THREAD_ELEMENTS and torch.backends.cpu.get_cpu_capability() != 'AVX2':
        pytest.skip("with AVX-512 only NumPy's on one thread was compared, or AVX2's convolution")
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        for seed in range(0, 20, 2):
            x, y = random(length, seed=seed), random(length, seed=seed + 1)
            assert dot(x, y) == summed_in_lanes(x.numpy(), y.numpy())
    finally:
        torch.set_num_threads(before)


@pytest.mark.usefixtures('no_choice')
def test_dot_uses_first_implementation_in_reference_order(monkeypatch):
    x, y = random(1000), random(1000, seed=1)
    want = summed_in_lanes(x.numpy(), y.numpy())
    calls = []

    def implementation(name, is_right):
        def product(a, b):
            calls.append(name)
            return summed_in_lanes(a.numpy(), b.numpy()) if is_right else 0.0

        return product

    for numpy, convolution, chosen in ((1, 1, 'numpy'), (0, 1, 'convolution'), (0, 0, 'numpy')):
        monkeypatch.setattr(blas, 'dot_numpy', implementation('numpy', numpy))
        monkeypatch.setattr(blas, 'dot_convolution', implementation('convolution', convolution))
        choose_dot.cache_clear()
        dot(x, y)
        assert calls[-1] == chosen
        assert dot(x, y) == (want if numpy or convolution else 0)


def test_dot_is_accurate_on_any_machine():
    x, y = random(1000), random(1000, seed=1)
    want = float(x.double() @ y.double())
    assert dot(x, y) == pytest.approx(want, abs=1e-4)
    assert dot(x.double(), y.double()) == pytest.approx(want, rel=1e-13)
    assert dot(x * 1e30, x * 1e30) == np.inf


@pytest.mark.parametrize('product', [lambda a, b: add_product(None, a, b), gemm_tn])
@pytest.mark.parametrize(('m', 'n', 'inner'), [(5, 7, 3), (33, 17, 1000), (64, 64, 700), (1, 1, 1)])
def test_product_is_accurate_on_any_machine(product, m, n, inner):
    a, b = random(m, inner), random(n, inner, seed=1)
    want = a.double() @ b.double().t()
    # float32: the error of a sum of `inner` terms.
    torch.testing.assert_close(product(a, b).double(), want, rtol=0, atol=4e-6 * inner**0.5)
    torch.testing.assert_close(product(a.double(), b.double()), want, rtol=1e-12, atol=1e-12)


@needs_avx
@pytest.mark.parametrize('case', ['c4_5x7_float', 'c16_9x8_float'])
def test_gram_matrix_equals_torch7(golden, case):
    recorded = np.load(golden / 'unit' / 'modules.npz')
    flat = torch.from_numpy(recorded[f'{case}__input']).flatten(1)
    assert np.array_equal(gemm_tn(flat, flat).numpy(), recorded[f'{case}__gram'])
