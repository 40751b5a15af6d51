"""The walk over the tokens of a prototxt."""

import pytest

import loadcaffe
from loadcaffe.formats import tokens

PROTOTXT = """name: 'net' # layer { comment: 1 }
surplus: 7
layer { name: "a" other: 3 param { lr_mult: 1 speed: 2 }
        pooling_param < kernel_size: 2 pool: MAX extra: [1, 2] nested { deep: 1 } > }
layer { name: "b # { } other: 1" new_param { any: 1 } blobs { data: [1.5, -2e3] } }
"""


def test_fields_that_the_schema_lacks_are_named_with_their_layers():
    assert tokens.unknown_fields(PROTOTXT, 'net.prototxt') == [
        (0, '', 'other'),
        (0, 'param', 'speed'),
        (0, 'pooling_param', 'extra'),
        (0, 'pooling_param', 'nested'),
        (1, '', 'new_param'),
    ]


@pytest.mark.parametrize(
    'content, problem',
    [
        ('layer {\n name: "a', 'line 2, column 8: a string that does not end'),
        ("name: 'a\n'", 'line 1, column 7: a string that does not end'),
        ('name: "a\\"', 'line 1, column 7: a string that does not end'),
        ('layer {' * 51, 'nested deeper than 50'),
        ('a: 1 ' * 20_000, 'line 1, column 65536: longer than 65536 characters'),
        ('a: 1\n' * 70_000, 'line 50001, column 1: more than 150000 words'),
    ],
)
def test_what_would_take_long_to_parse_is_refused_with_its_place(content, problem):
    with pytest.raises(loadcaffe.CaffeFormatError, match=f'net.prototxt: not .*{problem}'):
        tokens.unknown_fields(content, 'net.prototxt')
