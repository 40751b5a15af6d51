"""Two runs at once with one output or checkpoint."""

import os

import pytest
from written import files

from neural_style.files.locks import locked


@pytest.mark.parametrize(
    ('path', 'flags', 'flag'),
    [('out.png', [], '-output_image'), ('c', ['-checkpoint', './c'], '-checkpoint')],
)
def test_a_second_run_with_one_file_is_refused(small_command, capsys, path, flags, flag):
    with locked(path):
        assert small_command(*flags) == 1
        message = f'{path}: another run (process {os.getpid()}) is writing this file; name another'
        captured = capsys.readouterr()
        assert captured.err.startswith(f'neural_style: {flag} ') and message in captured.err
        assert (captured.out, files()) == ('', [])
        assert small_command('-output_image', 'other.png') == 0
        assert small_command(*flags, '-dry_run') == 0
    assert small_command(*flags) == 0


def test_pictures_of_a_batch_that_another_run_paints_are_left_to_it(small_command, capsys, data):
    scene, strokes = (data / 'inputs' / name for name in ('scene.jpg', 'strokes.jpg'))
    with open('list.txt', 'w') as file:
        file.write(f'{scene}\n{strokes}\n')
    with locked('out_scene.png'):
        assert small_command('-content_image', 'list.txt') == 0
    captured = capsys.readouterr()
    assert f'({scene} is left to it)' in captured.err
    assert captured.out.splitlines()[-1].startswith('2 pictures: 1 painted')
    assert '1 left to another run' in captured.out
    assert files() == ['list.txt', 'out_strokes.png']
