"""Scales on the command line: -style_scale of each image, -style_image_layers."""

import numpy as np
import pytest
from written import content_of, files, pixels

from neural_style.command.process import main

TWO = '-style_image {0}/strokes.jpg,{0}/waves.jpg'
LAYERS = 'relu1_1+relu2_1+relu3_1,relu3_1+relu4_1+relu5_1'


@pytest.fixture
def two(data):
    return TWO.format(data / 'inputs')


def test_each_style_image_may_have_a_scale_of_its_own(traced_command, two):
    status, keywords = traced_command(*two.split(), '-style_scale', '1,0.5')
    assert status == 0
    assert [max(style.shape[1:]) for style in keywords['style_images']] == [48, 24]


def test_equal_scales_are_one_scale(command, two):
    assert command(f'{two} -style_scale 0.5 -noise_scale 20') == 0
    assert command(f'{two} -style_scale 0.5,0.5 -noise_scale 20 -output_image list.png') == 0
    assert np.array_equal(pixels(), pixels('list.png'))


@pytest.mark.parametrize(
    ('scales', 'message'),
    [
        ('1,2,3', '-style_scale 1,2,3: 3 scales for 2 style image(s); give one, or one for each'),
        ('1,nan', '-style_scale nan: give a finite number'),
        ('1,1e9', '-style_scale 1000000000: too large'),
    ],
)
def test_scales_that_do_not_fit_are_refused(command, capsys, two, scales, message):
    assert command(f'{two} -style_scale {scales}') == 1
    assert message in capsys.readouterr().err
    assert files() == []


@pytest.mark.parametrize('scales', ['1,x', ',', 'x', '1;2', ''])
def test_scales_that_are_no_numbers_get_the_message_of_the_original(capsys, scales):
    assert main(['-style_scale', scales]) == 1
    printed = capsys.readouterr()
    assert 'invalid type for option -style_scale (should be number)' in printed.out + printed.err


def test_a_scale_of_0_in_a_list_is_one_pixel(command, capsys, two):
    assert command(f'{two} -style_scale 1,0') == 0
    assert '-style_scale 1,0: taken for one pixel' in capsys.readouterr().err


def test_strokes_and_shapes_are_of_different_images(traced_command, two):
    flags = [*two.split(), '-style_image_layers', LAYERS]
    status, keywords = traced_command(*flags)
    assert status == 0 and keywords['style_image_layers'] == LAYERS


@pytest.mark.parametrize(
    ('flags', 'message'),
    [
        ('all', '-style_image_layers: 1 lists for 2 style images'),
        ('relu1_1,relu2_1', '-style_image_layers: no style image serves relu3_1; add it to one'),
        ('all,relu1_2', '-style_image_layers: relu1_2 is not among the -style_layers'),
    ],
)
def test_layers_that_do_not_fit_are_refused(command, capsys, two, flags, message):
    assert command(f'{two} -style_image_layers {flags}') == 1
    assert f'neural_style: {message}' in capsys.readouterr().err
    assert files() == []


@pytest.mark.parametrize('optimizer', ['lbfgs', 'adam'])
def test_resumed_run_has_the_scales_and_layers_of_its_checkpoint(command, two, optimizer):
    flags = f'{two} -style_image_layers {LAYERS} -style_scale 1,0.5 -noise_scale 20'
    flags += f' -optimizer {optimizer}'
    assert command(f'{flags} -num_iterations 4 -checkpoint state -checkpoint_iter 2') == 0
    assert main('-resume state -num_iterations 6 -output_image more.png'.split()) == 0
    assert command(f'{flags} -num_iterations 6 -output_image long.png') == 0
    assert np.array_equal(pixels('more.png'), pixels('long.png'))
    assert main('-resume state -num_iterations 6 -style_scale 1'.split()) == 1


def test_rerun_makes_the_same_file_with_scales_and_layers(private_command, rerun):
    images = TWO.format(private_command.private).split()
    flags = ('-style_image_layers', LAYERS, '-style_scale', '1,0.5', '-multiscale', '32')
    assert private_command(*images, *flags) == 0
    assert rerun('out.png') == 0
    assert content_of('out.png') == content_of('out_rerun.png')


def test_the_memory_plan_counts_every_style_image_at_its_scale(command, capsys, two):
    plans = []
    for scales in ('1,1', '1,12'):
        assert command(f'{two} -style_image_layers {LAYERS} -style_scale {scales} -dry_run') == 0
        plans.append(capsys.readouterr().out)
    assert plans[0] != plans[1]
    assert files() == []
