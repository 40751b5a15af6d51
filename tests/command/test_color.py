"""-color and -color_transfer on the command line."""

import numpy as np
import pytest
from written import content_of, files, pixels

from neural_style.command.process import main

COLORS = ['content', 'luminance', 'match', 'style']


def test_content_is_original_colors(command):
    assert command('-color content -noise_scale 30') == 0
    assert command('-original_colors 1 -noise_scale 30 -output_image old.png') == 0
    assert np.array_equal(pixels(), pixels('old.png'))


def test_style_is_the_default(command):
    assert command('-color style -noise_scale 30') == 0
    assert command('-noise_scale 30 -output_image old.png') == 0
    assert np.array_equal(pixels(), pixels('old.png'))


def test_intermediate_pictures_have_the_colours_of_the_content(command):
    assert command('-color luminance -init image -save_iter 1') == 0
    for name in ('out.png', 'out_1.png'):
        red, _, blue = np.moveaxis(pixels(name).astype(float), 2, 0)
        assert np.abs(red - blue).mean() > 5, 'not grey'


CONTRADICTIONS = [
    ('content -original_colors 0', '-color content: means -original_colors 1, and -original_'),
    ('content -style_tint 1', '-color content: means -style_tint 0, and -style_tint 1'),
    ('content -recolor_content 0.5', 'means -recolor_content 0, and -recolor_content 0.5'),
    ('style -original_colors 1', '-color style: means -original_colors 0'),
    ('luminance -luminance_only 0', '-color luminance: means -luminance_only 1'),
    ('luminance -original_colors 0', 'omit one of them'),
    ('match -original_colors 1', '-color match: means -original_colors 0'),
    ('match -luminance_only 1', '-color match: means -luminance_only 0'),
    ('match -preset ink', '-color match: means -luminance_only 0'),
    ('match -preset ink', 'the preset or the recipe says otherwise; omit -color, or give these'),
    ('blue', '-color blue: choose content or style or luminance or match'),
    ('match -color_transfer lab', '-color_transfer lab: choose mean or linear or'),
]


@pytest.mark.parametrize(('flags', 'message'), CONTRADICTIONS)
def test_contradicting_flags_of_colour_are_refused(command, capsys, flags, message):
    assert command(f'-color {flags}') == 1
    error = capsys.readouterr().err
    assert message in error and error.count('\n') == 1
    assert files() == []


def test_flags_that_agree_with_color_are_taken(command):
    flags = '-original_colors 1 -luminance_only 1 -style_tint 0 -recolor_content 0'
    assert command(f'-color luminance {flags}') == 0
    assert command('-color style -luminance_only 1 -style_tint 1') == 0


@pytest.mark.parametrize('color', COLORS)
def test_rerun_makes_the_same_file_with_any_colours(private_command, rerun, color):
    assert private_command('-color', color, '-color_transfer', 'pca') == 0
    assert rerun('out.png') == 0
    assert content_of('out.png') == content_of('out_rerun.png')


@pytest.mark.parametrize('color', COLORS)
def test_resumed_run_has_the_colours_of_its_checkpoint(command, color):
    flags = f'-color {color} -color_transfer cholesky -noise_scale 20'
    assert command(f'{flags} -num_iterations 4 -checkpoint state -checkpoint_iter 2') == 0
    assert main('-resume state -num_iterations 6 -output_image more.png'.split()) == 0
    assert command(f'{flags} -num_iterations 6 -output_image long.png') == 0
    assert np.array_equal(pixels('more.png'), pixels('long.png'))


def test_colours_of_a_run_do_not_change_when_it_is_resumed(command, capsys):
    assert command('-num_iterations 4 -checkpoint state') == 0
    assert main('-resume state -num_iterations 6 -color match'.split()) == 1
    assert 'the run started without -color, not match' in capsys.readouterr().err


@pytest.mark.parametrize('color', COLORS)
def test_multiscale_and_dry_runs_take_any_colours(command, capsys, color):
    assert command(f'-color {color} -multiscale 32') == 0
    assert command(f'-color {color} -dry_run -output_image dry.png') == 0
    assert 'out.png' in files() and 'dry.png' not in files()
