"""The training of the network that paints at once, on a few small pictures."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from neural_style.fast.decoder import Decoder
from neural_style.fast.weights import WEIGHTS, load_weights
from neural_style.train.photographs import Photographs, files_in
from tools.fast_painter.__main__ import arguments, begin
from tools.fast_painter.pictures import Styles
from tools.fast_painter.training import Plan, Training

PLAN = Plan(rebuild_steps=1, batch=1, side=48, known_styles=1)


@pytest.fixture
def training(tmp_path):
    """Return a function that begins a training; the same each time."""
    pixels = np.random.default_rng(0).integers(0, 256, (60, 70, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / 'photo.png')
    encoder, trained = load_weights()
    encoder.requires_grad_(False)

    def begin():
        decoder = Decoder()
        decoder.load_state_dict(trained.state_dict())
        files = files_in([tmp_path], [])
        return Training(encoder, decoder, Photographs(files, 60), Styles(files, 1))

    return begin


def weights(training):
    return torch.cat([value.flatten() for value in training.decoder.state_dict().values()])


def test_training_goes_on_from_a_checkpoint_as_if_it_had_not_stopped(training, tmp_path):
    through, first, second = training(), training(), training()
    for _ in range(3):
        through.step(PLAN)
    first.step(PLAN)
    first.save(tmp_path / 'checkpoint.pt')
    second.load(tmp_path / 'checkpoint.pt')
    second.step(PLAN)
    second.step(PLAN)
    assert torch.equal(weights(second), weights(through))
    assert second.done == 3


def test_first_steps_rebuild_and_later_ones_paint(training):
    run = training()
    assert 'pixels' in run.step(PLAN)
    assert {'content', 'relu1_1', 'relu5_1'} <= run.step(PLAN).keys()


def test_training_begins_with_given_weights(tmp_path):
    encoder, decoder = load_weights()
    folders = ['--photos', str(tmp_path), '--paintings', str(tmp_path), '--output', str(tmp_path)]
    args = arguments([*folders, '--weights', WEIGHTS])
    run = begin(args, nn.Sequential(), [], Styles([], 1), tmp_path / 'checkpoint.pt')
    assert all(torch.equal(run.encoder.basis[name], encoder.basis[name]) for name in encoder.basis)
    for name, value in decoder.state_dict().items():
        assert torch.equal(run.mean[name], value)
        assert torch.equal(run.decoder.state_dict()[name], value)


def test_of_a_long_painting_the_middle_is_taken(tmp_path):
    pixels = np.zeros((100, 900, 3), np.uint8)
    pixels[:, 300:600] = 255
    Image.fromarray(pixels).save(tmp_path / 'scroll.png')
    picture = Styles([tmp_path / 'scroll.png'], 0)[0]
    assert picture.shape[2] == 2 * picture.shape[1]
    assert picture.min() > 0.9


def test_names_that_are_left_out_are_not_listed(tmp_path):
    for name in ('kept.jpg', 'Judged.jpg', 'text.txt'):
        (tmp_path / name).touch()
    assert [path.name for path in files_in([tmp_path], ['judged'])] == ['kept.jpg']
