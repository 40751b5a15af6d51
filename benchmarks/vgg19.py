"""A full-width VGG-19 up to relu5_1 with random weights, the layers with losses, and images."""

from collections import OrderedDict

import torch
from torch import Tensor, nn

BLOCKS = ((2, 64), (2, 128), (4, 256), (4, 512), (1, 512))  # convolutions, channels
CONTENT_LAYERS = ['relu4_2']
STYLE_LAYERS = [f'relu{block}_1' for block in range(1, 6)]
LAST_LAYER = 'relu5_1'


def vgg19() -> nn.Sequential:
    """Make the network: He-scaled random weights, layers named."""
    torch.manual_seed(0)
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    channels = 3
    for block, (depth, width) in enumerate(BLOCKS, start=1):
        if block > 1:
            layers[f'pool{block - 1}'] = nn.MaxPool2d(2, 2, ceil_mode=True)
        for number in range(1, depth + 1):
            convolution = nn.Conv2d(channels, width, 3, padding=1)
            nn.init.kaiming_normal_(convolution.weight)
            nn.init.zeros_(convolution.bias)
            layers[f'conv{block}_{number}'] = convolution.requires_grad_(False)
            layers[f'relu{block}_{number}'] = nn.ReLU(inplace=True)
            channels = width
    return nn.Sequential(layers)


def images(size: int, device: torch.device | str = 'cpu') -> list[Tensor]:
    """Draw an image to optimise, a content and a style image: (3, 3/4 size, size) each."""
    torch.manual_seed(1)
    return [(torch.randn(3, size * 3 // 4, size) * 50).to(device) for _ in range(3)]


def flops(size: int) -> float:
    """Count the convolutions' operations, forward and backward to the image."""
    total, channels, pixels = 0.0, 3, size * (size * 3 // 4)
    for depth, width in BLOCKS:
        for _ in range(depth):
            total += 2 * 2 * 9 * channels * width * pixels
            channels = width
        pixels //= 4
    return total
