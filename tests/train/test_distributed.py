"""Several processes share the batches of a training."""

import subprocess
import sys

import pytest
import torch
from samples import ROOT

from neural_style.files.tensors import read_tensors


@pytest.mark.slow
def test_two_processes_learn_what_one_does(train, train_flags, monkeypatch):
    flags = '-batch_size 2 -num_iterations 3 -learning_rate 1e-4'
    assert train(f'{flags} -output alone.safetensors') == 0
    monkeypatch.setenv('PYTHONPATH', str(ROOT))
    launcher = '-m torch.distributed.run --standalone --nproc_per_node 2 -m neural_style.train'
    command = [sys.executable, *launcher.split(), *train_flags, *flags.split()]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    alone, shared = (read_tensors(f'{name}.checkpoint')[0] for name in ('alone', 's'))
    assert alone.keys() == shared.keys()
    moved = 0.0
    for name, value in alone.items():
        if name.startswith('network.'):
            assert torch.allclose(shared[name], value, atol=3e-5), name
            moved = max(moved, float((shared[name] - shared[f'mean.{name[8:]}']).abs().max()))
    assert moved > 1e-7


def test_batch_that_cannot_be_shared_is_refused(train, capsys, monkeypatch):
    from neural_style.distributed import World
    from neural_style.train import __main__

    monkeypatch.setattr(__main__, 'init_world', lambda: World(0, 2))
    monkeypatch.setattr(__main__, 'destroy_world', lambda world: None)
    assert train('-batch_size 3') == 1
    assert '-batch_size 3: give a multiple of the 2 processes' in capsys.readouterr().err
