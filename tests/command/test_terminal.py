"""Output on the terminal, and on streams that nobody reads."""

import os
import subprocess
import sys

import pytest
from samples import ROOT, without_location
from small_runs import script
from written import files

from neural_style.command.networks import embedded_network
from neural_style.command.terminal import warn, with_flags


def test_progress_bar_is_shown_only_on_a_terminal(command, capsys, monkeypatch):
    command('-print_iter 1')
    plain = capsys.readouterr()
    monkeypatch.setattr(sys.stderr, 'isatty', lambda: True, raising=False)
    command('-print_iter 1')
    shown = capsys.readouterr()
    assert '2/2' in shown.err
    assert without_location(plain.err) == ''
    assert shown.out == plain.out


def test_bar_counts_the_coarse_scales_of_a_video(command, capsys, monkeypatch, numbered):
    pytest.importorskip('cv2', reason='needs OpenCV, of the extra [video]')
    monkeypatch.setattr(sys.stderr, 'isatty', lambda: True, raising=False)
    flags = '-multiscale 2 -num_iterations 3 -output_image out_%d.png'
    assert command(f'-content_image {numbered(1)} {flags}') == 0
    assert '9/9' in capsys.readouterr().err


def unread(arguments, folder):
    """Exit status and stderr of a command whose stdout is a pipe that nobody reads."""
    read, write = os.pipe()
    os.close(read)
    pipes = {'stdout': write, 'stderr': subprocess.PIPE}
    done = subprocess.run([sys.executable, *arguments], cwd=folder, text=True, **pipes)
    os.close(write)
    return done.returncode, done.stderr


@pytest.mark.slow
def test_unread_pipe_stops_no_run(data, tmp_path):
    status, stderr = unread(script(data)[1:], tmp_path)
    assert (status, without_location(stderr)) == (0, '')
    assert files(tmp_path) == ['out.png']


PROTO_FILE, MODEL_FILE = embedded_network()
FLAGS = [
    *('-content_image', 'examples/inputs/harbour.jpg'),
    *('-style_image', 'examples/inputs/swirls.jpg', '-gpu', '-1', '-memory', '4G'),
    *('-model_file', MODEL_FILE, '-proto_file', PROTO_FILE),
]


@pytest.mark.parametrize(
    ('arguments', 'status', 'message'),
    [
        (['neural_style.py', '-preset', 'list'], 0, ''),
        pytest.param(['neural_style.py', '-dry_run', *FLAGS], 0, '', marks=pytest.mark.slow),
        (['neural_style.py', '-help'], 0, 'Options that the original does not have:'),
        (['neural_style.py', '-no_such_flag'], 1, 'invalid argument: -no_such_flag'),
        (['-m', 'neural_style.figures', 'list'], 0, ''),
        pytest.param(['-m', 'loadcaffe', PROTO_FILE, MODEL_FILE], 0, '', marks=pytest.mark.slow),
    ],
    ids=lambda value: value[1] if isinstance(value, list) else '',
)
def test_unread_pipe_causes_no_traceback(arguments, status, message):
    returned, stderr = unread(arguments, ROOT)
    assert (returned, stderr.partition('\n')[0].partition('; ')[0]) == (status, message)
    assert 'Traceback' not in stderr and 'Broken pipe' not in stderr


@pytest.mark.skipif(not os.path.exists('/dev/full'), reason='needs a /dev/full')
@pytest.mark.slow
def test_full_disk_under_the_log_stops_no_run(data, tmp_path):
    with open('/dev/full', 'w') as log:
        done = subprocess.run(
            [*script(data), '-print_iter', '1'],
            cwd=tmp_path,
            stdout=log,
            stderr=subprocess.PIPE,
            text=True,
        )
    message = 'neural_style: stdout: No space left on device; continuing without it\n'
    assert (done.returncode, without_location(done.stderr)) == (0, message)
    assert files(tmp_path) == ['out.png']


@pytest.mark.skipif(os.name == 'nt', reason='needs a POSIX shell')
@pytest.mark.parametrize(
    'closed',
    ['>&- 2>&-', *(pytest.param(one, marks=pytest.mark.slow) for one in ('>&-', '2>&-'))],
)
def test_closed_stream_stops_no_run(data, tmp_path, closed):
    shell = ['sh', '-c', f'"$@" {closed}', 'sh', *map(str, script(data))]
    done = subprocess.run(shell, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0
    assert 'Traceback' not in done.stderr
    assert files(tmp_path) == ['out.png']


def test_warnings_name_settings_as_flags(capsys):
    warn('`image_size` 9: too small; give a larger one, or `tv_weight` 0')
    assert capsys.readouterr().err == (
        'neural_style: -image_size 9: too small; give a larger one, or -tv_weight 0\n'
    )


def test_other_words_in_backquotes_are_left_alone():
    assert with_flags('`seed` and `no_such_flag`') == '-seed and `no_such_flag`'
