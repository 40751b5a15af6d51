"""Windows of a network's layers, and stages that may be cut."""

import pytest
import torch
from loss_networks import branched_cnn
from torch import nn

from neural_style import StyleLoss
from neural_style.network.windows import layer_windows, stage_boundaries, strips
from neural_style.tiling.stages import Stage

LAYERS = [
    nn.Conv2d(3, 4, 3, padding=1),
    nn.ReLU(),
    StyleLoss(1.0),
    nn.MaxPool2d(2, ceil_mode=True),
    nn.Conv2d(4, 4, 3, padding=1),
    StyleLoss(1.0),
]


@pytest.mark.parametrize(
    'layer',
    [
        nn.Conv2d(3, 6, 7, 3, 2),
        nn.Conv2d(3, 6, (3, 5), (1, 2), (2, 0), (2, 1)),
        nn.MaxPool2d(3, 2, 1, ceil_mode=True),
        nn.AvgPool2d(2, 1),
        nn.ReLU(),
    ],
)
def test_windows_give_the_output_sizes_of_pytorch(layer):
    layer, rows, columns = layer.to('meta'), *layer_windows(layer)
    for height in range(20, 40):
        features = layer(torch.zeros(1, 3, height, 57, device='meta'))
        assert features.shape[2:] == (rows.output_size(height), columns.output_size(57))


def test_layers_without_a_window_have_none():
    convolution = nn.Conv2d(3, 3, 3, padding=1, padding_mode='reflect')
    assert [layer_windows(layer) for layer in (convolution, nn.Softmax2d())] == [None, None]


def test_stages_begin_before_convolutions_of_smaller_features():
    assert stage_boundaries(LAYERS) == ([0, 4], 6)
    assert stage_boundaries([*LAYERS, nn.Softmax2d()]) == ([0, 4], 6)
    assert stage_boundaries([*LAYERS[:4], nn.Dropout(), *LAYERS[4:]]) == ([0], 4)


def test_strips_save_everything_for_the_backward_pass():
    stages = Stage(0, 4, recompute='nothing'), Stage(4, 6, recompute='nothing')
    assert strips([nn.Sequential(*LAYERS)]).stages == stages


@pytest.mark.parametrize(
    'chunks',
    [
        [nn.Sequential(*LAYERS[:3]), nn.Sequential(*LAYERS[3:])],
        [nn.Sequential(*LAYERS, nn.Softmax2d())],
        [branched_cnn()],
    ],
    ids=['devices', 'no window', 'branches'],
)
def test_network_that_processes_cannot_share_is_refused(chunks):
    with pytest.raises(ValueError, match='several processes: '):
        strips(chunks)
