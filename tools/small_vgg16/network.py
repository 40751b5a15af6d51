"""The network: VGG-16's layers, each convolution a vertical and a horizontal one of low rank."""

from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional

# VGG-16's convolutions up to conv5_1.  Layers that the default losses look at have its widths, so
# that losses have its magnitudes; of the others only the filters are kept that the next layer
# can't do without.
WIDTHS = {
    '1_1': 64,
    '1_2': 32,
    '2_1': 128,
    '2_2': 72,
    '3_1': 256,
    '3_2': 144,
    '3_3': 160,
    '4_1': 512,
    '4_2': 512,
    '4_3': 256,
    '5_1': 512,
}
# The channels between the two convolutions of a pair.
RANKS = {
    '1_1': 6,
    '1_2': 16,
    '2_1': 32,
    '2_2': 32,
    '3_1': 56,
    '3_2': 56,
    '3_3': 64,
    '4_1': 112,
    '4_2': 112,
    '4_3': 96,
    '5_1': 144,
}


class SmallVGG(nn.Module):
    """A VGG-16 of pairs of convolutions, 3 x 1 and 1 x 3.

    widths, ranks: by the name of the convolution ('1_1' is conv1_1).  A max pooling stands between
    blocks.
    """

    def __init__(self, widths: dict[str, int] = WIDTHS, ranks: dict[str, int] = RANKS):
        super().__init__()
        self.widths = widths
        self.pairs = nn.ModuleDict()
        channels = 3
        for name, width in widths.items():
            vertical = nn.Conv2d(channels, ranks[name], (3, 1), padding=(1, 0), bias=False)
            horizontal = nn.Conv2d(ranks[name], width, (1, 3), padding=(0, 1))
            self.pairs[name] = nn.Sequential(vertical, horizontal)
            channels = width

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """Return the features after each ReLU of (N, 3, H, W), preprocessed; by name."""
        features, x, block = {}, image, '1'
        for name, pair in self.pairs.items():
            if name[0] != block:
                x, block = max_pool(x), name[0]
            features[name] = x = pair(x).relu()
        return features


def max_pool(x: Tensor) -> Tensor:
    """Run Caffe's max pooling."""
    return functional.max_pool2d(x, 2, ceil_mode=True)


def limited_to(genuine_widths: dict[str, int]) -> tuple[dict[str, int], dict[str, int]]:
    """Return widths and ranks, none larger than a network of these widths can use."""
    widths = {name: min(width, genuine_widths[name]) for name, width in WIDTHS.items()}
    channels = [3, *widths.values()]
    limits = (3 * min(pair) for pair in pairwise(channels))
    ranks = {name: min(RANKS[name], limit) for name, limit in zip(RANKS, limits, strict=True)}
    return widths, ranks
