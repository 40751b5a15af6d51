"""Targets taken from a loss network, and put into another."""

import pytest
import torch
from loss_networks import image, network, with_targets

from neural_style import evaluate
from neural_style.files.tensors import read_tensors, write_tensors
from neural_style.losses.targets import Targets


@pytest.mark.parametrize('terms', [1, 2])
def test_saved_targets_give_another_network_the_same_gradient(terms, tmp_path):
    net, other = network(), network()
    net.capture_content(image(seed=1))
    net.capture_style(image(29, 37, seed=2), 1.0, [None, torch.rand(1, 29, 37)][:terms])
    targets = net.targets
    assert list(targets.content) == ['relu4_2']
    assert {name: len(grams) for name, grams in targets.style.items()} == {
        'relu1_1': terms,
        'relu2_1': terms,
    }
    write_tensors(tmp_path / 'targets.safetensors', targets.tensors(), {})
    saved, _ = read_tensors(tmp_path / 'targets.safetensors')
    other.set_targets(Targets.from_tensors(saved))
    for result, want in zip(evaluate(other, image()), evaluate(net, image()), strict=True):
        assert torch.equal(result, want)


def test_targets_of_style_alone_leave_those_of_content():
    net = with_targets(network())
    former = net.targets
    net.set_targets(
        Targets(style={name: [torch.eye(8 * 2**k)] for k, name in enumerate(net.style_names)})
    )
    assert net.targets.content['relu4_2'] is former.content['relu4_2']
    assert torch.equal(net.targets.style['relu1_1'][0], torch.eye(8))


@pytest.mark.parametrize(
    'targets',
    [
        Targets(content={'relu3_1': torch.zeros(1)}),
        Targets(style={'relu1_1': [torch.zeros(1)]}),
        Targets(style={name: [torch.zeros(1)] for name in ('relu1_1', 'relu2_1', 'relu3_1')}),
    ],
)
def test_targets_of_other_layers_are_refused(targets):
    with pytest.raises(ValueError, match='targets are those of layers'):
        network().set_targets(targets)
