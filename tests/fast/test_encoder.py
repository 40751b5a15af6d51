"""The encoder of the network that paints at once."""

import torch
from torch import nn

from neural_style.fast.encoder import merged


def test_merged_convolutions_give_what_the_pair_gives():
    torch.manual_seed(0)
    pair = nn.Sequential(
        nn.Conv2d(3, 6, (3, 1), padding=(1, 0), bias=False), nn.Conv2d(6, 8, (1, 3), padding=(0, 1))
    )
    x = torch.randn(1, 3, 9, 11)
    assert torch.allclose(merged(*pair)(x), pair(x), atol=1e-5)
