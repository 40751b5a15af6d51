"""Choices of the page become flags of the command, and nothing else does."""

import pytest

from neural_style.command.flags import command_line
from neural_style.web import choices
from neural_style.web.choices import CHOICES_OF, PICTURES, Choices, values_of


def flags(**chosen):
    return choices.flags(Choices(**chosen), max_size=1000, max_steps=500)


def test_choices_are_flags_that_the_command_reads():
    words = flags(preset='ink', strength=7, size=96, steps=40, keeps_colors=True)
    explicit = command_line().parse_explicit(words)
    assert explicit['style_weight'] == 300 * 4
    assert (explicit['preset'], explicit['image_size'], explicit['num_iterations']) == (
        'ink',
        96,
        40,
    )
    assert explicit['original_colors'] == 1
    assert explicit['seed'] >= 0  # so that the command line paints the same


def test_preset_alone_sets_the_weight_in_the_middle():
    assert '-style_weight' not in flags(strength=5)


@pytest.mark.parametrize(
    'chosen', [{'size': 2000}, {'size': float('nan')}, {'steps': 501}, {'preset': '/etc/passwd'}]
)
def test_choices_out_of_range_are_refused(chosen):
    with pytest.raises(ValueError):
        flags(**chosen)


@pytest.mark.parametrize(
    'advanced',
    [
        {'model_file': 'x'},
        {'checkpoint': 'x'},
        {'save_style': 'x.safetensors'},
        {'paper_mask': 'secret.png'},
        {'style_layers': '../x'},
        {'style_layers': '/etc/passwd'},
        {'nonsense': '1'},
    ],
)
def test_files_of_the_machine_cannot_be_named(advanced):
    with pytest.raises(ValueError):
        flags(advanced=advanced)


def test_painting_at_once_has_no_flags_of_optimisation():
    words = flags(preset=choices.FAST, strength=5, size=96, keeps_colors=True)
    explicit = command_line().parse_explicit(words)
    assert explicit['fast'] and explicit['original_colors'] == 1
    assert not explicit.keys() & {'preset', 'num_iterations', 'style_weight', 'fast_strength'}
    assert '-fast_strength 0.4' in ' '.join(flags(preset=choices.FAST, strength=2))


def test_video_is_named_as_one_and_no_picture_is_saved_meanwhile():
    words = choices.flags(Choices(), 1000, 500, 'picture.mp4')
    assert words[-2:] == ['-output_image', 'picture.mp4'] and '-save_iter' not in words


def test_advanced_values_win():
    words = flags(strength=9, advanced={'style_weight': '7', 'seed': '3', 'tv_weight': ''})
    explicit = command_line().parse_explicit(words)
    assert (explicit['style_weight'], explicit['seed']) == (7, 3)
    assert '-tv_weight' not in words


def test_every_other_flag_is_shown():
    table = {flag.name for flag in command_line().flags}
    assert table - choices.HIDDEN_FLAGS <= choices.shown_flags().keys()
    assert choices.HIDDEN_FLAGS <= table


def test_lists_of_values_have_the_default():
    shown = choices.shown_flags()
    for name in CHOICES_OF:
        assert shown[name].default in ('', *values_of(shown[name]))


def test_every_preset_has_a_picture():
    names = {f'preset_{name or "original"}.jpg' for name in choices.shown_presets()}
    assert names <= {path.name for path in PICTURES.iterdir()}
