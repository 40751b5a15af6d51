"""The guides of style losses: maps of an image, brought to the layers that the losses follow."""

from collections.abc import Sequence

from torch import Tensor, nn

from loadcaffe.graph import Graph
from neural_style.losses.guide import Guide
from neural_style.losses.style import StyleLoss
from neural_style.network.windows import LayerCells, output_cells


def guides_of_losses(
    maps: Tensor | None | Sequence[Tensor | None],
    losses: Sequence[StyleLoss],
    chunks: Sequence[nn.Module],
    sides: tuple[int, int] | None,
) -> list[list[Guide | None]]:
    """Return, for each style loss, a guide for each map (1, H, W) of an image; maps may be one.

    chunks: of the network, which has no cells if it has branches.
    sides: rows and columns by which it extends the image; None for guides without cells.
    """
    maps = maps if isinstance(maps, Sequence) else [maps]
    layers = [layer for chunk in chunks for layer in chunk.children()]
    layer_cells: list[LayerCells] = [None] * len(layers)
    if sides is not None and not isinstance(chunks[0], Graph):
        layer_cells = output_cells(layers, sides)
    cells = [layer_cells[layers.index(loss)] for loss in losses]
    shared = {
        pair: [None if image is None else Guide(image, pair) for image in maps]
        for pair in dict.fromkeys(cells)  # one computation for losses of the same cells
    }
    return [shared[pair] for pair in cells]
