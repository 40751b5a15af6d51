"""The encoder: the embedded network, and few coordinates for the many channels of its features."""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d

from neural_style.fast import bands
from neural_style.fast.statistics import Statistics, merged_statistics

# The layers whose statistics make a style, from fine to coarse, and how many principal directions
# of their features are kept.
LAYERS = {'relu1_1': 16, 'relu2_1': 48, 'relu3_1': 96, 'relu4_1': 128, 'relu5_1': 128}
# Rows of an image to a row of features.
STRIDES = {'relu1_1': 1, 'relu2_1': 2, 'relu3_1': 4, 'relu4_1': 8, 'relu5_1': 16}
HALO = 64  # rows around a band of an image that its features up to relu5_1 depend on

Style = dict[str, Statistics]
Part = tuple[Statistics, float]  # of a part of an image, and how much it counts


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

    def features(
        self,
        images: Tensor,
        names: set[str],
        read: Callable[[Tensor, str], Tensor] = lambda features, name: features,
    ) -> dict[str, Tensor]:
        """Return the features of preprocessed images (N, 3, H, W) at some layers, by name.

        read: makes what is returned of the features of a layer, which are not kept for longer.
        """
        results, x, remaining = {}, images, set(names)
        for name, layer in zip(self.names, self.layers, strict=True):
            x = layer(x)
            if name in remaining:
                results[name] = read(x, name)
                remaining.remove(name)
                if not remaining:
                    break
        return results

    def coordinates(self, features: Tensor, name: str) -> Tensor:
        """Return the coordinates (N, D, H, W) of the features (N, C, H, W) of a layer."""
        return (features.permute(0, 2, 3, 1) @ self.basis[name].T).permute(0, 3, 1, 2)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Return the coordinates of images at all layers of a style."""
        return self.features(images, set(self.basis), self.coordinates)

    @torch.no_grad()
    def style(self, images: Tensor, guide: Tensor | None = None) -> Style:
        """Return the statistics of preprocessed images (N, 3, H, W) by layer.

        guide: how much each pixel counts, (1, H, W).
        """
        return self.styles(images, [guide])[0]

    @torch.no_grad()
    def styles(self, images: Tensor, guides: Sequence[Tensor | None]) -> list[Style]:
        """Return the statistics of images for each of several guides.

        Large images are encoded in bands of rows, and the statistics of these merged.
        """
        height, width = images.shape[2:]
        band = max(2 * HALO, bands.BAND_POSITIONS // width // HALO * HALO)
        parts: list[dict[str, list[Part]]] = [{name: [] for name in self.basis} for _ in guides]
        shares: dict[str, list[Tensor | None]] = {}
        for start in range(0, height, band):
            bands.close_gaps(images)
            first = max(0, start - HALO)
            for name, z in self(images[:, :, first : start + band + HALO]).items():
                stride = STRIDES[name]
                inner = z[:, :, (start - first) // stride :][:, :, : band // stride]
                if name not in shares:
                    size = -(-height // stride), z.shape[3]
                    shares[name] = [_shares(guide, size, z) for guide in guides]
                for kept, counts in zip(parts, shares[name], strict=True):
                    kept[name] += _part(inner, start // stride, counts)
        return [{name: merged_statistics(kept[name]) for name in kept} for kept in parts]


def _shares(guide: Tensor | None, size: tuple[int, int], like: Tensor) -> Tensor | None:
    """Return how much each position of a layer of (H, W) counts: (1, H, W); None: all alike."""
    return None if guide is None else adaptive_avg_pool2d(guide.to(like), size)


def _part(rows: Tensor, above: int, shares: Tensor | None) -> list[Part]:
    """Return the statistics of some rows of features, and how much these count, if at all.

    above: how many rows are above them.  shares: of all positions of the layer.
    """
    if shares is None:
        return [(Statistics.of(rows), rows.shape[2])]
    shares = shares[:, above : above + rows.shape[2]]
    count = float(shares.sum())
    return [(Statistics.of(rows, shares), count)] if count > 0 else []


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
