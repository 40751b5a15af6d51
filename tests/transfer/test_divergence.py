"""Runs whose numbers grow beyond all bounds, from Python."""

import logging

import pytest
import torch
from samples import mini_vgg19, noise

from neural_style import DivergenceError, stylize
from neural_style.transfer import objective
from neural_style.transfer.divergence import CHECK_INTERVAL, DivergenceMonitor
from neural_style.transfer.session import Iterate, Session

DIVERGING = {
    'L-BFGS': ({'style_weight': 1e25}, 'give `lbfgs_max_step` 10'),
    'Adam': (
        {'optimizer': 'adam', 'learning_rate': 1e38},
        '`learning_rate` 1e\\+38 or the weights',
    ),
}


def run(**settings):
    images = [noise(3, 32, 40, seed=1), noise(3, 30, 30, seed=2)]
    settings = {'num_iterations': 30, 'seed': 1} | settings
    return stylize(mini_vgg19(), images[0], images[1:], **settings)


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


@pytest.mark.parametrize(
    ('settings', 'warnings'),
    [({}, 1), ({'lbfgs_max_step': 10}, 0), ({'optimizer': 'adam'}, 0)],
)
def test_leap_of_lbfgs_is_logged_once_with_the_remedy(settings, warnings, caplog, monkeypatch):
    losses = iter([1e3, 1.0, 500.0, 1e3, 0.5])
    real = objective.evaluate
    monkeypatch.setattr(
        objective, 'evaluate', lambda *args: (torch.tensor(next(losses)), real(*args)[1])
    )
    with caplog.at_level(logging.WARNING, logger='neural_style'):
        run(**{'num_iterations': 5} | settings)
    texts = [text for text in caplog.messages if 'went too far' in text]
    assert len(texts) == warnings
    assert all('iteration 3' in text and '`lbfgs_max_step` 10' in text for text in texts)


class OnGpu:
    """Stand in for an image on a GPU, which must not be read at every evaluation."""

    device = torch.device('cuda')
    shape = (3, 4, 4)

    def __init__(self):
        self.reads = 0

    def clone(self):
        return self

    def copy_(self, other):
        pass

    def aminmax(self):
        self.reads += 1
        return torch.zeros(2)


def test_leap_between_the_checks_of_a_gpu_is_noticed_at_the_next():
    monitor, image = DivergenceMonitor(), OnGpu()
    losses = [3.0, 1.0, 200.0, *[0.5] * (CHECK_INTERVAL - 3)]
    leaps = []
    for number, loss in enumerate(losses, start=1):
        loss = torch.tensor(loss)
        monitor(Iterate(number, 100, x=image, loss=loss, gradient=loss))
        leaps.append(monitor.leap)
    assert leaps == [0] * (CHECK_INTERVAL - 1) + [3]
    assert image.reads == 2
