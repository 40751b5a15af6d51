"""Many content pictures: a folder, or a list."""

import os
import shutil
import signal
import sys

import numpy as np
import pytest
from samples import DATA, ROOT
from small_runs import send
from written import pixels

from neural_style.command import images
from neural_style.command.process import main

STEM = DATA / 'models' / 'mini_vgg19_conv'
FLAGS = [
    *('-gpu', '-1', '-image_size', '48', '-num_iterations', '2', '-save_iter', '0', '-seed', '1'),
    *('-style_image', str(DATA / 'inputs' / 'strokes.jpg'), '-print_iter', '0'),
    *('-proto_file', f'{STEM}.prototxt', '-model_file', f'{STEM}.caffemodel'),
]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.mkdir('in')
    shutil.copy(DATA / 'inputs' / 'scene.jpg', 'in/scene.jpg')
    shutil.copy(DATA / 'inputs' / 'strokes.jpg', 'in/strokes.JPG')
    return tmp_path


def outputs(folder):
    return sorted(path.name for path in folder.glob('*.png'))


def test_a_folder_gives_a_picture_for_each_of_its_pictures(folder, capsys):
    (folder / 'in' / 'notes.doc').write_text('no picture')
    assert main([*FLAGS, '-content_image', 'in']) == 0
    assert outputs(folder) == ['out_scene.png', 'out_strokes.png']
    batch = (folder / 'out_scene.png').read_bytes()
    assert 'in/scene.jpg -> out_scene.png\t\n' in capsys.readouterr().out
    assert main([*FLAGS, '-content_image', 'in/scene.jpg']) == 0
    assert (folder / 'out.png').read_bytes() == batch


def test_a_dry_run_of_a_folder_is_a_plan_for_each(folder, capsys):
    assert main([*FLAGS, '-content_image', 'in', '-dry_run']) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(', ')[0] for line in lines] == [
        'in/scene.jpg: 48 x 36 pixels',
        'in/strokes.JPG: 48 x 30 pixels',
    ]
    assert outputs(folder) == []


def test_a_list_gives_a_picture_for_each_of_its_lines(folder):
    (folder / 'list.txt').write_text('in/strokes.JPG\n\nin/scene.jpg\n')
    assert main([*FLAGS, '-content_image', 'list.txt', '-output_image', 'a.png']) == 0
    assert outputs(folder) == ['a_scene.png', 'a_strokes.png']


def test_a_picture_that_cannot_be_read_does_not_stop_the_others(folder, capsys):
    (folder / 'in' / 'broken.png').write_bytes(b'\x89PNG\r\n\x1a\n')
    assert main([*FLAGS, '-content_image', 'in']) == 1
    assert outputs(folder) == ['out_scene.png', 'out_strokes.png']
    err = capsys.readouterr().err
    assert err.startswith('neural_style: -content_image: in/broken.png: ')
    assert err.endswith('(out_broken.png was not painted)\n')


def test_pictures_of_one_name_are_all_painted(folder):
    shutil.copy('in/scene.jpg', 'in/scene.jpeg')
    assert main([*FLAGS, '-content_image', 'in']) == 0
    assert outputs(folder) == ['out_scene_jpeg.png', 'out_scene_jpg.png', 'out_strokes.png']


def test_a_repeated_batch_paints_only_what_is_missing(folder, capsys):
    (folder / 'in' / 'broken.png').write_bytes(b'\x89PNG\r\n\x1a\n')
    assert main([*FLAGS, '-content_image', 'in']) == 1
    assert '3 pictures: 2 painted, 0 already there, 1 not painted' in capsys.readouterr().out
    before = (folder / 'out_scene.png').stat().st_mtime_ns
    (folder / 'out_strokes.png').unlink()
    (folder / 'in' / 'broken.png').unlink()
    vain = ['-print_iter', '1', '-every', '2']  # they change no picture
    assert main([*FLAGS, '-content_image', 'in', *vain]) == 0
    captured = capsys.readouterr()
    assert 'in/scene.jpg -> out_scene.png: already there' in captured.out
    assert '2 pictures: 1 painted, 1 already there, 0 not painted' in captured.out
    assert (folder / 'out_scene.png').stat().st_mtime_ns == before
    assert captured.out.count('Capturing content targets') == 1


def test_other_settings_or_files_are_painted_anew(folder, capsys):
    (folder / 'in' / 'strokes.JPG').unlink()
    shutil.copy('in/scene.jpg', 'style.jpg')
    flags = [*FLAGS, '-content_image', 'in', '-style_image', 'style.jpg']
    for change in ([], ['-tv_weight', '1'], ['-num_iterations', '1'], ['-image_size', '40']):
        assert main([*flags, *change]) == 0
        assert '1 painted' in capsys.readouterr().out
    shutil.copy(DATA / 'inputs' / 'strokes.jpg', 'style.jpg')
    assert main([*flags, '-image_size', '40']) == 0
    assert '1 painted' in capsys.readouterr().out


def test_a_picture_that_got_a_namesake_is_not_painted_twice(folder, capsys):
    assert main([*FLAGS, '-content_image', 'in']) == 0
    shutil.copy('in/strokes.JPG', 'in/scene.png')
    capsys.readouterr()
    assert main([*FLAGS, '-content_image', 'in']) == 0
    assert 'in/scene.jpg -> out_scene.png: already there' in capsys.readouterr().out
    assert outputs(folder) == ['out_scene.png', 'out_scene_png.png', 'out_strokes.png']


def test_results_among_the_photographs_are_not_painted(folder, capsys):
    flags = [*FLAGS, '-content_image', 'in', '-output_image', 'in/o.png', '-save_iter', '1']
    for _ in range(2):
        assert main(flags) == 0
    names = {'scene.jpg', 'strokes.JPG', 'o_scene.png', 'o_scene_1.png'}
    assert set(os.listdir('in')) == names | {'o_strokes.png', 'o_strokes_1.png'}
    captured = capsys.readouterr()
    results = 'o_scene.png, o_scene_1.png, o_strokes.png, o_strokes_1.png'
    assert f'left out: {results} (results of earlier runs)' in captured.err
    assert captured.out.count('already there, painted') == 2


def test_an_interrupted_batch_says_what_is_left(folder, capsys, at_evaluation):
    at_evaluation(1, send(signal.SIGINT))
    assert main([*FLAGS, '-content_image', 'in']) == 130
    captured = capsys.readouterr()
    assert '1 more pictures are left, from in/strokes.JPG on' in captured.err
    assert '2 pictures: 0 painted, 0 already there, 0 not painted, 2 not finished' in captured.out


@pytest.mark.parametrize('flags', [[], ['-checkpoint', 'c', '-checkpoint_iter', '1']])
def test_an_interrupted_batch_is_continued(folder, capsys, at_evaluation, flags):
    flags = [*FLAGS, '-content_image', 'in', '-num_iterations', '4', '-optimizer', 'adam', *flags]
    assert main([*flags, '-output_image', 'whole.png']) == 0
    for state in folder.glob('c_*'):
        state.unlink()
    at_evaluation(2, send(signal.SIGINT))
    assert main(flags) == 130
    capsys.readouterr()
    assert main(flags) == 0
    out = capsys.readouterr().out
    state = 'c_scene' if '-checkpoint' in flags else 'out_scene.checkpoint'
    assert f'in/scene.jpg -> out_scene.png: continued from {state}' in out
    assert '2 pictures: 2 painted' in out
    for name in ('scene', 'strokes'):
        assert np.array_equal(pixels(f'out_{name}.png'), pixels(f'whole_{name}.png'))
    assert list(folder.glob('*.checkpoint')) == []


def test_a_state_of_other_settings_is_not_continued(folder, capsys, at_evaluation):
    flags = [*FLAGS, '-content_image', 'in', '-num_iterations', '4']
    at_evaluation(2, send(signal.SIGINT))
    assert main(flags) == 130
    assert main([*flags, '-tv_weight', '1']) == 0
    out = capsys.readouterr().out
    assert 'continued from' not in out and '2 pictures: 2 painted' in out
    assert (folder / 'out_scene.checkpoint').exists()


def test_a_picture_too_large_for_memory_does_not_stop_the_others(folder, capsys, monkeypatch):
    real = images.load_raster

    def load_raster(flag, path, **keywords):
        if 'scene' in path:
            raise MemoryError
        return real(flag, path, **keywords)

    monkeypatch.setattr(images, 'load_raster', load_raster)
    assert main([*FLAGS, '-content_image', 'in']) == 1
    assert outputs(folder) == ['out_strokes.png']
    assert 'in/scene.jpg: out of memory' in capsys.readouterr().err


@pytest.mark.parametrize(
    ('content', 'message'),
    [('empty', 'it contains no pictures'), ('none.txt', 'not a list of pictures')],
)
def test_nothing_to_paint_is_refused(folder, capsys, content, message):
    os.mkdir('empty')
    assert main([*FLAGS, '-content_image', content]) == 1
    assert f'-content_image {content}: {message}' in capsys.readouterr().err


@pytest.mark.slow
def test_processes_share_the_pictures(folder, forked):
    arguments = [sys.executable, ROOT / 'neural_style.py', *FLAGS, '-content_image', 'in']
    arguments += ['-gpu', '-1,-1', '-parallel', 'tiles']
    process = forked(arguments)
    out, err = process.communicate(timeout=100)
    assert (process.returncode, err) == (0, '')
    assert outputs(folder) == ['out_scene.png', 'out_strokes.png']
    assert out.count('Capturing content targets') == 1, 'the first process paints one'


def test_result_that_is_cut_off_is_painted_again(folder, capsys):
    assert main([*FLAGS, '-content_image', 'in']) == 0
    path = folder / 'out_scene.png'
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    assert main([*FLAGS, '-content_image', 'in']) == 0
    assert path.read_bytes() == content
    assert '2 pictures: 1 painted, 1 already there' in capsys.readouterr().out


@pytest.mark.parametrize(
    ('output', 'problem'),
    [
        ('missing/', 'there is no such folder; make it'),
        ('missing/o.png', 'cannot write in missing: No such file or directory; make the directory'),
        ('o.bmp', 'name a .png'),
    ],
)
def test_output_that_no_picture_can_have_is_refused_once(folder, capsys, output, problem):
    assert main([*FLAGS, '-content_image', 'in', '-output_image', output]) == 1
    captured = capsys.readouterr()
    assert captured.err.count('\n') == 1
    assert captured.err.startswith(f'neural_style: -output_image {output}: {problem}')


@pytest.mark.parametrize('flag', ['-style_image', '-init_image'])
def test_folder_in_the_place_of_a_picture_is_named(folder, capsys, flag):
    assert main([*FLAGS, '-init', 'image', '-content_image', 'in/scene.jpg', flag, 'in']) == 1
    several = ', or several, separated by commas' if flag == '-style_image' else ''
    assert f'{flag} in: a folder; name a picture{several}\n' in capsys.readouterr().err
