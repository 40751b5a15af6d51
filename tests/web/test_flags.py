"""Flags of neural_style-web: defaults, ranges, and a door that is never open by accident."""

import pytest

from neural_style.command.arguments import Arguments
from neural_style.web.__main__ import main
from neural_style.web.flags import checked, command_line, is_local, with_single_dashes


def arguments(*argv):
    cmd = command_line()
    explicit = cmd.parse_explicit(with_single_dashes(list(argv)))
    return Arguments(cmd.defaults() | explicit, frozenset(explicit))


def test_page_is_for_this_machine_unless_told_otherwise():
    assert is_local(checked(arguments()).host)


@pytest.mark.parametrize('host', ['0.0.0.0', '::', '192.168.0.7', 'example.org'])
def test_other_machines_need_a_password(host):
    with pytest.raises(ValueError, match='-auth PASSWORD'):
        checked(arguments('-host', host))
    assert checked(arguments('-host', host, '-auth', 'secret')).host == host


@pytest.mark.parametrize('words', [['--port', '8000'], ['--port=8000'], ['-port', '8000']])
def test_flags_of_other_programs_are_understood(words):
    assert arguments(*words).port == 8000


@pytest.mark.parametrize('words', [['-port', '0'], ['-port', '80.5'], ['-queue', 'nan']])
def test_numbers_out_of_range_are_refused(words):
    with pytest.raises(ValueError, match='give a whole number from'):
        checked(arguments(*words))


def test_command_names_flags_that_are_meant(capsys):
    assert main(['-prot', '80']) == 1
    assert '-port' in capsys.readouterr().err


def test_command_prints_help(capsys):
    assert main(['-help']) == 0
    assert '-auth' in capsys.readouterr().out
