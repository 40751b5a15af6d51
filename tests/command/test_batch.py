"""Many content pictures: a folder, or a list."""

import os
import shutil
import subprocess
import sys

import pytest
from samples import DATA, ROOT

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


def test_two_pictures_of_one_name_are_refused(folder, capsys):
    shutil.copy('in/scene.jpg', 'in/scene.jpeg')
    assert main([*FLAGS, '-content_image', 'in']) == 1
    assert 'would both become out_scene.png; rename one' in capsys.readouterr().err
    assert outputs(folder) == []


@pytest.mark.parametrize(
    ('content', 'message'),
    [('empty', 'it contains no pictures'), ('none.txt', 'not a list of pictures')],
)
def test_nothing_to_paint_is_refused(folder, capsys, content, message):
    os.mkdir('empty')
    assert main([*FLAGS, '-content_image', content]) == 1
    assert f'-content_image {content}: {message}' in capsys.readouterr().err


def test_processes_share_the_pictures(folder):
    arguments = [sys.executable, ROOT / 'neural_style.py', *FLAGS, '-content_image', 'in']
    arguments += ['-gpu', '-1,-1', '-parallel', 'tiles']
    done = subprocess.run(
        arguments, capture_output=True, text=True, env=os.environ | {'OMP_NUM_THREADS': '1'}
    )
    assert (done.returncode, done.stderr) == (0, '')
    assert outputs(folder) == ['out_scene.png', 'out_strokes.png']
    assert done.stdout.count('Capturing content targets') == 1, 'the first process paints one'
