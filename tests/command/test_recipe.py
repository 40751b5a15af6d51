"""The recipe in every picture."""

import numpy as np
import pytest
import torch
from written import content_of, pixels, recipe_of

from neural_style.command.flags import command_line
from neural_style.command.input_files import INPUTS
from neural_style.command.recipe import FLAGS_NOT_RECORDED
from neural_style.files.checksum import sha256
from neural_style.torch7 import image
from neural_style.transfer import image_files

# Flags with strings that are no names of files.  One that is neither here nor in INPUTS or
# FLAGS_NOT_RECORDED would put whatever it holds into every picture.
STRING_FLAGS = {
    *('parallel', 'memory'),
    *('style_blend_weights', 'gpu', 'multigpu_strategy', 'init', 'optimizer', 'pooling', 'backend'),
    *(
        'content_layers',
        'style_layers',
        'losses',
        'missing_layers',
        'padding',
        'multiscale',
        'precision',
    ),
    *('color', 'color_transfer', 'style_image_layers', 'style_scale', 'style_statistic'),
    'region_weights',
    *('style_size_by', 'paper_range', 'start', 'end', 'flow_relative_indices'),
}


@pytest.mark.parametrize('extension', ['png', 'jpg', 'jpeg'])
def test_recipe_tells_settings_versions_sums_and_seed(private_command, extension):
    assert private_command('-output_image', f'out.{extension}', '-tv_weight', 0.5) == 0
    recipe = recipe_of(f'out.{extension}')
    assert recipe['program'].startswith('neural_style')
    assert recipe['torch'] == torch.__version__
    assert recipe['flags'][-2:] == ['-tv_weight', '0.5'] or '-tv_weight' in recipe['flags']
    assert 0 <= recipe['seed'] < 2**32
    assert recipe['iteration'] == 3
    inputs = {flag: (name, checksum) for flag, name, checksum in recipe['inputs']}
    assert inputs['content_image'][0] == 'scene.jpg'
    for name, checksum in inputs.values():
        assert checksum == sha256(private_command.private / name)
    assert set(inputs) == {'content_image', 'style_image', 'proto_file', 'model_file'}


def test_recipe_leaves_out_where_the_files_are(private_command):
    mask = private_command.private / 'grey_gray.png'
    (private_command.private / 'flags.txt').write_text('-tv_weight 0\n')
    more = ('-preset', private_command.private / 'flags.txt', '-paper_mask', mask)
    assert private_command('-init', 'image', '-init_image', mask, *more) == 0
    assert b'private' not in content_of('out.png')
    assert '/' not in image_files.comment('out.png')


def test_recipe_of_a_picture_leaves_out_what_only_videos_have(private_command):
    assert private_command('-temporal_weight', 1e4, '-every', 2) == 0
    assert {'-temporal_weight', '-every'}.isdisjoint(recipe_of('out.png')['flags'])


def test_recipe_of_an_intermediate_picture_names_its_iteration(private_command):
    assert private_command('-save_iter', 1) == 0
    numbers = [recipe_of(name)['iteration'] for name in ('out_1.png', 'out_2.png', 'out.png')]
    assert numbers == [1, 2, 3]


def test_recipe_changes_no_pixel_and_ppm_has_none(private_command, tmp_path):
    for name in ('out.png', 'out.jpg', 'out.ppm'):
        assert private_command('-seed', 1, '-output_image', name) == 0
    assert content_of('out.ppm').startswith(b'P6\n48 36\n255\n')
    assert len(content_of('out.ppm')) == len(b'P6\n48 36\n255\n') + 48 * 36 * 3
    assert np.array_equal(pixels('out.png'), pixels('out.ppm'))
    values = image.load('out.png') + 0.5 / 255  # back to the same bytes
    image.save('plain.jpg', values)
    assert np.array_equal(pixels('plain.jpg'), pixels('out.jpg'))


def test_recipe_of_the_same_seed_is_the_same(private_command):
    for name in ('out.png', 'again.png'):
        assert private_command('-seed', 3, '-output_image', name) == 0
    assert content_of('out.png') == content_of('again.png')


def test_recipe_that_would_be_too_long_is_left_out(private_command, capsys):
    assert private_command('-style_layers', ','.join(['relu1_1'] + ['x' * 100] * 700)) == 0
    assert 'too long to be stored in the picture' in capsys.readouterr().err
    assert image_files.comment('out.png') is None


def test_recorded_strings_are_no_paths():
    names = {
        name for name, default in command_line().defaults().items() if isinstance(default, str)
    }
    assert names <= STRING_FLAGS | {*INPUTS, *FLAGS_NOT_RECORDED}
