"""Bitmasks: a bit for each element, the same from any number of threads and any device."""

import pytest
import torch

from neural_style.kernels import bitmask
from neural_style.kernels.bitmask import PackedMask, pack, pack_on_device


def features(size, seed=0):
    """Few values, many of them 0, channels last."""
    generator = torch.Generator().manual_seed(seed)
    values = torch.randint(-3, 4, (1, 5, *size), generator=generator).float()
    return values.contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize('dtype', [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_mask_keeps_what_is_above_zero(dtype):
    x = features((33, 20)).to(dtype)
    assert torch.equal(PackedMask(x).apply_(x.clone()), x.clamp(min=0))


def test_mask_overwrites_a_channels_last_tensor():
    x = features((9, 9))
    target = x.clone()
    PackedMask(x).apply_(target)
    assert torch.equal(target, x.clamp(min=0))


def test_mask_may_be_made_of_bool():
    x = features((9, 9))
    assert torch.equal(PackedMask(x > 1).apply_(x.clone()), x * (x > 1))


def test_mask_takes_one_bit_for_an_element():
    assert PackedMask(features((64, 64))).bytes.nbytes == 5 * 64 * 64 / 8


def test_masks_stay_when_others_are_made():
    masks = [(x, PackedMask(x)) for x in (features((9, 9), seed=seed) for seed in range(20))]
    for x, mask in masks:
        assert torch.equal(mask.apply_(x.clone()), x.clamp(min=0))


def test_unpack_gives_integers_of_all_ones_or_none():
    x = features((8, 5))
    mask = PackedMask(x)
    values = x.permute(0, 2, 3, 1).flatten()[16:77]
    assert mask.unpack(torch.int16, 16, 77).tolist() == [-int(value > 0) for value in values]


@pytest.mark.parametrize('threads', [1, 4, 7])
def test_packing_by_several_threads_gives_the_same_mask(threads, monkeypatch):
    monkeypatch.setattr(bitmask, 'MASK_CHUNK', 64)
    monkeypatch.setattr(bitmask, 'PACK_CHUNK', 64)
    monkeypatch.setattr(torch, 'get_num_threads', lambda: threads)
    x = features((33, 20))
    assert torch.equal(PackedMask(x).apply_(x.clone()), x.clamp(min=0))


@pytest.mark.parametrize('length', [0, 1, 8, 1001])
def test_packing_on_a_device_is_that_on_the_cpu(length):
    values = torch.randint(-1, 2, (length,), dtype=torch.int32)
    assert pack_on_device(values).tolist() == pack(values).tolist()
    bits = [int(value > 0) for value in values]
    assert pack(values).tolist() == [
        sum(bit << k for k, bit in enumerate(bits[start : start + 8]))
        for start in range(0, length, 8)
    ]
