"""One run: its text, its files, and what it refuses."""

import os

import numpy as np
import pytest
import torch
from PIL import Image
from samples import without_location
from written import files, pixels


def test_run_writes_its_picture_and_nothing_else(command, capsys):
    assert command() == 0
    assert files() == ['out.png']
    assert pixels().shape == (36, 48, 3)
    assert without_location(capsys.readouterr().err) == ''


def test_place_of_the_picture_is_the_last_line(command, capsys):
    place = f'neural_style: the picture is in {os.path.abspath("out.png")}'
    assert command() == 0
    assert capsys.readouterr().err.splitlines()[-1] == place
    assert command() == 0
    assert capsys.readouterr().err.splitlines()[-1] == f'{place}; it replaced an earlier picture'
    assert command('-output_image other.png') == 0
    assert capsys.readouterr().err.splitlines()[-1].endswith('other.png')
    assert command('-dry_run') == 0
    assert 'the picture is in' not in capsys.readouterr().err


def test_stdout_lines_of_th_end_with_a_tab(command, capsys):
    command('-print_iter 1 -optimizer adam')
    out = capsys.readouterr().out
    assert 'Capturing content targets\t\nnn.Sequential {\n' in out
    assert 'Running optimization with ADAM\t\nIteration 1 / 2\t\n' in out
    assert out.startswith('Successfully loaded ')
    assert '\nconv1_1: 8 3 3 3\n' in out
    assert 'Setting up style layer  \t2\t:\trelu1_1\t\n' in out


def test_same_seed_gives_the_same_picture(command):
    for seed, name in ((1, 'a'), (1, 'b'), (2, 'c')):
        command(f'-seed {seed} -num_iterations 6 -output_image {name}.png')
    a, b, c = (pixels(f'{name}.png') for name in 'abc')
    assert np.array_equal(a, b)
    assert not np.array_equal(a, c)


def test_original_colors_keep_the_colours_of_the_content(command, data):
    command('-original_colors 1 -num_iterations 8')
    out = np.asarray(Image.open('out.png').convert('YCbCr'), float)
    content = Image.open(data / 'inputs' / 'scene.jpg').resize((48, 36), Image.Resampling.BOX)
    expected = np.asarray(content.convert('YCbCr'), float)
    # Clipping and JPEG move single pixels; on the whole the chrominance is the content's.
    assert np.abs(out[..., 1:] - expected[..., 1:]).mean() < 6
    command('-num_iterations 8')
    plain = np.asarray(Image.open('out.png').convert('YCbCr'), float)
    assert np.abs(plain[..., 1:] - expected[..., 1:]).mean() > 6


def test_init_image_may_have_any_size(command, data):
    start = data / 'inputs' / 'waves.jpg'
    command(f'-init image -init_image {start} -num_iterations 1')
    out = np.asarray(Image.open('out.png'), float)
    expected = Image.open(start).resize((48, 36), Image.Resampling.BOX)
    assert np.abs(out - np.asarray(expected, float)).mean() < 12


def test_gpu_flags_fall_back_to_the_cpu_with_a_warning(command, capsys):
    if torch.cuda.is_available():
        pytest.skip('this machine has a CUDA device')
    for gpu in ('0', '0,1'):
        assert command(f'-gpu {gpu} -backend cudnn -cudnn_autotune') == 0
        assert 'no CUDA device here, running on the CPU' in capsys.readouterr().err
    assert command('-gpu -1') == 0
    assert without_location(capsys.readouterr().err) == ''


def test_default_gpu_runs_anywhere(command):
    assert command('-gpu 0') == 0


def test_adam_flags_reach_the_optimizer(traced_command):
    pictures = []
    for flags in ((), ('-adam_beta1', '0.5'), ('-adam_beta2', '0.9'), ('-adam_epsilon', '10')):
        assert traced_command('-optimizer', 'adam', '-num_iterations', '6', *flags)[0] == 0
        pictures.append(pixels().astype(float))
    for other in pictures[1:]:
        assert np.abs(other - pictures[0]).mean() > 0.1


@pytest.mark.parametrize('number', ['0', '-1', '1.5'])
def test_numbers_of_iterations_that_write_no_picture_are_named(command, capsys, number):
    assert command(f'-num_iterations {number}') == 0
    assert f'-num_iterations {number}: no evaluation' in capsys.readouterr().err
    assert files() == []


def test_existing_picture_is_kept_when_a_run_fails(command):
    with open('out.png', 'wb') as file:
        file.write(b'precious')
    assert command('-model_file nosuch.caffemodel') == 1
    with open('out.png', 'rb') as file:
        assert file.read() == b'precious'
    assert files() == ['out.png']


BAD = [
    # flags, what the message must name
    ('-content_image nosuch.jpg', ['-content_image nosuch.jpg', 'JPEG']),
    ('-style_image nosuch.jpg', ['-style_image nosuch.jpg']),
    ('-style_image {inputs}/scene.jpg,nosuch.jpg', ['nosuch.jpg']),
    ('-style_image ,', ['-style_image']),
    ('-init image -init_image nosuch.jpg', ['-init_image nosuch.jpg']),
    ('-content_image {inputs}/not_an_image.png', ['-content_image', 'not_an_image.png']),
    ('-content_image .', ['-content_image', 'it contains no pictures']),
    ('-model_file nosuch.caffemodel', ['nosuch.caffemodel', 'download_models.sh']),
    ('-model_file {models}/mini_vgg19.prototxt', ['mini_vgg19.prototxt']),
    ('-model_file ' + 'x' * 300, ['-model_file', 'name too long']),
    ('-output_image nosuchdir/out.png', ['-output_image', 'nosuchdir']),
    ('-output_image out', ['-output_image', '.png']),
    ('-output_image out.bmp', ['-output_image', '.png']),
    ('-output_image .', ['-output_image']),
    ('-optimizer sgd', ['-optimizer', 'lbfgs', 'adam']),
    ('-init noise', ['-init', 'random', 'image']),
    ('-backend caffe -gpu 0', ['-backend', 'nn', 'cudnn', 'clnn']),
    ('-gpu abc', ['-gpu', 'abc']),
    ('-gpu 0,-1', ['-gpu']),
    ('-gpu ,', ['-gpu']),
    ('-style_blend_weights 1,2', ['-style_blend_weights: 2 weights for 1 style']),
    ('-style_blend_weights x', ['-style_blend_weights', 'x']),
    ('-image_size 1', ['-image_size', '-tv_weight 0']),
    ('-image_size nan', ['-image_size']),
    ('-style_scale inf', ['-style_scale']),
    ('-num_iterations inf', ['-num_iterations']),
    ('-num_iterations nan -optimizer adam', ['-num_iterations']),
    ('-lbfgs_num_correction inf', ['-lbfgs_num_correction']),
    ("-content_layers '' -style_layers '' -tv_weight 0", ['-content_layers', '-tv_weight']),
    ('-pooling avg -image_size 4', ['-pooling avg', '-image_size']),
]


@pytest.mark.parametrize(('flags', 'named'), BAD, ids=[flags for flags, _ in BAD])
def test_bad_input_is_named_with_its_remedy(command, data, capsys, flags, named):
    status = command(flags.format(inputs=data / 'inputs', models=data / 'models'))
    captured = capsys.readouterr()
    assert status == 1
    assert captured.err.startswith('neural_style: ')
    for name in named:
        assert name in captured.err
    assert 'Traceback' not in captured.err
    assert 'Iteration' not in captured.out
    assert files() == []
