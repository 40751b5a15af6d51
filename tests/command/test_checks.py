"""Checks at the start of a run."""

import os
from pathlib import Path

import pytest
from PIL import Image
from samples import without_location
from written import files

NOT_FINITE = ['content_weight', 'style_weight', 'tv_weight', 'num_iterations', 'noise_scale']
NOT_FINITE += ['lbfgs_num_correction', 'optimizer adam -learning_rate', 'seed']
NOT_FINITE += ['image_size', 'style_scale']


VALUES = [f'-{flag} {value}' for flag in NOT_FINITE for value in ('nan', 'inf', '-inf')]
VALUES += [
    f'-{flag} {value}' for flag in ('image_size', 'style_scale') for value in ('1e30', '1e308')
]
VALUES += ['-image_size 20000', '-style_scale 1e3', '-style_size_by width -style_scale 1e3']
VALUES += ['-multiscale 2 -num_iterations inf', '-multiscale 2 -num_iterations nan']
VALUES += ['-image_size 0', '-image_size 0.5', '-image_size -3']
VALUES += [f'-style_blend_weights {value}' for value in ('nan', 'inf', '1,2', "''")]
VALUES += [f'-adam_beta1 {value}' for value in ('nan', '1', '-0.1')] + ['-adam_epsilon 0']
VALUES += ['-lbfgs_max_step 1e300', '-optimizer adam -learning_rate 1e300']
VALUES += ['-lbfgs_max_step -1', '-lbfgs_max_step nan', '-recolor_content 1.5']
VALUES += ['-luminance_only 2', '-keep_alpha 0.5', '-exif_orientation -1', '-icc_profile nan']
VALUES += ['-optimizer sgd', '-init noise', '-precision fp8', '-losses l1', '-missing_layers no']
VALUES += ['-jpeg_quality 0', '-paper_range 1,0', '-multiscale 0']
VALUES += ['-content_layers relu4_2:nan', '-gpu 1e30', '-style_tint nan']


@pytest.mark.parametrize('flags', VALUES)
def test_senseless_values_are_refused_before_the_network_is_loaded(command, capsys, flags):
    assert command(flags) == 1
    captured = capsys.readouterr()
    flag = flags.split()[-2]
    assert captured.err.startswith(f'neural_style: {flag}')
    assert captured.err.count('\n') == 1
    assert captured.out == ''
    assert files() == []


@pytest.mark.parametrize(
    'flags',
    [
        *('-content_weight -1', '-style_weight -1', '-tv_weight -1', '-learning_rate -1'),
        *('-tv_weight 0 -image_size 0', '-style_scale 0', '-style_scale -1'),
        *('-lbfgs_num_correction -1', '-lbfgs_num_correction 1e30', '-print_iter nan'),
        *('-save_iter -1', '-save_iter inf', '-style_blend_weights -2', '-seed 1e30'),
        *('-optimizer adam -lbfgs_num_correction nan', '-learning_rate inf', '-backend caffe'),
        *('-multigpu_strategy x', '-gpu -1.5', '-gpu nan'),
    ],
)
def test_odd_values_that_the_original_takes_are_taken(command, capsys, flags):
    assert command(flags) == 0
    for line in without_location(capsys.readouterr().err).splitlines():
        assert line.startswith(f'neural_style: {flags}: ') or flags.split()[-2] in line
        assert 'taken for' in line or 'has no effect' in line
    assert files() == ['out.png']


@pytest.mark.parametrize(
    ('flags', 'message'),
    [
        ('-jpeg_quality 0', '-jpeg_quality 0: give a whole number from 1 to 100'),
        ('-jpeg_quality 7.5', '-jpeg_quality 7.5'),
        ('-style_size_by height', '-style_size_by height: choose side or width'),
        ('-style_tint 2', '-style_tint 2: give 0 or 1'),
        ('-luminance_only 2', '-luminance_only 2: give 0 or 1'),
        ('-noise_scale inf', '-noise_scale inf'),
        ('-lbfgs_max_step -1', '-lbfgs_max_step -1: give a number from 0'),
        ('-lbfgs_max_step nan', '-lbfgs_max_step nan'),
        ('-fourier_decay 1.1', '-fourier_decay 1.1: give a number from 0 to 1'),
        ('-fourier_decay nan', '-fourier_decay nan'),
        ('-adam_beta1 1', '-adam_beta1 1: give a number from 0 to below 1'),
        ('-adam_beta2 -0.1', '-adam_beta2 -0.1'),
        ('-adam_epsilon 0', '-adam_epsilon 0: give a number above 0'),
        ('-recolor_content 1.5', '-recolor_content 1.5: give a number from 0 to 1'),
        ('-paper_mask nosuch.png', '-paper_mask nosuch.png: no such file'),
        ('-paper_range 0.9,0.7', '-paper_range 0.9,0.7: give two luminances'),
        ('-init noise', '-init noise: choose random, image or fast\n'),
        ('-init fast,prevWarped', 'choose random, image or fast; a second word is for videos\n'),
        ('-losses l2', '-losses l2: choose neural_style or paper'),
        ('-missing_layers no', '-missing_layers no: choose warn or error'),
        ('-content_layers relu4_2:x:1', "-content_layers: the network has no layer 'relu4_2:x'"),
    ],
)
def test_bad_values_of_extension_flags_are_named(traced_command, capsys, tmp_path, flags, message):
    assert traced_command(*flags.split())[0] == 1
    err = capsys.readouterr().err
    assert err.startswith('neural_style: ') and message in err
    assert list(tmp_path.iterdir()) == []


def test_jpeg_wider_than_the_format_is_refused(command, capsys, tmp_path):
    Image.new('RGB', (4000, 1)).save(tmp_path / 'line.png')
    flags = '-content_image line.png -image_size 70000 -tv_weight 0'
    assert command(f'{flags} -output_image out.jpg') == 1
    assert '65500' in capsys.readouterr().err


def test_output_name_that_is_too_long_is_refused(small_command, capsys):
    for length, status in ((252, 1), (245, 0)):
        assert (
            small_command('-output_image', 'x' * (length - 4) + '.png', '-save_iter', 1) == status
        )
    assert 'too long' in capsys.readouterr().err
    assert len(os.listdir()) == 1


def test_keep_alpha_requires_a_png(small_command, capsys):
    assert small_command('-keep_alpha', 1, '-output_image', 'out.jpg') == 1
    assert 'name a .png' in capsys.readouterr().err


def test_read_only_picture_is_refused(command, capsys, monkeypatch):
    Path('out.png').write_bytes(b'precious')
    # root may write everything
    monkeypatch.setattr(os, 'access', lambda path, mode: not str(path).endswith('out.png'))
    assert command() == 1
    assert 'out.png: the file is read-only' in capsys.readouterr().err
    assert Path('out.png').read_bytes() == b'precious'


@pytest.mark.parametrize(
    ('flags', 'message'),
    [
        ('-content_image out.png', '-output_image out.png: the run overwrites its -content_image'),
        ('-style_image out_1.png -save_iter 1', 'the run overwrites its -style_image out_1.png'),
        ('-style_image out_1.png -save_iter 0', ''),
        ('-style_image out_x.png -save_iter 1', ''),
    ],
)
def test_overwritten_inputs_are_named(command, data, capsys, flags, message):
    for name in ('out.png', 'out_1.png', 'out_x.png'):
        Image.open(data / 'inputs' / 'strokes.jpg').save(name)
    assert command(flags) == 0
    err = without_location(capsys.readouterr().err)
    assert message in err and err.count('\n') == bool(message)


@pytest.mark.skipif(not hasattr(os, 'mkfifo'), reason='needs named pipes')
@pytest.mark.parametrize('flag', ['-output_image', '-checkpoint'])
def test_special_files_are_not_replaced(command, capsys, flag):
    os.mkfifo('pipe.png')
    os.symlink('loop.png', 'loop.png')
    for name, message in (
        ('pipe.png', 'not a regular file'),
        ('loop.png', 'cannot write'),
    ):
        assert command(f'{flag} {name}') == 1
        err = capsys.readouterr().err
        assert err.startswith(f'neural_style: {flag} {name}: ') and message in err
    assert files() == ['loop.png', 'pipe.png']
