"""The encoder: the embedded network, and few coordinates for the many channels of its features."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from neural_style.fast.statistics import Statistics

# The layers whose statistics make a style, from fine to coarse, and how many principal directions
# of their features are kept.
LAYERS = {'relu1_1': 16, 'relu2_1': 48, 'relu3_1': 96, 'relu4_1': 128, 'relu5_1': 128}

Style = dict[str, Statistics]


class Encoder(nn.Module):
    """Turn images into coordinates of VGG's features at the layers of a style.

    cnn: a network of loadcaffe.  basis: for each layer the directions (D, C), in descending order
    of what pictures have of them, and on such a scale that coordinates have a mean square of 1.
    """

    def __init__(self, cnn: nn.Sequential, basis: Mapping[str, Tensor]):
        super().__init__()
        layers = {str(layer.name): layer for layer in cnn.children()}
        if 'conv1_1_v' in layers:
            layers['conv1_1'] = merged(layers.pop('conv1_1_v'), layers['conv1_1'])
        self.layers = nn.ModuleList(layers.values()).requires_grad_(False)
        self.names = list(layers)
        self.basis = nn.ParameterDict(
            {name: nn.Parameter(matrix, requires_grad=False) for name, matrix in basis.items()}
        )

    def features(self, images: Tensor, names: set[str]) -> dict[str, Tensor]:
        """Return the features of preprocessed images (N, 3, H, W) at some layers, by name."""
        features, x, remaining = {}, images, set(names)
        for name, layer in zip(self.names, self.layers, strict=True):
            x = layer(x)
            if name in remaining:
                features[name] = x
                remaining.remove(name)
                if not remaining:
                    break
        return features

    def coordinates(self, features: Tensor, name: str) -> Tensor:
        """Return the coordinates (N, D, H, W) of the features (N, C, H, W) of a layer."""
        return (features.permute(0, 2, 3, 1) @ self.basis[name].T).permute(0, 3, 1, 2)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Return the coordinates of images at all layers of a style."""
        features = self.features(images, set(self.basis))
        return {name: self.coordinates(features[name], name) for name in self.basis}

    @torch.no_grad()
    def style(self, images: Tensor, guide: Tensor | None = None) -> Style:
        """Return the statistics of preprocessed images (N, 3, H, W) by layer.

        guide: how much each pixel counts, (1, H, W).
        """
        return self.styles(images, [guide])[0]

    @torch.no_grad()
    def styles(self, images: Tensor, guides: Sequence[Tensor | None]) -> list[Style]:
        """Return the statistics of images for each of several guides."""
        z = self(images)
        return [{name: Statistics.of(z[name], guide) for name in z} for guide in guides]


def merged(vertical: nn.Module, horizontal: nn.Module) -> nn.Conv2d:
    """Join a 3 x 1 convolution without bias and a 1 x 3 convolution into a 3 x 3 convolution.

    That takes more multiplications, but with few channels between them a fourth of the time.
    """
    assert isinstance(vertical, nn.Conv2d) and isinstance(horizontal, nn.Conv2d)
    assert vertical.bias is None and horizontal.bias is not None
    joined = nn.Conv2d(vertical.in_channels, horizontal.out_channels, 3, padding=1)
    kernels = torch.einsum('mih,omw->oihw', vertical.weight[..., 0], horizontal.weight[:, :, 0])
    joined.weight, joined.bias = nn.Parameter(kernels), horizontal.bias
    return joined
