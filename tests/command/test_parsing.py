"""argv, preset and -rerun → arguments."""

from written import files


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


def test_last_preset_wins(traced_command):
    _, keywords = traced_command('-preset', 'ink', '-preset', 'chinese_horse')
    assert (keywords['luminance_only'], keywords['optimizer']) == (0, 'adam')
