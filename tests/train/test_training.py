"""Steps of a training."""

import copy

import numpy as np
import pytest
import torch
from samples import loss_network, mini_vgg19

from neural_style.fast.bands import reflected
from neural_style.fast.trained import MARGIN
from neural_style.fast.transformation import Shape
from neural_style.train.objective import Objective
from neural_style.train.photographs import Photographs, files_in
from neural_style.train.training import Plan, Training
from neural_style.transfer.preprocessing import preprocess

CPU = torch.device('cpu')


@pytest.fixture
def begin(photos):
    """Return a function that begins a training for so many styles; the same each time."""

    def begin(styles=1, **plan):
        layers = {'content_layers': ['relu2_1'], 'style_layers': ['relu1_1', 'relu2_1']}
        network = loss_network(mini_vgg19(), exact=False, **layers)
        images = [torch.rand(3, 30, 40) ** (1 + n) for n in range(styles)]
        plan = Plan(**{'batch': 2, 'side': 32, 'learning_rate': 1e-2} | plan)
        shape = Shape(8, blocks=1, styles=styles)
        return Training(
            shape, plan, Objective(network, images, CPU), Photographs(files_in([photos]))
        )

    torch.manual_seed(0)
    return begin


def weights_of(training):
    return torch.cat([value.flatten() for value in training.network.state_dict().values()])


def test_steps_lower_the_loss(begin):
    training = begin()
    losses = [training.step() for _ in range(12)]
    total = [loss['content'] + loss['style'] for loss in losses]
    assert sum(total[-3:]) < 0.7 * sum(total[:3])


def test_training_continues_to_the_same_bits(begin):
    torch.manual_seed(0)
    training = begin(2)
    for _ in range(2):
        training.step()
    torch.manual_seed(0)
    continued = begin(2)
    continued.restore(copy.deepcopy(training.state()))
    for _ in range(2):
        assert training.step() == continued.step()
    assert torch.equal(weights_of(training), weights_of(continued))
    for name, value in training.mean.items():
        assert torch.equal(value, continued.mean[name])


def test_gradient_is_that_of_the_losses(begin):
    training = begin(batch=1)
    objective, rng = training.objective, np.random.default_rng(0)
    photo = training.photos.crop(rng, 32)[None]
    painted = torch.rand(1, 3, 32, 32)
    gradient = objective.gradient(painted, photo, 0)
    objective.network.capture_content(preprocess(photo)[0])
    expected = objective.network.gradient(preprocess(painted)[0])
    assert torch.allclose(gradient[0].flip(0) / 256, expected, rtol=1e-4, atol=1e-6)


def test_each_style_has_its_own_scales_and_shifts(begin):
    training = begin(2)
    for _ in range(8):
        training.step()
    image = reflected(torch.rand(1, 3, 32, 32), MARGIN)
    network = training.network
    with torch.no_grad():
        first, second = (network(image, torch.tensor(pair)) for pair in ([1.0, 0.0], [0.0, 1.0]))
    assert (first - second).abs().mean() > 1e-3
