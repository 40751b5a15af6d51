"""torch7/random.py against numbers drawn by Torch7. All comparisons are exact."""

import re

import numpy as np
import pytest
import torch

from neural_style.torch7 import random
from neural_style.torch7.random import Generator

# torch.manualSeed(seed); torch.randn(3)
FIRST_NORMALS = {
    0: ['-0x1.472b8a6dab19ap+0', '-0x1.9e74a89bd0cb7p-2', '-0x1.ac7f7b70ca5ecp-2'],
    1: ['-0x1.7c64e4c89321cp+1', '0x1.b4fabeb139ac9p+0', '-0x1.b8d4b8e64b910p-2'],
    123: ['-0x1.0afa95ca26eb5p-1', '-0x1.7dcdaa0628d3fp+0', '-0x1.e7b074e959de7p-3'],
    4294967301: ['0x1.e3340ec7df9c7p-5', '0x1.53b0380e58aa0p-2', '0x1.4c3f63782b4fcp+0'],
}


@pytest.fixture(scope='module')
def recorded(golden):
    return np.load(golden / 'unit' / 'randn.npz')


def seeded(seed):
    generator = Generator()
    generator.manual_seed(seed)
    return generator


@pytest.mark.parametrize('seed', FIRST_NORMALS)
def test_randn_starts_as_torch7_does(seed):
    assert seeded(seed).randn(3).tolist() == list(map(float.fromhex, FIRST_NORMALS[seed]))


def test_random_starts_as_mt19937_does():
    # The first outputs of the authors' mt19937ar.c for init_genrand(5489).
    assert seeded(5489).random(3).tolist() == [3499211612, 581869302, 3890346734]


def test_randn_equals_the_recordings(recorded):
    compared = 0
    for name in recorded.files:
        if match := re.fullmatch(r's(\d+)_n?(\d[\dx]*)', name):
            size = [int(side) for side in match[2].split('x')]
            normal = seeded(int(match[1])).randn(*size)
            assert normal.dtype == torch.float64
            assert np.array_equal(normal.numpy(), recorded[name]), name
            compared += 1
    assert compared == 108


def test_randn_makes_the_recorded_initial_images(recorded):
    for seed, size in ((123, (3, 72, 96)), (7, (3, 13, 11))):
        image = seeded(seed).randn(*size).float().mul(0.001)
        name = f's{seed}_init_float_{"x".join(map(str, size))}'
        assert np.array_equal(image.numpy(), recorded[name])


def test_randn_as_float_equals_a_float_tensors_randn(recorded):
    expected = recorded['s123_floattensor_randn_10']
    assert np.array_equal(seeded(123).randn(10).float().numpy(), expected)


def test_randn_keeps_the_second_half_of_a_pair(recorded):
    generator = seeded(5)
    assert np.array_equal(generator.randn(3).numpy(), recorded['seq5_a_n3'])
    assert np.array_equal(generator.randn(4).numpy(), recorded['seq5_b_n4'])
    assert np.array_equal(generator.uniform(3), recorded['seq5_c_rand3'])
    assert np.array_equal(generator.randn(2).numpy(), recorded['seq5_d_n2'])


def test_randn_in_several_calls_equals_one_call():
    generator = seeded(3)
    parts = [generator.randn(n) for n in (1, 0, 2, 5, 4, 1)]
    assert torch.equal(torch.cat(parts), seeded(3).randn(13))


def test_randn_does_not_depend_on_the_chunk(monkeypatch):
    single_call = seeded(3).randn(101)
    monkeypatch.setattr(random, 'CHUNK', 8)
    generator = seeded(3)
    assert torch.equal(torch.cat([generator.randn(37), generator.randn(64)]), single_call)


def test_randn_takes_any_number_of_dimensions():
    generator = seeded(3)
    assert [generator.randn(*size).shape for size in ((), (0,), (2, 3))] == [(), (0,), (2, 3)]


def test_random_and_uniform_equal_the_recordings(recorded):
    assert np.array_equal(seeded(123).random(700), recorded['s123_random_u32_700'])
    assert np.array_equal(seeded(123).uniform(10), recorded['s123_rand_10'])


def test_manual_seed_drops_the_fraction(recorded):
    assert np.array_equal(seeded(12.9).randn(5).numpy(), recorded['s12p9_n5'])
    assert np.array_equal(recorded['s12p9_n5'], recorded['s12_n5'])


@pytest.mark.parametrize(
    'seed, same', [(2**32 + 5, 5), (12.9, 12), (-1, 2**32 - 1), (1e10, 10**10)]
)
def test_manual_seed_uses_the_low_32_bits(seed, same):
    assert torch.equal(seeded(seed).randn(4), seeded(same % 2**32).randn(4))


@pytest.mark.parametrize('seed', [2.0**63, 1e19, 1e300, -1e19])
def test_manual_seed_clamps_to_the_smallest_64_bit_integer(seed):
    assert torch.equal(seeded(seed).randn(4), seeded(0).randn(4))


def test_manual_seed_forgets_the_second_half_of_a_pair():
    generator = seeded(3)
    generator.randn(1)
    generator.manual_seed(3)
    assert torch.equal(generator.randn(4), seeded(3).randn(4))


@pytest.mark.parametrize('seed', [float('nan'), float('inf')])
def test_manual_seed_refuses_nan_and_infinity(seed):
    with pytest.raises(ValueError, match='finite'):
        seeded(seed)


def test_seed_returns_the_seed_used():
    generator = Generator()
    seed = generator.seed()
    assert torch.equal(generator.randn(4), seeded(seed % 2**32).randn(4))
    assert seed != generator.seed()


@pytest.mark.parametrize('seed', [2**63 - 1, 2**63, 2**64 - 1])
def test_seed_takes_any_64_bits_of_the_operating_system(monkeypatch, seed):
    monkeypatch.setattr(random.os, 'urandom', lambda count: seed.to_bytes(count, 'little'))
    assert torch.equal(Generator().randn(4), seeded(seed % 2**32).randn(4))


def test_bernoulli_compares_uniform_numbers_in_order():
    drawn = seeded(9).bernoulli(0.3, 4, 5)
    expected = (seeded(9).uniform(20) <= 0.3).reshape(4, 5)
    assert drawn.dtype == torch.float32
    assert np.array_equal(drawn.numpy(), expected)
    assert seeded(9).bernoulli(1, 50).sum() == 50


def test_bernoulli_refuses_numbers_outside_0_to_1():
    with pytest.raises(ValueError, match='probability'):
        seeded(9).bernoulli(1.5, 3)


def test_restored_generator_continues_the_stream():
    first, second = Generator(), Generator()
    first.manual_seed(5)
    first.randn(3)  # the fourth number is drawn, and waits
    second.restore(first.state())
    for draw in (lambda each: each.randn(4), lambda each: each.bernoulli(0.5, 9)):
        assert torch.equal(draw(first), draw(second))
