"""A trained style in the place of -style_image."""

import os
import shutil

import numpy as np
import pytest
import torch
from written import files, pixels, recipe_of

from neural_style import load, scale
from neural_style.command.process import main
from neural_style.command.trained_styles import shipped_styles
from neural_style.fast.trained import METADATA, TrainedPainter, TrainedStyle
from neural_style.fast.transformation import Shape, TransformationNetwork
from neural_style.files.tensors import write_tensors


@pytest.fixture
def paint(data, tmp_path, monkeypatch):
    """Paint a picture of 48 pixels with a network that is not trained; takes flags as text."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(data / 'inputs' / 'scene.jpg', 'scene.jpg')
    torch.manual_seed(0)
    network = TransformationNetwork(Shape(16, blocks=1, styles=2))
    with torch.no_grad():
        network.reduce[1].scale[1] = 3
        network.paint.weight.mul_(10)
    TrainedStyle(network, ['a', 'b']).save('s.safetensors')
    defaults = '-gpu -1 -image_size 48 -content_image scene.jpg -style_image s.safetensors'
    return lambda flags='': main([*defaults.split(), *flags.split()])


def test_trained_style_is_recognised_and_paints_at_once(paint, capsys):
    assert paint() == 0
    assert pixels('out.png').shape == (36, 48, 3)
    assert capsys.readouterr().out == ''
    inputs = [flag for flag, _, _ in recipe_of('out.png')['inputs']]
    assert inputs == ['content_image', 'style_image']  # no network


def test_picture_is_repeated_from_its_recipe(paint):
    assert paint('-fast_strength 0.8 -style_blend_weights 1,3') == 0
    assert main(['-rerun', 'out.png', '-output_image', 'again.png']) == 0
    assert np.array_equal(pixels('again.png'), pixels('out.png'))


def test_weights_choose_among_the_styles(paint):
    for weights in ('1,0', '0,1', '1,1'):
        assert paint(f'-style_blend_weights {weights} -output_image {weights[:3]}.png') == 0
    assert paint() == 0
    assert np.array_equal(pixels('1,1.png'), pixels('out.png'))
    assert not np.array_equal(pixels('1,0.png'), pixels('0,1.png'))


def test_strength_and_colours_of_the_content_are_heeded(paint):
    assert paint('-fast_strength 0') == 0
    assert paint('-original_colors 1 -output_image coloured.png') == 0
    assert paint('-output_image painted.png') == 0
    names = ('out', 'coloured', 'painted')
    content, coloured, painted = (pixels(f'{name}.png').astype(float) for name in names)
    distances = [np.abs(x - content).mean() for x in (coloured, painted)]
    assert 0 < distances[0] < distances[1]


def test_folders_and_videos_are_painted(paint, numbered):
    assert paint(f'-content_image {numbered(2)} -output_image out_%d.png') == 0
    assert {'out_1.png', 'out_2.png'} <= set(files())


def test_dry_run_tells_the_memory(paint, capsys):
    assert paint('-dry_run') == 0
    assert '48 x 36 in one pass of the fast network; predicted peak' in capsys.readouterr().out
    assert 'out.png' not in files()


@pytest.mark.parametrize(
    'flags, message',
    [
        ('-style_weight 3', '-style_weight 3 means nothing to a trained style, which paints in'),
        ('-model_file x', '-model_file: a trained style has a network of its own'),
        ('-color match', '-color match: a trained style knows style and content'),
        ('-style_tint 1', '-style_tint 1: needs the style image, which is not in a trained style'),
        ('-style_image s.safetensors,scene.jpg', 'cannot be blended with others; name it alone'),
        ('-content_regions scene.jpg', 'means nothing to a trained style, which'),
        ('-style_blend_weights 1,2,3', '3 weights for 2 style'),
        ('-style_image old.safetensors', 'another version of the program; train it again with'),
        ('-init fast', '-init fast means nothing to a trained style'),
    ],
)
def test_flags_that_mean_nothing_are_refused(paint, capsys, flags, message):
    write_tensors('old.safetensors', {}, {METADATA: '{"format": 9}'})
    assert paint(flags) == 1
    assert message in capsys.readouterr().err
    assert 'out.png' not in files()


def test_size_of_strokes_is_remarked_on(paint, capsys):
    assert paint('-style_scale 0.5') == 0
    assert '-style_scale 0.5: has no effect on a trained style' in capsys.readouterr().err


def test_styles_that_come_with_the_program_have_names(paint, capsys):
    assert shipped_styles().keys() == {'ink_landscape', 'swirls'}
    assert paint('-style_image swirls') == 0
    assert main(['-rerun', 'out.png', '-output_image', 'again.png']) == 0
    assert np.array_equal(pixels('again.png'), pixels('out.png'))
    assert paint('-style_image swirl') == 1
    assert 'trained styles: ink_landscape, swirls' in capsys.readouterr().err


def test_file_wins_over_the_name_of_a_style(paint):
    shutil.copy('s.safetensors', 'other.safetensors')
    shutil.copy('scene.jpg', 'swirls')
    assert paint('-style_image swirls -fast -output_image first.png') == 0
    assert recipe_of('first.png')['inputs'][1][1] == 'swirls'


def test_shipped_styles_are_small_and_keep_the_photograph(data):
    content = scale(load(data / 'inputs' / 'scene.jpg'), 96)
    grey = content.mean(0).flatten()
    for path in shipped_styles().values():
        assert os.path.getsize(path) < 500_000
        painted = TrainedPainter(TrainedStyle.load(path)).paint(content)
        assert painted.std() > 0.08
        correlation = torch.corrcoef(torch.stack([grey, painted.mean(0).flatten().to(grey)]))
        assert correlation[0, 1] > 0.3
