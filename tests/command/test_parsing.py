"""argv, preset and -rerun → arguments."""

import shlex

import pytest
from written import files

from neural_style.command.parsing import parse_arguments


def test_two_dashes_work_as_well_as_one(command):
    assert command('--num_iterations 1 --output_image two.png') == 0
    assert files() == ['two.png']


def test_flags_win_over_the_preset_wherever_they_stand(traced_command):
    for flags in (
        ('-preset', 'chinese_horse', '-content_weight', '7'),
        ('-content_weight', '7', '--preset', 'chinese_horse'),
    ):
        status, keywords = traced_command(*flags)
        assert status == 0
        assert (keywords['content_weight'], keywords['num_iterations']) == (7, 2)
        assert (keywords['optimizer'], keywords['noise_scale']) == ('adam', 0.256)


@pytest.mark.parametrize(
    ('flags', 'start', 'multiscale'),
    [
        ('-preset quick', 'fast', '1/2:1/3'),
        ('-preset quick -init_image x.png', 'image', ''),
        ('-preset quick -init_image x.png -multiscale 2', 'image', '2'),
        ('-preset quick -init random -init_image x.png', 'random', ''),
        ("-preset quick -style_image ''", 'image', '1/2:1/3'),
        ('-init fast -init_image x.png', 'fast', ''),
        ('-preset gatys2015 -init_image x.png', 'random', ''),
    ],
)
def test_start_of_a_preset_gives_way_to_that_of_the_user(flags, start, multiscale):
    arguments = parse_arguments(shlex.split(flags))
    assert (arguments.init, arguments.multiscale) == (start, multiscale)


def test_last_preset_wins(traced_command):
    _, keywords = traced_command('-preset', 'ink', '-preset', 'chinese_horse')
    assert (keywords['luminance_only'], keywords['optimizer']) == (0, 'adam')
