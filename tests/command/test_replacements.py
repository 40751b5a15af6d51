"""Values that the original takes for another."""

import pytest

from neural_style.command.parsing import parse_arguments
from neural_style.command.replacements import replaced_values


@pytest.mark.parametrize(
    ('flags', 'value'),
    [
        *((f'-pooling {word}', 'max') for word in ('average', 'AVG', 'mean', 'nonsense', '0')),
        ('-original_colors 2', '0'),
        ('-original_colors 0.5', '0'),
        ('-gpu -5', '-1, the CPU'),
        ('-gpu nan', '-1, the CPU'),
        ('-tv_weight -1', '0'),
        ('-lbfgs_num_correction -1', '100'),
        ('-image_size 0', '1'),
        ('-style_scale -1', 'one pixel'),
        ('-seed 1.5', '1'),
        ('-seed 4294967297', '1'),
        ('-print_iter -1', '0, which means never'),
        ('-save_iter -1', '0, which means never'),
    ],
)
def test_replaced_value_is_told(flags, value):
    (line,) = replaced_values(parse_arguments(flags.split()))
    assert line.startswith(f'{flags}: taken for {value}, as in the original; ')


@pytest.mark.parametrize(
    'flags',
    [
        *('-pooling max', '-pooling avg', '-original_colors 1', '-original_colors 0x1'),
        *('-gpu -1', '-gpu -1.0', '-gpu 0,1', '-gpu x', '-tv_weight 0', '-seed 0', '-seed -1'),
        *('-seed nan', '-seed inf', '-image_size 1', '-image_size nan', '-save_iter 0.5'),
    ],
)
def test_value_that_is_taken_as_written_is_not_remarked_on(flags):
    assert list(replaced_values(parse_arguments(flags.split()))) == []


def test_replaced_value_gives_the_picture_of_the_default(command, capsys):
    assert command('-pooling average -num_iterations 1 -output_image a.ppm') == 0
    assert '-pooling average: taken for max' in capsys.readouterr().err
    assert command('-num_iterations 1 -output_image b.ppm') == 0
    with open('a.ppm', 'rb') as average, open('b.ppm', 'rb') as default:
        assert average.read() == default.read()
