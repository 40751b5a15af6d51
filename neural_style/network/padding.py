"""What lies beyond the image, for the network's first convolution and for losses of the image.

The original pads with zeros, and its TV leaves out differences along the last row and column.
"""

import copy
from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional

from loadcaffe.graph import Graph
from neural_style.errors import SettingError
from neural_style.kernels.convolution import has_same_padding

# 'zero' is Caffe's; 'reflect' mirrors the image at its outermost pixels, 'replicate' repeats them.
PADDINGS = ('zero', 'reflect', 'replicate')


class EdgePadding:
    """Extends images by the rows and columns that the first convolutions reach beyond them.

    mode: one of PADDINGS; 'zero' leaves images alone.
    sides: how many rows, above and below alike, and columns.
    """

    def __init__(self, mode: str = 'zero', sides: tuple[int, int] = (0, 0)):
        self.mode = mode
        self.sides = sides

    def extended_size(self, size: Sequence[int]) -> tuple[int, int]:
        """Return (H, W) of an extended image, given that of the image."""
        rows, columns = self.sides
        return size[0] + 2 * rows, size[1] + 2 * columns

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


def take_padding(cnn: nn.Sequential, mode: str, depth: int) -> tuple[list[nn.Module], EdgePadding]:
    """Return a network's first layers without their padding, and what takes the padding's place.

    These are the first convolution and, of the first `depth` layers, those that follow it without a
    nonlinearity between: one convolution in two parts, such as 3 x 1 and 1 x 3.
    With mode 'zero' the layers stay as they are.  Raises SettingError for a network whose image is
    not padded by its first layer.
    """
    if mode == 'zero':
        return [cnn[0]], EdgePadding()
    run = _leading_convolutions(cnn, depth)
    if not run or not any(map(_pads_with_zeros, run)):
        raise SettingError(
            'padding',
            'the first layer of the network is not a convolution with padding, so that there are'
            ' no zeros around the image to replace; use zero',
            mode,
        )
    unpadded: list[nn.Module] = []
    rows = columns = 0
    for convolution in run:
        height, width = map(int, convolution.padding)
        rows, columns = rows + height, columns + width
        layer = copy.copy(convolution)  # with the same weights
        layer.padding = (0, 0)
        unpadded.append(layer)
    return unpadded, EdgePadding(mode, (rows, columns))


def _leading_convolutions(cnn: nn.Sequential, depth: int) -> list[nn.Conv2d]:
    """Return the convolutions at the beginning of a network, each of which reads the last one.

    A later one is among them if the features before it have the size of the image.
    """
    sources = cnn.sources[1:] if isinstance(cnn, Graph) else []
    if any(layer < 0 for layers in sources for layer, _ in layers):
        return []  # a later layer reads the image as well
    run: list[nn.Conv2d] = []
    for layer in list(cnn)[: 1 if isinstance(cnn, Graph) else max(depth, 1)]:
        if not isinstance(layer, nn.Conv2d) or isinstance(layer.padding, str):
            break
        if layer.padding_mode != 'zeros':
            break
        if run and not (has_same_padding(run[-1]) and has_same_padding(layer)):
            break
        run.append(layer)
    return run


def _pads_with_zeros(layer: nn.Conv2d) -> bool:
    return layer.padding_mode == 'zeros' and layer.padding not in ('same', 'valid', (0, 0))
