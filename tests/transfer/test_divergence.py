"""Runs whose numbers grow beyond all bounds, from Python."""

import pytest
import torch
from samples import mini_vgg19, noise

from neural_style import DivergenceError, stylize
from neural_style.transfer.session import Session

DIVERGING = {
    'L-BFGS': ({'style_weight': 1e25}, 'give `lbfgs_max_step` 10'),
    'Adam': (
        {'optimizer': 'adam', 'learning_rate': 1e38},
        '`learning_rate` 1e\\+38 or the weights',
    ),
}


def run(**settings):
    images = [noise(3, 32, 40, seed=1), noise(3, 30, 30, seed=2)]
    return stylize(mini_vgg19(), images[0], images[1:], num_iterations=30, seed=1, **settings)


@pytest.mark.parametrize(('settings', 'cause'), DIVERGING.values(), ids=DIVERGING)
def test_diverging_run_raises_the_cause_and_has_the_best_image(settings, cause):
    images = []
    with pytest.raises(DivergenceError, match=f'no longer finite; .*{cause}') as error:
        run(callback=lambda iterate: images.append(iterate.image), **settings)
    assert torch.equal(error.value.image, images[error.value.iteration - 1])
    assert bool(error.value.image.isfinite().all())


def test_run_that_is_not_monitored_goes_on():
    result = run(session=Session(monitored=False), **DIVERGING['Adam'][0])
    assert not bool(result.isfinite().all())
