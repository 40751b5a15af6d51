"""A network cut across devices."""

import pytest
import torch
from loss_networks import image, network, network_with_branches, with_targets

from neural_style import evaluate


@pytest.mark.parametrize('exact', [False, True])
@pytest.mark.parametrize(
    ('devices', 'strategy'),
    [(['cpu'] * 2, []), (['cpu'] * 2, [1]), (['cpu'] * 3, [3, 8]), (['cpu'] * 4, [2, 4, 12])],
)
@pytest.mark.parametrize('layers', [['relu1_1', 'relu2_1'], ['conv1_1', 'conv2_1']])
def test_network_cut_across_devices_gives_equal_results(devices, strategy, layers, exact):
    single = with_targets(network(style_layers=layers, exact=exact))
    settings = {'devices': devices, 'multigpu_strategy': strategy}
    cut = with_targets(network(style_layers=layers, exact=exact, **settings))
    assert len(cut.chunks) == len(devices)
    for result, want in zip(evaluate(cut, image()), evaluate(single, image()), strict=True):
        assert torch.equal(result, want)


def test_default_cut_for_two_devices_is_after_the_third_layer_of_the_cnn():
    """TV counts as a layer, and so does a loss (neural_style.lua: setup_multi_gpu)."""
    two = ['cpu', 'cpu']
    lines = network(devices=two).describe().split('\n')
    assert lines[3] == '    [input -> (1) -> (2) -> (3) -> (4) -> output]'
    lines = network(devices=two, tv_weight=0).describe().split('\n')
    assert lines[3] == '    [input -> (1) -> (2) -> (3) -> output]'


@pytest.mark.parametrize(
    ('n_devices', 'strategy'), [(3, []), (2, [3, 5]), (3, [5, 3]), (2, [0]), (2, [999])]
)
def test_strategy_that_does_not_fit_the_devices_is_refused(n_devices, strategy):
    with pytest.raises(ValueError, match='`multigpu_strategy`'):
        network(devices=['cpu'] * n_devices, multigpu_strategy=strategy)


def test_branched_network_stays_on_one_gpu():
    with pytest.raises(ValueError, match='`gpu`: .*branches'):
        network_with_branches(content_layers=['conv3'], devices=['cpu', 'cpu'])
