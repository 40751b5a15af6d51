"""The callbacks of a run: lines, intermediate pictures, divergence."""

import itertools
import math
import re

import numpy as np
import pytest
import torch
from written import files, pixels

from neural_style.losses.style import StyleLoss
from neural_style.transfer import objective


def test_intermediate_pictures_are_named_after_their_evaluation(command):
    command('-num_iterations 5 -save_iter 2 -output_image my.out.png')
    assert files() == ['my.out.png', 'my.out_2.png', 'my.out_4.png']


def test_losses_are_printed_as_luajit_rounds_them(command, capsys, monkeypatch):
    def half_way(loss, features, statistic):
        return torch.tensor(0.0078125)

    monkeypatch.setattr(StyleLoss, 'value', half_way)
    assert command('-print_iter 1 -num_iterations 1 -style_weight 1 -content_layers relu1_1') == 0
    assert '  Style 1 loss: 0.007813\t\n' in capsys.readouterr().out


def test_divergence_ends_the_run_with_the_best_picture(command, capsys, monkeypatch):
    monkeypatch.setattr('neural_style.kernels.precision.why_not', lambda *args: '')
    real, factors = objective.evaluate, itertools.chain([1] * 5, [math.nan], itertools.repeat(1))

    def evaluate(*args):
        loss, gradient = real(*args)
        return loss * next(factors), gradient

    monkeypatch.setattr(objective, 'evaluate', evaluate)
    flags = '-precision fp16 -style_weight 1e4 -print_iter 0'
    flags += ' -num_iterations {} -output_image {}'
    assert command(flags.format(40, 'out.png')) == 1
    captured = capsys.readouterr()
    (number,) = re.findall(
        r'out.png: the one with the lowest loss, of iteration (\d+)', captured.err
    )
    assert 'no longer finite; float16 overflows at 65504: give -precision bf16' in captured.err
    assert number == '5'
    assert command(flags.format(number, 'short.png')) == 0
    assert np.array_equal(pixels(), pixels('short.png'))


@pytest.mark.parametrize(
    ('flags', 'cause'),
    [
        ('-optimizer adam -learning_rate 1e38', '-learning_rate 1e+38 or the weights'),
        ('-style_weight 1e25', '-lbfgs_max_step 10'),
        ('-precision fp16 -style_weight 1e7 -lbfgs_max_step 1e9', 'float16 overflows at 65504'),
    ],
)
def test_likely_cause_of_divergence_is_named(command, capsys, monkeypatch, flags, cause):
    monkeypatch.setattr('neural_style.kernels.precision.why_not', lambda *args: '')
    assert command(f'{flags} -num_iterations 30 -print_iter 0') == 1
    captured = capsys.readouterr()
    assert cause in captured.err
    assert files() == ['out.png']


def test_leap_of_lbfgs_is_told_once_with_the_remedy(command, capsys, monkeypatch):
    losses = iter([1e3, 1.0, 500.0, 1e3, 0.5])
    real = objective.evaluate
    monkeypatch.setattr(
        objective, 'evaluate', lambda *args: (torch.tensor(next(losses)), real(*args)[1])
    )
    assert command('-num_iterations 5 -lbfgs_max_step 0') == 0
    err = capsys.readouterr().err
    assert 'iteration 3: a step of L-BFGS went too far' in err
    assert err.count('-lbfgs_max_step 10') == 1


def test_loss_that_falls_is_no_leap(command, capsys):
    assert command('-num_iterations 5 -init image') == 0
    assert 'L-BFGS' not in capsys.readouterr().err


def test_run_whose_losses_were_never_finite_goes_on(command, data, capsys):
    picture = data / 'inputs' / 'strokes.jpg'
    flags = f'-style_image {picture},{picture} -style_blend_weights 0,0 -print_iter 1'
    assert command(flags) == 0
    assert 'Total loss: nan' in capsys.readouterr().out
