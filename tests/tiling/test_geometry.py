"""Windows, halos and what tiles own."""

import pytest
import torch
from torch import nn

from neural_style.network.windows import layer_windows
from neural_style.tiling.geometry import Window, halo, output_sizes, tiles

VGG_BLOCK = [
    nn.Conv2d(3, 4, 3, padding=1),
    nn.ReLU(),
    nn.Conv2d(4, 4, 3, padding=1),
    nn.ReLU(),
    nn.MaxPool2d(2, 2, ceil_mode=True),
]
UNUSUAL = [
    nn.Conv2d(3, 6, 7, 3, 2),
    nn.MaxPool2d(3, 2, 1, ceil_mode=True),
    nn.Conv2d(6, 6, (3, 5), (1, 2), (2, 0), (2, 1)),
]


def windows_of(layers):
    return [layer_windows(layer) for layer in layers]


def test_interior_tiles_are_not_padded():
    last = len(VGG_BLOCK) - 1
    layout = tiles(windows_of(VGG_BLOCK), (100, 100), 36, {last})
    assert [tile.is_interior for tile in layout] == [
        (row, column) for row in (False, True, True, False) for column in (False, True, True, False)
    ]
    assert layout[5].crop == (slice(30, 66), slice(30, 66))
    assert layout[5].parts[last].region.position == (slice(16, 32), slice(16, 32))


def test_columns_may_keep_their_padding():
    last = len(VGG_BLOCK) - 1
    layout = tiles(windows_of(VGG_BLOCK), (100, 100), 36, {last}, loses_margins=(True, False))
    assert {tile.is_interior for tile in layout} == {(False, False), (True, False)}


@pytest.mark.parametrize('layers', [VGG_BLOCK, UNUSUAL], ids=['vgg', 'unusual'])
@pytest.mark.parametrize('size', [(70, 90), (81, 95), (60, 131)])
@pytest.mark.parametrize(('side', 'min_rows'), [(16, 1), (36, 1), (1000, 3)])
def test_what_tiles_own_is_the_layer_once(layers, size, side, min_rows):
    windows, counted = windows_of(layers), {0, len(layers) - 1}
    layout = tiles(windows, size, side, counted, min_rows)
    rows = {tile.parts[len(layers) - 1].region.position[0].start for tile in layout}
    assert len(rows) >= min_rows
    for index in counted:
        height, width = (
            output_sizes([pair[axis] for pair in windows], size[axis])[index + 1] for axis in (0, 1)
        )
        owners = torch.zeros(height, width)
        for tile in layout:
            part = tile.parts[index]
            assert part.region.size == (height, width)
            owners[part.region.position] += 1
        assert (owners == 1).all()


def test_halo_is_what_windows_reach_beyond_their_stride():
    windows = [Window(3, 1, 1), Window(2, 2), Window(5, 1, 2)]
    assert halo(windows) == 2 + 0 + 2 * 4
