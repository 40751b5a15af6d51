"""The transformation network: from a photograph to a picture in the styles it is trained for.

Johnson, Alahi, Fei-Fei 2016, Perceptual Losses for Real-Time Style Transfer, with instance
normalisation (Ulyanov et al. 2016) that each style scales and shifts with numbers of its own
(Dumoulin et al. 2017, A Learned Representation for Artistic Style).  Where the paper has transposed
convolutions, pixels are repeated before a convolution: that leaves no grid.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn

from neural_style.fast.decoder import enlarge

EPSILON = 1e-3  # added to variances of features whose inputs are in [-1, 1]
WIDTH = 48
NARROWEST = 8  # channels; fewer take as long
RANGE = 0.6  # of colours around the middle, so that black and white are reached


class Layer(nn.Module):
    """A convolution, instance normalisation, the scale and shift of a style, and perhaps a ReLU.

    enlarges: pixels are repeated 2 x 2 times before the convolution.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        styles: int,
        *,
        kernel: int = 3,
        stride: int = 1,
        enlarges: bool = False,
        rectifies: bool = True,
    ):
        super().__init__()
        # without bias, which the normalisation would take away
        self.convolution = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
        self.scale = nn.Parameter(torch.ones(styles, outputs))
        self.shift = nn.Parameter(torch.zeros(styles, outputs))
        self.enlarges, self.rectifies = enlarges, rectifies

    def convolve(self, x: Tensor) -> Tensor:
        """Return the features before the normalisation."""
        y: Tensor = self.convolution(enlarge(x) if self.enlarges else x)
        return y

    def forward(self, x: Tensor, mixture: Tensor) -> Tensor:
        x = self.convolve(x)
        variance, mean = torch.var_mean(x, (2, 3), correction=0, keepdim=True)
        scale = (mixture @ self.scale)[:, None, None] * (variance + EPSILON).rsqrt()
        x = torch.addcmul((mixture @ self.shift)[:, None, None] - mean * scale, x, scale)
        return x.relu() if self.rectifies else x


class Block(nn.Module):
    """Two layers whose result is added to their input."""

    def __init__(self, width: int, styles: int):
        super().__init__()
        self.first = Layer(width, width, styles)
        self.second = Layer(width, width, styles, rectifies=False)


@dataclass(frozen=True)
class Shape:
    """What tells transformation networks apart.

    width: channels of the residual blocks, at a quarter of the resolution; half of them at half the
    resolution, and a fourth at the full one.  128 is the paper's.  styles: how many it paints in.
    """

    width: int = WIDTH
    blocks: int = 5
    styles: int = 1

    @property
    def channels(self) -> tuple[int, int, int]:
        """Channels at the full resolution, at half and at a quarter of it."""
        fine, middle = (max(NARROWEST, self.width // n // 8 * 8) for n in (4, 2))
        return fine, middle, self.width


class TransformationNetwork(nn.Module):
    """Turn RGB images (N, 3, H, W) in [0, 1] into such images; sides are multiples of 4."""

    def __init__(self, shape: Shape):
        super().__init__()
        self.shape = shape
        fine, middle, coarse = shape.channels
        styles = shape.styles
        self.reduce = nn.ModuleList(
            [
                Layer(3, fine, styles, kernel=5),
                Layer(fine, middle, styles, stride=2),
                Layer(middle, coarse, styles, stride=2),
            ]
        )
        self.blocks = nn.ModuleList(Block(coarse, styles) for _ in range(shape.blocks))
        self.enlarge = nn.ModuleList(
            Layer(a, b, styles, enlarges=True) for a, b in pairwise((coarse, middle, fine))
        )
        self.paint = nn.Conv2d(fine, 3, 5, padding=2)
        nn.init.normal_(self.paint.weight, std=0.02)

    def forward(self, images: Tensor, mixture: Tensor) -> Tensor:
        """Paint.  mixture: the weights of the styles, (S,), with a sum of 1."""
        return self.run(images, lambda layer, x: layer(x, mixture), self.paint)

    def run(
        self,
        images: Tensor,
        layer_call: Callable[[Layer, Tensor], Tensor],
        paint: Callable[[Tensor], Tensor],
    ) -> Tensor:
        """Run the network as told: layer_call calls a layer, paint is the last convolution."""
        x = images * 2 - 1
        for layer in self.reduce:
            x = layer_call(cast(Layer, layer), x)
        for block in map(partial(cast, Block), self.blocks):
            x = layer_call(block.second, layer_call(block.first, x)).add(x)
        for layer in self.enlarge:
            x = layer_call(cast(Layer, layer), x)
        return paint(x).tanh() * RANGE + 0.5

    def mixture(self, weights: list[float] | None = None) -> Tensor:
        """Return the weights of the styles as a tensor: equal ones by default."""
        if weights is None:
            weights = [1 / self.shape.styles] * self.shape.styles
        return self.paint.weight.new_tensor(weights)
