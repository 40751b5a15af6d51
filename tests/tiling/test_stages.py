"""Stages, and the tiles of each process."""

import pytest
from torch import nn

from neural_style import StyleLoss
from neural_style.network.windows import layer_windows
from neural_style.tiling.stages import Stage, Tiling, lay_out

LAYERS = [
    nn.Conv2d(3, 4, 3, padding=1),
    nn.ReLU(),
    StyleLoss(1.0),
    nn.MaxPool2d(2, ceil_mode=True),
    nn.Conv2d(4, 4, 3, padding=1),
    StyleLoss(1.0),
]
WINDOWS = [layer_windows(layer) for layer in LAYERS]


def laid_out(*stages, size=(90, 70), processes=1):
    return lay_out(Tiling(stages), LAYERS, WINDOWS, size, processes, (True, True))


def test_last_stage_of_one_tile_is_a_single_pass():
    stages = laid_out(Stage(0, 4, 32), Stage(4, 6))
    assert [tiles.is_single_pass for tiles in stages] == [False, True]
    assert len(stages[0].shards[0]) > 1
    shared = laid_out(Stage(0, 4), Stage(4, 6), processes=3)
    assert [tiles.is_single_pass for tiles in shared] == [False, False]


@pytest.mark.parametrize('processes', [1, 2, 5])
@pytest.mark.parametrize('side', [0, 24])
def test_processes_share_all_rows(side, processes):
    first, second = laid_out(Stage(0, 4, side), Stage(4, 6, side or 1000), processes=processes)
    computed = first.output_rows()
    assert len(computed) == processes
    assert [start for start, _ in computed] == [0, *(stop for _, stop in computed[:-1])]
    assert computed[-1][1] == 45
    for (start, stop), (first_row, last_row) in zip(
        second.output_rows(), second.input_rows(), strict=True
    ):
        assert first_row <= start and stop <= last_row


def test_too_few_rows_cannot_be_shared():
    assert laid_out(Stage(0, 4), Stage(4, 6), size=(12, 70), processes=8) is None


def test_layers_for_losses_end_with_the_last_loss():
    (tiles,) = laid_out(Stage(0, 4, 24), Stage(4, 6, 24))[:1]
    assert tiles.layers_for_losses == LAYERS[:3]
    assert tiles.losses == [LAYERS[2]]
