"""The encoder of the network that paints at once."""

import pytest
import torch
from torch import nn

from neural_style.fast import bands
from neural_style.fast.encoder import LAYERS, merged


def test_merged_convolutions_give_what_the_pair_gives():
    torch.manual_seed(0)
    pair = nn.Sequential(
        nn.Conv2d(3, 6, (3, 1), padding=(1, 0), bias=False), nn.Conv2d(6, 8, (1, 3), padding=(0, 1))
    )
    x = torch.randn(1, 3, 9, 11)
    assert torch.allclose(merged(*pair)(x), pair(x), atol=1e-5)


@pytest.mark.parametrize('height', [400, 389])
def test_a_style_in_bands_is_that_of_the_whole(painter, monkeypatch, height):
    image = torch.rand(3, height, 40, generator=torch.Generator().manual_seed(1))
    image[:, 200:] *= 0.2
    below = torch.zeros(1, height, 40)  # nothing of it is in the first band
    below[:, 210:, :30] = 1
    whole = painter.styles(image, [None, below])
    monkeypatch.setattr(bands, 'BAND_POSITIONS', 1)
    calls = []
    hook = painter.encoder.register_forward_hook(lambda *call: calls.append(call))
    try:
        in_bands = painter.styles(image, [None, below])
    finally:
        hook.remove()
    assert len(calls) == 4
    for expected, result in zip(whole, in_bands, strict=True):
        for name in LAYERS:
            scale = expected[name].covariance.abs().max()
            assert torch.allclose(result[name].mean, expected[name].mean, atol=1e-4)
            difference = result[name].covariance - expected[name].covariance
            assert difference.abs().max() < 1e-4 * scale
