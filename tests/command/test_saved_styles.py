"""-save_style, and a saved style in the place of -style_image."""

import math
import os
import shutil
import signal

import pytest
import torch
from small_runs import send
from written import content_of, files, forget_statistics, pixels, recipe_of

from neural_style.command.images import InputImages
from neural_style.command.input_files import InputChecksums
from neural_style.command.parsing import parse_arguments
from neural_style.command.process import main
from neural_style.command.style_saving import style_recorder
from neural_style.distributed import World
from neural_style.fast import painting
from neural_style.files.tensors import read_tensors, write_tensors

FEW = ('-num_iterations', 3, '-print_iter', 1)
AGAIN = ('-output_image', 'again.png')


@pytest.fixture
def saved(small_command):
    """Save a style in s.safetensors; the picture is out.png."""
    assert small_command(*FEW, '-save_style', 's.safetensors') == 0


def test_saved_style_paints_the_same_picture(capsys, small_command, saved):
    former = capsys.readouterr().out.splitlines()
    assert small_command(*FEW, '-style_image', 's.safetensors', '-output_image', 'again.png') == 0
    losses = [line for line in capsys.readouterr().out.splitlines() if 'loss' in line.lower()]
    assert (pixels('again.png') == pixels('out.png')).all()
    assert losses == [line for line in former if 'loss' in line.lower()]


def test_saving_changes_neither_picture_nor_recipe(small_command, saved):
    assert small_command(*FEW, '-output_image', 'without.png') == 0
    assert (pixels('without.png') == pixels('out.png')).all()
    assert recipe_of('without.png')['flags'] == recipe_of('out.png')['flags']


def test_picture_of_a_saved_style_is_repeated_from_its_recipe(small_command, saved, data):
    assert small_command(*FEW, '-style_image', 's.safetensors', '-output_image', 'a.png') == 0
    inputs = {flag: name for flag, name, _ in recipe_of('a.png')['inputs']}
    assert inputs['style_image'] == 's.safetensors'
    flags = ('-rerun', 'a.png', '-style_image', 's.safetensors', '-output_image', 'b.png')
    assert small_command(*flags) == 0
    assert (pixels('a.png') == pixels('b.png')).all()


def test_scales_are_saved_and_painted_from(small_command):
    flags = (*FEW, '-multiscale', 2)
    assert small_command(*flags, '-save_style', 's.safetensors') == 0
    assert small_command(*flags, '-style_image', 's.safetensors', '-output_image', 'b.png') == 0
    assert (pixels('b.png') == pixels('out.png')).all()


def test_picture_of_fast_in_a_saved_style_is_that_of_the_picture(small_command, data, capsys):
    strokes, waves = (str(data / 'inputs' / f'{name}.jpg') for name in ('strokes', 'waves'))
    both = ('-style_image', f'{strokes},{waves}', '-style_blend_weights', '1,3')
    start = ('-init', 'fast', '-fast_strength', 0.5)
    assert small_command(*FEW, *start, *both, '-save_style', 's.safetensors') == 0
    assert small_command(*FEW, *start, '-style_image', 's.safetensors', *AGAIN) == 0
    assert (pixels('again.png') == pixels('out.png')).all()
    content = ('-fast', '-gpu', '-1', '-image_size', '32', '-content_image', strokes)
    assert main([*content, *both, '-output_image', 'once.png']) == 0
    assert main([*content, '-style_image', 's.safetensors', *AGAIN]) == 0
    assert (pixels('again.png') == pixels('once.png')).all()
    capsys.readouterr()
    assert small_command(*FEW, *start, '-image_size', 40, '-style_image', 's.safetensors') == 0
    assert capsys.readouterr().err.count('for 40, that for 32 is taken') == 1
    coarse = ('-multiscale', '20', '-image_size', 40, '-save_style', 'coarse.safetensors')
    assert small_command(*FEW, *coarse) == 0
    small = ('-image_size', 20, '-style_image', 'coarse.safetensors')
    assert small_command(*FEW, *start, *small) == 0
    assert capsys.readouterr().err.count('for 20, that for 40 is taken') == 1


@pytest.mark.parametrize('start', ['fast', 'random'])
def test_style_is_encoded_once(small_command, monkeypatch, start):
    loaded, encoded = [], []
    load, encode = painting.load_weights, painting.Painter.styles
    monkeypatch.setattr(painting, 'load_weights', lambda path: loaded.append(path) or load(path))
    monkeypatch.setattr(
        painting.Painter, 'styles', lambda *given: encoded.append(given) or encode(*given)
    )
    assert small_command('-init', start, '-save_style', 's.safetensors') == 0
    assert (len(loaded), len(encoded)) == (1, 1)


def test_processes_that_do_not_write_the_style_do_not_encode_it(tmp_path, monkeypatch):
    monkeypatch.setattr(painting, 'load_weights', lambda path: pytest.fail('loads the network'))
    image, file = torch.rand(3, 8, 8), str(tmp_path / 's.safetensors')
    images = InputImages(image, [image], None, None, '', {}, None)
    arguments = parse_arguments(['-save_style', file])
    second = World(1, 2)
    style_recorder(arguments, InputChecksums(arguments), images, None, torch.device('cpu'), second)


def test_style_that_an_earlier_version_saved_is_refused_as_a_start(small_command, saved, capsys):
    forget_statistics('s.safetensors')
    assert small_command(*FEW, '-style_image', 's.safetensors') == 0
    start = ('-style_image', 's.safetensors', '-init', 'fast')
    assert small_command(*start, *AGAIN) == 1
    text = 'the saved style lacks what this version paints from at once; save it again, or give'
    assert text in capsys.readouterr().err
    assert 'again.png' not in files()


@pytest.mark.parametrize(
    ('name', 'damage'),
    [
        ('mean', lambda tensor: tensor * math.nan),
        ('mean', lambda tensor: tensor * 0 + 3e38),
        ('mean', lambda tensor: tensor.double()),
        ('mean', lambda tensor: tensor.long()),
        ('covariance', lambda tensor: -tensor),
        ('covariance', lambda tensor: tensor[:, 1:]),
    ],
)
def test_damaged_statistics_of_a_saved_style_are_refused(
    small_command, saved, capsys, name, damage
):
    tensors, metadata = read_tensors('s.safetensors')
    tensors[f'32/fast:relu3_1:{name}'] = damage(tensors[f'32/fast:relu3_1:{name}'])
    write_tensors('s.safetensors', tensors, metadata)
    assert small_command('-style_image', 's.safetensors', '-init', 'fast', *AGAIN) == 1
    text = 'the saved style is damaged: the statistics of relu3_1 are missing or damaged; save it'
    assert text in capsys.readouterr().err
    assert 'again.png' not in files()


def test_sizes_of_one_style_share_a_file(small_command, saved, capsys):
    assert small_command(*FEW, '-image_size', 40, '-save_style', 's.safetensors') == 0
    for size in (32, 40):
        assert small_command(*FEW, '-image_size', size, '-style_image', 's.safetensors') == 0
    assert 'is taken' not in capsys.readouterr().err


def test_run_says_where_the_style_is_and_what_it_replaced(small_command, capsys):
    flags = ('-num_iterations', 0, '-save_style', 's.safetensors')
    place = f'neural_style: the style is in {os.path.abspath("s.safetensors")}'
    replaced = f'{place}; it replaced an earlier style'
    for scale, line in ((1, place), (1, place), (0.5, replaced)):
        assert small_command(*flags, '-style_scale', scale) == 0
        assert line in capsys.readouterr().err.splitlines()


@pytest.mark.parametrize('style_scale', [1, 0.5])
def test_run_that_ends_in_a_coarser_scale_keeps_the_former_file(
    small_command, at_evaluation, style_scale
):
    assert small_command(*FEW, '-style_scale', style_scale, '-save_style', 's.safetensors') == 0
    former = content_of('s.safetensors')
    at_evaluation(1, send(signal.SIGINT))
    assert small_command(*FEW, '-multiscale', '1/2:1', '-save_style', 's.safetensors') == 130
    assert content_of('s.safetensors') == former


@pytest.mark.slow
@pytest.mark.parametrize('evaluation', [1, 3], ids=['coarse', 'fine'])
def test_resumed_run_saves_the_style_of_a_whole_one(small_command, at_evaluation, evaluation):
    flags = ('-num_iterations', 2, '-init', 'fast', '-multiscale', '1/2:1')
    assert small_command(*flags, '-save_style', 'whole.safetensors', *AGAIN) == 0
    at_evaluation(evaluation, send(signal.SIGINT))
    assert small_command(*flags, '-save_style', 's.safetensors') == 130
    assert os.path.exists('s.safetensors') == (evaluation == 3)
    assert main(['-resume', 'out.checkpoint']) == 0
    assert content_of('s.safetensors') == content_of('whole.safetensors')
    assert (pixels('out.png') == pixels('again.png')).all()


@pytest.mark.slow
def test_several_processes_save_and_paint(small_command, forked_processes):
    flags = (*FEW, '-parallel', 'tiles', '-gpu', '-1,-1', '-image_size', 64)
    assert small_command(*flags, '-save_style', 's.safetensors') == 0
    assert small_command(*flags, '-style_image', 's.safetensors', '-output_image', 'b.png') == 0
    assert (pixels('b.png') == pixels('out.png')).all()


def test_style_of_a_finished_batch_is_saved(small_command, data, capsys):
    os.mkdir('photos')
    shutil.copy(data / 'inputs' / 'strokes.jpg', 'photos')
    flags = (*FEW, '-content_image', 'photos')
    assert small_command(*flags) == 0
    assert small_command(*flags, '-save_style', 's.safetensors') == 0
    captured = capsys.readouterr()
    assert '-> s.safetensors\t\n1 picture: 0 painted, 1 already there' in captured.out
    assert small_command(*FEW, '-style_image', 's.safetensors') == 0


def test_style_is_saved_without_a_picture(small_command, saved, capsys):
    os.remove('out.png')
    assert small_command('-num_iterations', 0, '-save_style', 'a.safetensors') == 0
    assert content_of('a.safetensors') == content_of('s.safetensors')
    assert 'is not written' not in capsys.readouterr().err
    assert 'out.png' not in files()


@pytest.mark.slow
def test_processes_that_share_a_batch_save_the_style_once(small_command, data, forked_processes):
    os.mkdir('photos')
    for name in ('a.jpg', 'b.jpg'):
        shutil.copy(data / 'inputs' / 'strokes.jpg', f'photos/{name}')
    flags = ('-parallel', 'tiles', '-gpu', '-1,-1', '-content_image', 'photos')
    assert small_command(*FEW, *flags, '-save_style', 's.safetensors') == 0
    assert {'out_a.png', 'out_b.png', 's.safetensors'} <= {*files()}


@pytest.mark.parametrize(
    ('flags', 'message'),
    [
        (('-save_style', 'style.png'), '-save_style style.png: name a .safetensors file'),
        (('-save_style', 'no/s.safetensors'), '-save_style no/s.safetensors: cannot write in no'),
        (
            ('-save_style', 's.safetensors', '-color', 'match'),
            'with -color match the style depends on the content image',
        ),
        (
            ('-save_style', 's.safetensors', '-paper_mask', 'auto'),
            'with -paper_mask auto the style depends on the content image',
        ),
        (
            ('-save_style', 's.safetensors', '-checkpoint', 's.safetensors'),
            '-save_style s.safetensors: this is the -checkpoint',
        ),
        (('-save_style', 's.safetensors', '-style_layers', ''), 'there is no style; name layers'),
        (
            ('-style_image', 'none.safetensors'),
            '-style_image none.safetensors: no such file; -save_style none.safetensors makes it',
        ),
    ],
)
def test_bad_flags_are_refused(small_command, capsys, flags, message):
    assert small_command(*flags) == 1
    assert message in capsys.readouterr().err
    assert files() == []


@pytest.mark.parametrize(
    ('flags', 'message'),
    [
        (('-style_tint', 1), '-style_tint 1: needs the style image'),
        (('-paper_mask', 'auto'), '-paper_mask: needs the style images'),
        (('-color', 'match'), '-color: needs the style images'),
        (('-pooling', 'avg'), '-style_image s.safetensors: the saved style was made with -pooling'),
        (('-luminance_only', 1), '-luminance_only 1: the saved style was made with another value'),
        (('-save_style', 'b.safetensors'), 'is a saved style already; copy that'),
        (('-preset', 'ink'), '-preset ink: its -style_tint 1: needs the style image'),
        (('-preset', 'qinglu'), '-preset qinglu: its -recolor_content: needs the style images'),
    ],
)
def test_flags_that_do_not_fit_a_saved_style_are_refused(
    small_command, saved, capsys, flags, message
):
    assert small_command('-style_image', 's.safetensors', '-output_image', 'b.png', *flags) == 1
    assert message in capsys.readouterr().err
    assert files() == ['out.png', 's.safetensors']


def test_flags_of_the_pictures_have_no_effect_on_a_saved_style(small_command, saved, capsys):
    assert small_command(*FEW, '-style_image', 's.safetensors', '-style_scale', 2) == 0
    assert '-style_scale 2: has no effect on a saved style' in capsys.readouterr().err


def test_folder_is_no_saved_style(small_command, capsys):
    os.mkdir('s.safetensors')
    assert small_command('-style_image', 's.safetensors') == 1
    assert '-style_image s.safetensors: cannot be read: Is a dir' in capsys.readouterr().err


def test_home_folder_is_meant_by_a_tilde(small_command, monkeypatch, tmp_path):
    monkeypatch.setenv('HOME', str(tmp_path))
    assert small_command(*FEW, '-save_style', '~/s.safetensors') == 0
    assert (tmp_path / 's.safetensors').is_file()


def test_saved_style_beside_a_picture_is_refused(small_command, saved, capsys, data):
    shutil.copy(data / 'inputs' / 'strokes.jpg', 'strokes.jpg')
    assert small_command('-style_image', 's.safetensors,strokes.jpg') == 1
    assert 'cannot be blended with others; name it alone' in capsys.readouterr().err


def test_file_that_is_no_saved_style_is_kept(small_command, capsys):
    with open('model.safetensors', 'w') as file:
        file.write('weights of somebody')
    assert small_command('-save_style', 'model.safetensors') == 1
    assert 'the file exists and is no saved style; name another' in capsys.readouterr().err
    assert content_of('model.safetensors') == b'weights of somebody'
    assert small_command('-style_image', 'model.safetensors') == 1
    error = capsys.readouterr().err
    assert '-style_image model.safetensors: damaged, or not' in error
    assert 'make it again with -save_style, or with neural_style-train' in error
