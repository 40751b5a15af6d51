"""-rerun: the run that made a picture, repeated."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image, PngImagePlugin
from written import content_of, pixels, recipe_of

from neural_style.command import recipe as recipes
from neural_style.command.networks import embedded_network
from neural_style.command.process import main


@pytest.mark.parametrize(
    'flags',
    [
        (),
        ('-seed', 7, '-optimizer', 'adam', '-output_image', 'out.jpg', '-jpeg_quality', 90),
        ('-multiscale', '32', '-image_size', 64, '-normalize_gradients', '-pooling', 'avg'),
        ('-padding', 'reflect', '-multiscale', '32', '-image_size', 64),
        ('-style_statistic', 'gram:1,histogram:0.5', '-multiscale', '32', '-image_size', 64),
        ('-preset', 'ink', '-num_iterations', 3),
        ('-preset', 'gongbi', '-num_iterations', 3, '-image_size', 40),
        ('-keep_alpha', 1, '-content_image', '{}/harbour_alpha.png', '-noise_scale', 33.3),
        ('-paper_mask', '{}/grey_gray.png', '-init', 'image', '-init_image', '{}/waves.jpg'),
        ('-style_image', '{0}/strokes.jpg,{0}/waves.jpg', '-style_blend_weights', '3,7'),
    ],
    ids=[
        'plain',
        'jpg',
        'multiscale',
        'padding',
        'statistics',
        'ink',
        'gongbi',
        'alpha',
        'mask',
        'styles',
    ],
)
def test_rerun_makes_the_same_file(private_command, rerun, flags):
    flags = [str(flag).format(private_command.private) for flag in flags]
    assert private_command(*flags) == 0
    name = flags[flags.index('-output_image') + 1] if '-output_image' in flags else 'out.png'
    assert rerun(name) == 0
    assert content_of(name) == content_of(name.replace('out', 'out_rerun'))


def test_rerun_repeats_an_unseeded_start(private_command, rerun):
    private_command('-output_image', 'other.png')
    private_command()
    rerun('out.png')
    assert not np.array_equal(pixels('other.png'), pixels('out.png'))
    assert np.array_equal(pixels('out.png'), pixels('out_rerun.png'))


@pytest.mark.parametrize('seed', [-1, 1])
def test_rerun_repeats_the_masks_of_dropout(private_command, rerun, data, seed):
    for suffix in ('prototxt', 'caffemodel'):
        shutil.copy(data / 'models' / f'mini_vgg19.{suffix}', private_command.private)
    network = ('-proto_file', private_command.private / 'mini_vgg19.prototxt')
    network += ('-model_file', private_command.private / 'mini_vgg19.caffemodel')
    square = private_command.private / 'square.png'
    Image.fromarray(np.random.default_rng(1).integers(0, 255, (224, 224, 3), np.uint8)).save(square)
    flags = ('-content_image', square, '-style_image', square, '-style_layers', 'relu1_1')
    flags += ('-image_size', 224, '-content_layers', 'relu7', '-seed', seed, '-tv_weight', 0)
    assert private_command(*network, *flags) == 0
    assert rerun('out.png') == 0
    assert content_of('out.png') == content_of('out_rerun.png')


def test_rerun_finds_the_embedded_network(private_command, rerun):
    stem = embedded_network()[0].removesuffix('.prototxt')
    layers = ('-content_layers', 'relu2_1', '-style_layers', 'relu1_1')
    network = ('-proto_file', f'{stem}.prototxt', '-model_file', f'{stem}.caffemodel')
    assert private_command(*network, *layers) == 0
    assert rerun('out.png') == 0
    assert content_of('out.png') == content_of('out_rerun.png')


def test_rerun_repeats_a_run_that_was_resumed(private_command, rerun):
    assert private_command('-checkpoint', 'state', '-checkpoint_iter', 1) == 0
    assert main(['-resume', 'state', '-num_iterations', '5', '-output_image', 'more.png']) == 0
    assert rerun('more.png') == 0
    assert np.array_equal(pixels('more.png'), pixels('more_rerun.png'))
    assert content_of('more.png') == content_of('more_rerun.png')


def test_rerun_finds_inputs_beside_the_picture(private_command):
    assert private_command() == 0
    shutil.copy('out.png', private_command.private)
    assert main(['-rerun', str(private_command.private / 'out.png')]) == 0
    assert content_of('out.png') == content_of('out_rerun.png')


def test_rerun_takes_inputs_that_flags_name(private_command):
    styles = 'a,b.jpg', 'strokes.jpg'
    shutil.copy(private_command.private / 'waves.jpg', private_command.private / styles[0])
    paths = rf'{private_command.private}/a\,b.jpg,{private_command.private}/strokes.jpg'
    assert private_command('-style_image', paths) == 0
    assert private_command('-rerun', 'out.png', '-style_image', paths) == 0
    # private_command gives -image_size and -num_iterations as well, which are those of the recipe.
    assert content_of('out.png') == content_of('out_rerun.png')


def test_rerun_takes_other_flags(private_command, rerun):
    assert private_command() == 0
    assert rerun('out.png', '-num_iterations', 2, '-seed', 3, '-output_image', 'new.jpg') == 0
    recipe = recipe_of('new.jpg')
    assert recipe['iteration'] == 2
    assert recipe['seed'] == 3


def test_rerun_draws_a_new_seed_when_asked_to(private_command, rerun):
    assert private_command() == 0
    assert rerun('out.png', '-seed', -1) == 0
    assert not np.array_equal(pixels('out.png'), pixels('out_rerun.png'))


@pytest.mark.parametrize(
    'flag, name', [('content_image', 'scene.jpg'), ('style_image', 'strokes.jpg')]
)
def test_rerun_refuses_changed_inputs(private_command, rerun, capsys, flag, name):
    assert private_command() == 0
    with open(private_command.private / name, 'ab') as file:
        file.write(b'\0')
    assert rerun('out.png') == 1
    assert f'-{flag} {name}: not the file' in capsys.readouterr().err
    assert rerun('out.png', f'-{flag}', private_command.private / name) == 1


@pytest.mark.parametrize('name', ['scene.jpg', 'strokes.jpg', 'mini_vgg19_conv.caffemodel'])
def test_rerun_refuses_a_missing_input(private_command, rerun, capsys, name):
    assert private_command() == 0
    (private_command.private / name).unlink()
    assert rerun('out.png') == 1
    err = capsys.readouterr().err
    assert f'there is no {name}' in err
    assert 'say where it is with -' in err


def test_rerun_refuses_another_number_of_styles(private_command, rerun, capsys):
    assert private_command() == 0
    assert rerun('out.png', '-style_image', 'scene.jpg,strokes.jpg') == 1
    assert '2 given, and the recipe has 1: strokes.jpg' in capsys.readouterr().err


@pytest.mark.parametrize(
    'picture, output', [('out.png', 'out.png'), ('out_2.png', 'out.png'), ('out.png', './out.png')]
)
def test_rerun_never_writes_over_the_picture(private_command, rerun, capsys, picture, output):
    assert private_command('-save_iter', 1) == 0
    before = content_of(picture)
    assert rerun(picture, '-output_image', output) == 1
    assert 'would overwrite' in capsys.readouterr().err
    assert content_of(picture) == before


def test_rerun_warns_of_another_version(private_command, rerun, capsys, monkeypatch):
    assert private_command() == 0
    monkeypatch.setattr(recipes, 'version', lambda: '9.9')
    assert rerun('out.png') == 0
    assert 'neural_style 9.9' in capsys.readouterr().err


VALID = {'program': 'neural_style', 'torch': '2', 'seed': 1, 'flags': [], 'inputs': []}


@pytest.mark.parametrize(
    'text, message',
    [
        (None, 'has no recipe'),
        ('hello', 'has no recipe'),
        ('{"program": "neural_style"', 'damaged'),
        (json.dumps({'program': 'neural_style'}), 'damaged'),
        (json.dumps(VALID | {'flags': 3}), 'damaged'),
        (json.dumps(VALID | {'seed': 'x'}), 'damaged'),
        ('{"program": "neural_style", "a": ' + '[' * 50000, 'damaged'),
        (json.dumps(VALID | {'flags': ['-output_image', 'x.png']}), 'names files'),
        (json.dumps(VALID | {'flags': ['-content_image', 'x.png']}), 'names files'),
        (json.dumps(VALID | {'flags': ['-paper_mask', 'x.png']}), 'names files'),
        (json.dumps(VALID | {'flags': ['-newer_flag', '1']}), 'another version'),
        (json.dumps(VALID | {'flags': ['-help']}), 'another version'),
        (json.dumps(VALID | {'inputs': [['content_image', '../x.jpg', '0']]}), 'no input'),
        (json.dumps(VALID | {'inputs': [['content_image', '', '0']]}), 'no input'),
        (json.dumps(VALID | {'inputs': [['output_image', 'x.jpg', '0']]}), 'no input'),
        (json.dumps(VALID | {'inputs': [['content_image']]}), 'damaged'),
    ],
)
def test_rerun_refuses_pictures_without_a_good_recipe(rerun, capsys, text, message):
    chunks = PngImagePlugin.PngInfo()
    if text is not None:
        chunks.add_text('Comment', text)
    Image.new('RGB', (2, 2)).save('odd.png', pnginfo=chunks)
    assert rerun('odd.png') == 1
    err = capsys.readouterr().err
    assert err.startswith('neural_style: -rerun: odd.png')
    assert message in err


@pytest.mark.parametrize('name', ['nosuch.png', '.', 'scene.ppm'])
def test_rerun_names_files_that_are_no_pictures(rerun, capsys, name):
    assert rerun(name) == 1
    assert capsys.readouterr().err.startswith(f'neural_style: -rerun: {name}')


def test_rerun_and_resume_exclude_each_other(capsys):
    assert main(['-rerun', 'a.png', '-resume', 'b']) == 1
    assert '-rerun: starts a new run, and -resume continues one' in capsys.readouterr().err


@pytest.mark.parametrize('name', ['damaged.mp4', 'nosuch.mp4'])
def test_damaged_video_has_no_recipe(capsys, tmp_path, name):
    pytest.importorskip('av', reason='needs PyAV, of the extra [video]')
    (tmp_path / 'damaged.mp4').write_bytes(bytes(range(256)))
    assert main(['-rerun', str(tmp_path / name)]) == 1
    error = capsys.readouterr().err
    assert f'-rerun: {tmp_path / name}: no' in error and '-content_image' not in error


def test_video_of_single_pictures_has_no_recipe(command, capsys, numbered):
    pytest.importorskip('av', reason='needs PyAV, of the extra [video]')
    pytest.importorskip('cv2', reason='needs OpenCV, of the extra [video]')
    flags = '-output_image out.mp4 -init image -num_iterations 1'
    assert command(f'-content_image {numbered(2)} {flags}') == 0
    assert main(['-rerun', 'out.mp4']) == 1
    assert 'from a file, not into one of single pictures' in capsys.readouterr().err
