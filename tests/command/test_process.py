"""The process: help, usage, exit statuses."""

import re

import pytest

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
