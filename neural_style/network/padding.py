"""What lies beyond the image, for the network's first convolution and for losses of the image.

The original pads with zeros, and its TV leaves out differences along the last row and column.
"""

import copy

from torch import Tensor, nn
from torch.nn import functional

from loadcaffe.graph import Graph
from neural_style.errors import SettingError

# 'zero' is Caffe's; 'reflect' mirrors the image at its outermost pixels, 'replicate' repeats them.
PADDINGS = ('zero', 'reflect', 'replicate')


class EdgePadding:
    """Extends images by the rows and columns that the first convolution reaches beyond them.

    mode: one of PADDINGS; 'zero' leaves images alone.
    sides: how many rows, above and below alike, and columns.
    """

    def __init__(self, mode: str = 'zero', sides: tuple[int, int] = (0, 0)):
        self.mode = mode
        self.sides = sides

    def extend(self, image: Tensor) -> Tensor:
        """Return an image (..., H, W) with its edges, the original if there are none."""
        if self.mode == 'zero':
            return image
        smallest = max(self.sides) + 1 if self.mode == 'reflect' else 1
        height, width = image.shape[-2:]
        if min(height, width) < smallest:
            raise SettingError(
                'padding',
                f'an image of {width} x {height} pixels has too few to mirror; use replicate',
                self.mode,
            )
        rows, columns = self.sides
        return functional.pad(image, (columns, columns, rows, rows), self.mode)

    def fold(self, gradient: Tensor) -> Tensor:
        """Return the gradient of an image, given that of the extended one."""
        if self.mode == 'zero':
            return gradient
        for axis, side in zip((-2, -1), self.sides, strict=True):
            size = gradient.shape[axis] - 2 * side
            folded = gradient.narrow(axis, side, size).clone()
            for distance in range(1, side + 1):
                inside = distance if self.mode == 'reflect' else 0
                first = gradient.select(axis, side - distance)
                last = gradient.select(axis, side + size - 1 + distance)
                folded.select(axis, inside).add_(first)
                folded.select(axis, size - 1 - inside).add_(last)
            gradient = folded
        return gradient


def take_padding(cnn: nn.Sequential, mode: str) -> tuple[nn.Module, EdgePadding]:
    """Return a network's first layer without its padding, and what takes the padding's place.

    With mode 'zero' the layer stays as it is.  Raises SettingError for a network whose image is not
    padded by its first layer alone.
    """
    first: nn.Module = cnn[0]
    if mode == 'zero':
        return first, EdgePadding()
    sources = cnn.sources[1:] if isinstance(cnn, Graph) else []
    is_read_again = any(layer < 0 for layers in sources for layer, _ in layers)
    if is_read_again or not (isinstance(first, nn.Conv2d) and _pads_with_zeros(first)):
        raise SettingError(
            'padding',
            'the first layer of the network is not a convolution with padding, so that there are'
            ' no zeros around the image to replace; use zero',
            mode,
        )
    rows, columns = map(int, first.padding)
    layer = copy.copy(first)  # with the same weights
    layer.padding = (0, 0)
    return layer, EdgePadding(mode, (rows, columns))


def _pads_with_zeros(layer: nn.Conv2d) -> bool:
    return layer.padding_mode == 'zeros' and layer.padding not in ('same', 'valid', (0, 0))
