"""Slips of the keyboard and the shell, and the hints that they get."""

from pathlib import Path

import pytest

from neural_style.command.flags import command_line
from neural_style.command.process import main
from neural_style.command.slips import hint
from neural_style.torch7.cmdline import CommandLineError


def hint_for(arguments):
    cmd = command_line()
    with pytest.raises(CommandLineError) as caught:
        cmd.parse(arguments)
    return hint(caught.value, cmd.defaults())


@pytest.mark.parametrize('dash', '‐‑‒–—―−')
def test_pasted_dash_is_recognised(dash):
    assert hint_for([f'{dash}seed', '1']).endswith('type -seed')
    assert hint_for([f'{dash}{dash}seed', '1']).endswith('type -seed')
    assert hint_for(['-tv_weight', f'{dash}1']).endswith('type -1')


@pytest.mark.parametrize(
    ('argument', 'nearest'),
    [
        ('-imagesize', '-image_size'),
        ('--image-size', '-image_size'),
        ('-Image_Size', '-image_size'),
        ('-iterations', '-num_iterations'),
        ('-contnet_image', '-content_image'),
        ('-output', '-output_image'),
        ('-preserve_original_colors', '-original_colors'),
    ],
)
def test_misspelt_flag_gets_the_nearest_name(argument, nearest):
    assert hint_for([argument, '1']) == f'did you mean {nearest}?'


@pytest.mark.parametrize('argument', ['-image_size=64', '--image_size=64', '--image-size:64'])
def test_joined_value_is_shown_apart(argument):
    assert hint_for([argument]) == 'a blank stands between flag and value: -image_size 64'


@pytest.mark.parametrize(
    ('arguments', 'words'),
    [
        (['-seed', '1', ' '], 'behind the \\'),
        (['-seed', '1', ''], 'behind the \\'),
        (['-seed', '1', '\xa0'], 'behind the \\'),
        (['-seed', '1', ' -gpu', '-1'], 'type -gpu'),
        (['-seed', '1', '\r'], 'line ends of Windows'),
        (['-seed\r'], 'line ends of Windows'),
        (['-seed', '1', '^'], 'by ^ in cmd'),
        (['“my', 'photo.jpg”'], 'curly quotes'),
        (['-seed', '“1”'], 'type 1'),
        (['-tv_weight', '0,5'], 'decimal comma; type 0.5'),
        (['-image_size', '512px'], '512 is'),
        (['-image_size', '-gpu', '-1'], '-gpu stands in the place of the value'),
        (['-content_image', '-style_image', 'b.jpg'], '-content_image has taken -style_image'),
        (['-normalize_gradients', 'true'], '-normalize_gradients takes no value'),
        (['-dry_run', '-normalize_gradients', 'true'], '-normalize_gradients takes no value'),
        (['harbour.jpg'], '-content_image harbour.jpg'),
        (['-seed'], 'give the flag its value'),
    ],
)
def test_slip_is_recognised(arguments, words):
    assert words in hint_for(arguments)


@pytest.mark.parametrize(
    ('flag', 'remedy'),
    [
        ('-style_image', '-style_image a.jpg,b.jpg'),
        ('-content_image', 'several are a folder: -content_image .'),
        ('-init_image', '-init_image takes one'),
    ],
)
def test_expanded_pattern_is_recognised(flag, remedy):
    text = hint_for([flag, 'a.jpg', 'b.jpg', 'c.jpg'])
    assert '*.jpg' in text and remedy in text


def test_split_names_and_lists_are_joined(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path('my photo.jpg').touch()
    assert hint_for(['-content_image', 'my', 'photo.jpg']).endswith('"my photo.jpg"')
    assert hint_for(['-style_image', 'a.jpg,', 'b.jpg']).endswith('-style_image a.jpg,b.jpg')


def test_error_of_usage_is_the_last_line(capfd):
    assert main(['-image_sise', '64']) == 1
    captured = capfd.readouterr()
    assert captured.err == 'invalid argument: -image_sise; did you mean -image_size?\n'
    assert 'invalid' not in captured.out
