"""The network, and the units in which its features are used."""

import torch
from torch import Tensor, nn
from torch.nn import functional

# VGG-19's convolutions up to conv5_1, and how many filters they have here.  Layers with a style
# loss by default are wider.
WIDTHS = {
    '1_1': 32,
    '1_2': 32,
    '2_1': 64,
    '2_2': 80,
    '3_1': 128,
    '3_2': 112,
    '3_3': 112,
    '3_4': 112,
    '4_1': 192,
    '4_2': 144,
    '4_3': 112,
    '4_4': 112,
    '5_1': 160,
}
INPUT_SCALE = 64.0  # pixels are divided by this while training
PEAK = 4.0  # a filter's root mean square is at most this, in its own unit


class SmallVGG(nn.Module):
    """A VGG of any widths.

    widths: the number of filters of each convolution, by name ('1_1' is conv1_1); a max pooling
    stands between blocks.
    """

    def __init__(self, widths: dict[str, int] = WIDTHS):
        super().__init__()
        self.widths = widths
        self.convolutions = nn.ModuleDict()
        channels = 3
        for name, width in widths.items():
            layer = nn.Conv2d(channels, width, 3, padding=1)
            nn.init.kaiming_normal_(layer.weight, nonlinearity='relu')
            nn.init.zeros_(layer.bias)
            self.convolutions[name] = layer
            self.register_buffer(f'unit{name}', torch.ones(width))
            self.register_buffer(f'centre{name}', torch.zeros(channels))
            channels = width

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """Return the features after each ReLU by name; images: (N, 3, H, W), preprocessed."""
        features, x, block = {}, image / INPUT_SCALE, '1'
        for name in self.convolutions:
            if name[0] != block:
                x, block = max_pool(x), name[0]
            features[name] = x = self.convolve(x, name)
        return features

    def convolve(self, x: Tensor, name: str) -> Tensor:
        """Run one convolution and its ReLU."""
        weight = self.convolutions[name].weight
        return functional.conv2d(x, weight, self.bias(name), padding=1).relu()

    def bias(self, name: str) -> Tensor:
        """Return the bias of a convolution: (C,).

        The bias that is trained is the response to features at their centre.  All features are
        positive: if it were the response to zeros, a step that all weights take together would
        shift everything that follows.
        """
        layer = self.convolutions[name]
        return layer.bias - layer.weight.sum((2, 3)) @ getattr(self, f'centre{name}')

    def in_units(self, features: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return features in the units in which they are used: see units."""
        return {
            name: feature / getattr(self, f'unit{name}')[:, None, None]
            for name, feature in features.items()
        }

    @torch.no_grad()
    def follow_units(self, features: dict[str, Tensor], momentum: float) -> None:
        """Update the running average of the units."""
        for name, feature in features.items():
            getattr(self, f'unit{name}').lerp_(units(moments(feature)), 1 - momentum)


def max_pool(x: Tensor) -> Tensor:
    """Run Caffe's max pooling."""
    return functional.max_pool2d(x, 2, ceil_mode=True)


def moments(feature: Tensor) -> Tensor:
    """Return the mean of every filter and of its square: (N, C, H, W) -> (2, C)."""
    return torch.stack([feature.mean((0, 2, 3)), feature.square().mean((0, 2, 3))])


def units(moments: Tensor) -> Tensor:
    """Return the divisor of each filter, its mean activation: (C,).

    A filter that responds seldom but strongly would dominate every Gram matrix: its unit is a
    fraction of its root mean square, or of the layer's mean, if that is more.
    """
    mean, square = moments
    return torch.maximum(mean, square.sqrt() / PEAK).clamp(min=float(mean.mean()) * 0.05 + 1e-8)
