"""Targets as data."""

import pytest
import torch

from neural_style.files.tensors import read_tensors, write_tensors
from neural_style.losses.targets import Targets


def targets():
    torch.manual_seed(0)
    return Targets(
        {'relu4_2': torch.randn(1, 8, 3, 4), 'fire2/concat:1': torch.randn(2, 4, 5, 5)},
        {'relu1_1': [torch.randn(4, 4)], 'a.b': [torch.randn(6, 6), torch.randn(6, 6)]},
    )


def test_targets_survive_a_file_to_the_last_bit(tmp_path):
    want = targets()
    write_tensors(tmp_path / 'targets.safetensors', want.tensors(), {})
    tensors, _ = read_tensors(tmp_path / 'targets.safetensors')
    loaded = Targets.from_tensors(tensors)
    assert loaded.content.keys() == want.content.keys()
    assert {name: len(terms) for name, terms in loaded.style.items()} == {'relu1_1': 1, 'a.b': 2}
    assert loaded.tensors().keys() == want.tensors().keys()
    for name, tensor in want.tensors().items():
        assert torch.equal(loaded.tensors()[name], tensor)


def test_targets_of_another_statistic_keep_its_name():
    want = Targets({}, {'relu1_1': [torch.randn(4, 2)]}, 'mean_std')
    assert list(want.tensors()) == ['style=mean_std:0:relu1_1']
    loaded = Targets.from_tensors(want.tensors())
    assert loaded.statistic == 'mean_std'
    assert torch.equal(loaded.style['relu1_1'][0], want.style['relu1_1'][0])
    with pytest.raises(
        ValueError, match='targets are those of mean_std; the network compares gram'
    ):
        loaded.check_statistics(['gram'])


def test_targets_of_two_statistics_are_refused():
    tensors = {'style:0:relu1_1': torch.zeros(4, 4), 'style=mean_std:0:a.b': torch.zeros(4, 2)}
    with pytest.raises(ValueError, match='style targets of several statistics: gram, mean_std'):
        Targets.from_tensors(tensors)


@pytest.mark.parametrize(
    'name', ['relu4_2', 'content=gram:x', 'style:relu1_1', 'style:x:relu1_1', 'style:1:relu1_1']
)
def test_tensors_of_something_else_are_refused(name):
    with pytest.raises(ValueError, match='is not the name of a target|are missing'):
        Targets.from_tensors({name: torch.zeros(2, 2)})
