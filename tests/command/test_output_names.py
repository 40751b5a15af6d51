"""Names of the pictures of a batch."""

import pytest

from neural_style.command.output_names import suffixes, with_suffix


def every_hundred(iteration):
    return iteration % 100 == 0


@pytest.mark.parametrize(
    ('contents', 'expected'),
    [
        (['in/a.jpg', 'in/b.png'], ['a', 'b']),
        (['in/a.jpg', 'in/a.png', 'in/b.png'], ['a_jpg', 'a_png', 'b']),
        (['in/a.jpg', 'in/a'], ['a_jpg', 'a_']),
        (['x/a.jpg', 'y/a.jpg'], ['x_a_jpg', 'y_a_jpg']),
        (['1/x/a.jpg', '2/x/a.jpg'], ['x_a_jpg-2', 'x_a_jpg-3']),
        (['in/a.jpg', 'in/a.png', 'in/a_png.png'], ['a_jpg', 'in_a_png', 'a_png']),
        (['in/50%d\n.jpg', 'in/{0}.jpg'], ['50%d\n', '{0}']),
    ],
)
def test_names_are_stems_unless_several_share_one(contents, expected):
    assert suffixes(contents, 'out.png', every_hundred) == expected


def test_no_picture_is_called_as_an_intermediate_one_of_another():
    contents = ['in/a.jpg', 'in/a_1.jpg', 'in/a_100.jpg', 'in/a_0100.jpg', 'in/200.jpg']
    names = suffixes(contents, 'out.png', every_hundred)
    assert names == ['a', 'a_1', 'a_100_jpg', 'a_0100', '200']


def test_no_output_is_one_of_the_inputs(tmp_path):
    contents = [str(tmp_path / name) for name in ('a.jpg', 'out_a.png', 'b.png')]
    assert suffixes(contents, str(tmp_path / 'out.png'), every_hundred) == ['a_jpg', 'out_a', 'b']
    assert suffixes(contents, str(tmp_path), every_hundred) == ['a', 'out_a_png', 'b_png']


def test_a_folder_as_output_gets_pictures_of_the_same_names(tmp_path):
    assert with_suffix(str(tmp_path), 'a') == str(tmp_path / 'a.png')
    assert with_suffix('o/out.jpg', 'a') == 'o/out_a.jpg'
    assert with_suffix('', 'a') == ''
