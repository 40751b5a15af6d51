"""The process: help, usage, exit statuses."""

import os
import re
import subprocess
import sys

import pytest
from samples import ROOT
from small_runs import script

from neural_style.command import run
from neural_style.command.flags import command_line
from neural_style.command.process import main


@pytest.mark.parametrize(
    ('argv', 'message'),
    [
        (['-bogus', '1'], 'invalid argument: -bogus'),
        (['foo'], 'invalid argument: foo'),
        (['-normalize_gradients', 'true'], 'invalid argument: true'),
        (['-image_size', 'big'], 'invalid type for option -image_size (should be number)'),
        (['-image_size'], 'missing argument for option -image_size'),
    ],
)
def test_unknown_flags_and_values_show_the_usage(capsys, argv, message):
    assert main(argv) == 1
    captured = capsys.readouterr()
    assert captured.err.startswith(message + '; ') and captured.err.count('\n') == 1
    assert captured.out.startswith('\t\n\t\nUsage: [options]\n  -style_image ')


@pytest.mark.parametrize('argv', [['-help'], ['-h'], ['--help'], ['-gpu', '-1', '-help', '-bogus']])
def test_help_shows_the_flags_and_succeeds(capsys, argv):
    assert main(argv) == 0
    out = capsys.readouterr().out
    assert out.startswith('Usage: ')
    assert '  -tv_weight            [0.001]\n' in out


def test_help_keeps_stdout_of_the_original_and_shows_extensions_on_stderr(capsys):
    assert main(['-help']) == 0
    captured = capsys.readouterr()
    assert '-preset' not in captured.out
    assert captured.out.splitlines()[-1].startswith('  -style_layers ')
    assert re.search(r'^  -preset +flags from a file', captured.err, re.M)
    options = re.findall(r'^  (-\w+)', captured.out + captured.err, re.M)
    assert [option[1:] for option in options] == list(command_line().defaults())


def test_interrupt_ends_without_a_traceback(command, capsys, monkeypatch):
    def interrupted(*args, **keywords):
        raise KeyboardInterrupt

    monkeypatch.setattr(run, 'stylize', interrupted)
    assert command() == 130
    assert 'Traceback' not in capsys.readouterr().err


WITHOUT_UNIX = """
import os, signal, sys

sys.modules['fcntl'] = sys.modules['resource'] = sys.modules['pwd'] = None
del os.O_NOFOLLOW, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGXCPU, signal.SIGPIPE
from neural_style.command.process import main

sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.slow
def test_command_runs_without_what_windows_lacks(data, tmp_path):
    flags = [*script(data)[2:], '-num_iterations', '3', '-checkpoint', 'c', '-checkpoint_iter', '1']
    call = [sys.executable, '-c', WITHOUT_UNIX, *map(str, flags)]
    environment = os.environ | {'PYTHONPATH': str(ROOT)}
    subprocess.run(call, check=True, cwd=tmp_path, env=environment)
    assert {'c', 'out.png'} == set(os.listdir(tmp_path))


@pytest.mark.parametrize('gpu', ['0,0', '1,-1', 'x', '0,2', '0,1'])
def test_gpus_that_processes_cannot_share_are_refused_before_these_start(gpu, capsys, monkeypatch):
    monkeypatch.setattr('torch.cuda.is_available', lambda: True)
    monkeypatch.setattr('torch.cuda.device_count', lambda: 2)
    monkeypatch.setattr('neural_style.command.process.launch', lambda *arguments: 0)
    status = main(['-gpu', gpu, '-parallel', 'tiles'])
    error = capsys.readouterr().err
    assert (status, error.count('\n')) == ((0, 0) if gpu == '0,1' else (1, 1))
    assert not status or error.startswith(f'neural_style: -gpu {gpu}: ')


def test_flags_of_main_may_be_numbers_and_paths(small_command, data, tmp_path):
    assert main(['-image_size', 24, '-content_image', tmp_path / 'missing.jpg']) == 1
    with pytest.raises(TypeError, match='`argv`: give a list'):
        main('-image_size 24')


@pytest.mark.slow
def test_error_of_all_processes_is_said_once(data, tmp_path, forked):
    call = [*script(data), '-gpu', '-1,-1', '-parallel', 'tiles', '-init', 'foo']
    process = forked(call, cwd=tmp_path)
    _, err = process.communicate(timeout=100)
    assert (process.returncode, err.count('choose random, image or fast')) == (1, 1)
    assert os.listdir(tmp_path) == []
