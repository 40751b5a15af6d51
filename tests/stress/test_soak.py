"""A small part of the soak, and whether its judge can say no."""

import random

import pytest
import random_commands
import soak
from PIL import Image

from neural_style.command import process
from neural_style.command.flags import command_line


def test_runs_with_random_flags_end_well():
    endings = [(argv, ending) for _, argv, ending in soak.soak(1, range(8, 15))]
    assert len(endings) == 7
    assert [(argv, ending.fault) for argv, ending in endings if ending.fault] == []
    assert {ending.status for _, ending in endings} == {0, 1}


def test_every_flag_is_drawn(tmp_path):
    flags = command_line().defaults()
    pictures = random_commands.folder_of_pictures(tmp_path / 'pictures')
    draw = random_commands.Draw(random.Random(1), pictures, 'out.png')
    assert set(draw.known) <= set(flags)
    drawn_flags = {word.lstrip('-') for _ in range(400) for word in draw.command()}
    assert set(flags) <= drawn_flags


def broken(*args):
    raise KeyError('x')


def half(*args):
    with open('out.png', 'wb') as file:
        file.write(b'\x89PNG')
    return 0


def stray(*args):
    Image.new('RGB', (2, 2)).save('out.png')
    with open('.out.tmp', 'wb'):
        return 0


def misnamed(*args):
    Image.new('RGB', (2, 2)).save('out.jpg', 'PNG')
    return 0


@pytest.mark.parametrize(
    ('main', 'fault'),
    [
        (broken, "traceback: KeyError: 'x'"),
        (half, 'left out.png'),
        (stray, 'left .out.tmp'),
        (misnamed, 'left out.jpg: PNG, not JPEG'),
        (lambda argv: 0, 'no picture'),
        (lambda argv: 1, 'status 1 without a message'),
        (lambda argv: 130, 'status 130'),
    ],
    ids=['traceback', 'half', 'stray', 'misnamed', 'nothing', 'silent', 'status'],
)
def test_the_judge_notices(tmp_path, monkeypatch, main, fault):
    monkeypatch.setattr(process, 'main', main)
    assert soak.end([], tmp_path).fault.startswith(fault)
