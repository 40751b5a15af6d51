"""torch7/adam.py against optim.adam."""

import numpy as np
import pytest
import torch
from objectives import replay
from samples import needs_fma

from neural_style.torch7.adam import adam


@pytest.fixture(scope='module')
def recorded(golden):
    return np.load(golden / 'unit' / 'optim.npz')


@needs_fma
@pytest.mark.parametrize('precision', ['double', 'float'])
@pytest.mark.parametrize(
    'name, learning_rate', [('rosen10_lr10', 10), ('rosen10_lr001', 0.01), ('quad20_lr1', 1)]
)
def test_adam_equals_the_recordings(recorded, name, learning_rate, precision):
    def optimise(feval, x):
        state = {}
        for _ in range(60):
            adam(feval, x, state, learning_rate=learning_rate)

    points, _, expected, _, x = replay(recorded, f'adam_{name}_{precision}', optimise)
    assert torch.equal(points, expected)
    assert np.array_equal(x.numpy(), recorded[f'adam_{name}_{precision}__xfinal'])


def test_adam_returns_the_loss_before_the_step():
    x, state = torch.ones(3), {}
    returned, loss = adam(lambda x: (float(x.sum()), torch.ones(3)), x, state, learning_rate=0.5)
    assert returned is x
    assert loss == 3
    assert state['t'] == 1
    assert torch.allclose(x, torch.full((3,), 0.5))  # the first step is the rate, but for epsilon
