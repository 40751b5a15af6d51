"""What tiles need to know of a network's layers: their windows, and where stages may begin."""

from collections.abc import Sequence
from functools import partial

from torch import nn

from loadcaffe.graph import Graph
from loadcaffe.layers import windows as caffe_windows
from loadcaffe.layers.activations import Pointwise
from loadcaffe.layers.normalization import BatchNorm, Scale
from loadcaffe.layers.pooling import Pooling
from neural_style.kernels.convolution import has_same_padding
from neural_style.losses.base import FeatureLoss
from neural_style.losses.guide import Cells
from neural_style.tiling.geometry import Window, Windows
from neural_style.tiling.stages import Stage, Tiling

# Layers whose output at a position depends on their input there alone.
POINTWISE = (
    nn.ReLU, nn.LeakyReLU, nn.ELU, nn.ReLU6, nn.Hardtanh, nn.Tanh, nn.Sigmoid, nn.PReLU,
    nn.LocalResponseNorm, Pointwise, FeatureLoss,
)  # fmt: skip
POINT = (Window(), Window())
LayerCells = tuple[Cells, Cells] | None  # along rows and columns


def layer_windows(layer: nn.Module) -> Windows | None:
    """Return the windows of its input that a layer sees; None if tiles cannot go through it."""
    if isinstance(layer, nn.Conv2d):
        is_windowed = layer.padding_mode == 'zeros' and not isinstance(layer.padding, str)
        return _spatial_windows(layer) if is_windowed else None
    if isinstance(layer, nn.MaxPool2d | nn.AvgPool2d | Pooling):
        return _spatial_windows(layer)
    if isinstance(layer, BatchNorm):
        return POINT if layer.mean is not None else None
    if isinstance(layer, Scale):
        by_channel = layer.axis == 1 and all(x.dim() == 1 for x in layer.parameters())
        return POINT if by_channel else None
    return POINT if isinstance(layer, POINTWISE) else None


def _spatial_windows(layer: nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d | Pooling) -> Windows:
    loses_padding = isinstance(layer, nn.Conv2d) and has_same_padding(layer)
    if isinstance(layer, Pooling):
        ceil_mode, clips = not layer.floor, any(layer.padding)
    else:
        ceil_mode, clips = not isinstance(layer, nn.Conv2d) and layer.ceil_mode, True
    rows, columns = (
        Window(
            *caffe_windows.window(layer, axis),
            loses_padding,
            partial(
                caffe_windows.window_count,
                caffe_windows.window(layer, axis),
                ceil_mode=ceil_mode,
                clips=clips,
            ),
        )
        for axis in (0, 1)
    )
    return rows, columns


def output_cells(layers: Sequence[nn.Module], sides: tuple[int, int] = (0, 0)) -> list[LayerCells]:
    """Return which pixels the positions of each layer's output stand for, along rows and columns.

    They are as far apart as the product of the strides, around the middle of a receptive field.
    sides: rows and columns by which the image is extended before the first layer.
    None from the first layer on that tiles cannot go through.
    """
    middles, step = [0.5 - side for side in sides], [1, 1]
    cells: list[LayerCells] = []
    for layer in layers:
        pair = layer_windows(layer)
        if pair is None:
            break
        for axis, window in enumerate(pair):
            middles[axis] += ((window.size - 1) / 2 - window.padding) * step[axis]
            step[axis] *= window.stride
        rows, columns = (Cells(m - s / 2, s) for m, s in zip(middles, step, strict=True))
        cells.append((rows, columns))
    return cells + [None] * (len(layers) - len(cells))


def stage_boundaries(layers: Sequence[nn.Module]) -> tuple[list[int], int]:
    """Find where stages may begin: before the first convolution that takes smaller features.

    layers: of a loss network.  Returns their indices, 0 the first of them, and the index of the
    first layer that tiles cannot go through, len(layers) if there is none.
    """
    windows = [layer_windows(layer) for layer in layers]
    stop = windows.index(None) if None in windows else len(layers)
    starts, stride = [0], 1
    for index, (layer, pair) in enumerate(zip(layers[:stop], windows, strict=False)):
        if isinstance(layer, nn.Conv2d) and stride > 1:
            starts.append(index)
            stride = 1
        assert pair is not None
        stride *= max(window.stride for window in pair)
    return starts, stop


def strips(chunks: Sequence[nn.Module]) -> Tiling:
    """Cut a network into stages for several processes, each of which takes a strip of rows.

    chunks: the network's, one for each device.  Raises ValueError if processes cannot share it.
    """
    layers = list(chunks[0].children())
    starts, stop = stage_boundaries(layers)
    if len(chunks) > 1 or isinstance(chunks[0], Graph) or stop < len(layers):
        raise ValueError(
            'several processes: they can share a network without branches, on one device each,'
            ' whose layers see what is near; name lower layers in `content_layers` and'
            ' `style_layers`, or run one process'
        )
    stops = [*starts[1:], len(layers)]
    stages = (Stage(a, b, recompute='nothing') for a, b in zip(starts, stops, strict=True))
    return Tiling(tuple(stages))
