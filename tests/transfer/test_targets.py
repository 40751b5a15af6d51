"""Style targets that runs share are captured once, as long as they are the same."""

import pytest
import torch
from samples import mini_vgg19, network_with_dropout

from neural_style import stylize
from neural_style.network.loss_network import LossNetwork
from neural_style.transfer.session import Session
from neural_style.transfer.targets import StyleTargets


@pytest.fixture
def captures(monkeypatch):
    """Note the style images that are captured."""
    captured = []
    real = LossNetwork.capture_style

    def capture_style(self, image, *options, **keywords):
        captured.append(tuple(image.shape))
        real(self, image, *options, **keywords)

    monkeypatch.setattr(LossNetwork, 'capture_style', capture_style)
    return captured


def picture(seed, size=32):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(3, size, size, generator=generator, dtype=torch.float64)


def paint(cnn, content, styles, targets, **settings):
    session = Session(style_targets=targets)
    return stylize(cnn, content, styles, session=session, seed=1, num_iterations=2, **settings)


def test_style_targets_of_other_roundings_are_captured_anew(captures):
    cnn, targets, styles = mini_vgg19(), StyleTargets(), [picture(8)]
    for exact in (False, True, True):
        session = Session(style_targets=targets, exact=exact)
        stylize(cnn, picture(1), styles, session=session, seed=1, num_iterations=1)
    assert len(captures) == 2


def test_style_targets_are_captured_once(captures):
    cnn, targets = mini_vgg19(), StyleTargets()
    styles = [picture(8), picture(9)]
    shared = [paint(cnn, picture(seed), styles, targets) for seed in (1, 2)]
    assert len(captures) == 2
    assert torch.equal(shared[1], paint(cnn, picture(2), styles, None))
    assert len(captures) == 4


@pytest.mark.parametrize(
    'settings',
    [
        {'style_blend_weights': [1, 2]},
        {'paper_mask': 'auto'},
        {'color': 'match'},
        {'content_regions': [picture(3)[:1], picture(4)[:1]]},
    ],
)
def test_style_targets_that_differ_are_captured_again(captures, settings):
    cnn, targets = mini_vgg19(), StyleTargets()
    styles = [picture(8), picture(9)]
    paint(cnn, picture(1), styles, targets)
    again = paint(cnn, picture(2), styles, targets, **settings)
    assert len(captures) == 4
    assert torch.equal(again, paint(cnn, picture(2), styles, None, **settings))


def test_network_that_draws_numbers_captures_every_time(captures):
    cnn, targets = network_with_dropout(), StyleTargets()
    layers = {'style_layers': 'relu1_1', 'content_layers': 'relu4_2'}
    for _ in range(2):
        paint(cnn, picture(1), [picture(8)], targets, **layers)
    assert len(captures) == 2
