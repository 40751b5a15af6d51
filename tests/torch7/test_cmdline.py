"""torch7/cmdline.py against Lua's own answers."""

import json
import math

import pytest

from neural_style.torch7.cmdline import (
    CmdLine,
    CommandLineError,
    HelpRequested,
    format_d,
    format_f,
    modulo,
    split,
    tonumber,
)


@pytest.fixture(scope='module')
def info(golden):
    return json.loads((golden / 'unit' / 'info.json').read_text())


@pytest.fixture
def cmd():
    cmd = CmdLine()
    cmd.option('-a', 1, 'a number')
    cmd.option('-b', 'x')
    cmd.option('-c', False)
    cmd.option('-d', True)
    return cmd


def recorded(info, name):
    """Return the recorded (argument, answer) pairs of one function."""
    return [(key[len(name) + 1 :], value) for key, value in info.items() if key.startswith(name)]


def lua(value):
    """Write a value as the recordings do."""
    if value is None or isinstance(value, bool):
        return {None: 'nil', True: 'true', False: 'false'}[value]
    return value if isinstance(value, str) else f'{value:.14g}'


@pytest.mark.parametrize(
    'text, number',
    [
        ('1', 1),
        ('1.5', 1.5),
        ('1e3', 1000),
        ('1E+3', 1000),
        ('.5e1', 5),
        ('5.', 5),
        (' 5\t\n', 5),
        ('-3', -3),
        ('+3', 3),
        ('007', 7),
        ('0x4', 4),
        ('0X1f', 31),
        ('-0x10', -16),
        ('0x1.8p3', 12),
        ('0x.8', 0.5),
        ('0x1p99999', math.inf),
        ('-0x1p99999', -math.inf),
        ('0b101', 5),
        ('-0B11', -3),
        ('inf', math.inf),
        ('-Infinity', -math.inf),
        ('1e999', math.inf),
        ('1e300', 1e300),
    ],
)
def test_tonumber_reads_what_luajit_reads(text, number):
    assert tonumber(text) == number


@pytest.mark.parametrize('text', ['nan', 'NaN', '-nan'])
def test_tonumber_reads_nan(text):
    assert math.isnan(tonumber(text))


@pytest.mark.parametrize(
    'text',
    ['', ' ', '1e', 'abc', '1,5', '1_000', '5L', '3i', '0x', '.', '-', '- 3', '1 2', '0b2', '١']
    + ['infinit', '\xa05', 'e5', '0x1p', '1e5.0', '--5', '1d', 'true'],
)
def test_tonumber_refuses_what_luajit_refuses(text):
    assert tonumber(text) is None


def test_tonumber_returns_ints_where_a_double_is_exact():
    assert [type(tonumber(text)) for text in ('5e0', '-0', '1.5', '1e20', 'inf')] == [
        *(int, int, float, float, float)
    ]


def test_tonumber_equals_the_recordings(info):
    for text, answer in recorded(info, 'tonumber'):
        assert lua(tonumber(json.loads(text))) == answer, text


@pytest.mark.parametrize(
    'text, items',
    [
        ('a,b', ['a', 'b']),
        ('', []),
        (',', []),
        ('a,', ['a']),
        (',a', ['a']),
        ('a,,b', ['a', '', 'b']),
        (',,a', ['', 'a']),
        ('a,,', ['a', '']),
        (' a , b ', [' a ', ' b ']),
    ],
)
def test_split_ignores_only_an_outer_separator(text, items):
    assert split(text) == items


def test_split_takes_another_separator():
    assert split('a,b:c', ':') == ['a,b', 'c']


def test_split_equals_the_recordings(info):
    for text, answer in recorded(info, 'split'):
        items = split(json.loads(text))
        assert f'{len(items)} ' + ''.join(f'[{item}]' for item in items) == answer, text


@pytest.mark.parametrize(
    'number, text',
    [(1, '1'), (1.5, '1'), (-1.5, '-1'), (100.9, '100'), (1e15, '1000000000000000')]
    + [(number, '-9223372036854775808') for number in (math.nan, math.inf, -math.inf, 1e20)],
)
def test_format_d_truncates(number, text):
    assert format_d(number) == text


def test_format_d_equals_the_recordings(info):
    for number, answer in recorded(info, 'format %d'):
        assert format_d(float(number)) == answer


@pytest.mark.parametrize(
    'number, text',
    [
        *((1764508.0078125, '1764508.007813'), (0.0234375, '0.023438'), (0.0390625, '0.039063')),
        *((-0.0078125, '-0.007813'), (0.1, '0.100000'), (1e-7, '0.000000'), (-0.0, '-0.000000')),
        *((0.99999951, '1.000000'), (1e22, '1' + 22 * '0' + '.000000'), (-math.inf, '-inf')),
    ],
)
def test_format_f_rounds_halves_away_from_zero(number, text):
    assert format_f(number) == text
    assert len(format_f(1.7e308)) == 316


def test_format_f_equals_the_recordings(info):
    for number, answer in recorded(info, 'format %f'):
        # the number is shown with 14 digits
        assert answer in (format_f(float(number)), format_f(123456789.123456789))


@pytest.mark.parametrize(
    'a, b, remainder',
    [(6, 3, 0), (7, 3, 1), (5, 2.5, 0), (3, 2.5, 0.5), (-1, 3, 2), (1, -3, -2), (1e9, 7, 6)],
)
def test_modulo_floors(a, b, remainder):
    assert modulo(a, b) == remainder


@pytest.mark.parametrize('a, b', [(1, 0), (1, math.inf), (math.nan, 2), (math.inf, 2), (0, 0)])
def test_modulo_is_nan_without_a_remainder(a, b):
    assert math.isnan(modulo(a, b))


def test_parse_returns_the_defaults(cmd):
    assert vars(cmd.parse([])) == {'a': 1, 'b': 'x', 'c': False, 'd': True}


@pytest.mark.parametrize(
    'arguments, name, value',
    [
        ('-a 0x1F', 'a', 31),
        ('-a 1e3', 'a', 1000),
        ('-a 1 -a 2', 'a', 2),
        ('-a .5', 'a', 0.5),
        ('--a 3', 'a', 3),
        ('-b -c', 'b', '-c'),
        ('-b -h', 'b', '-h'),
        ('-c', 'c', True),
        ('-c -c', 'c', True),
        ('-d', 'd', False),
    ],
)
def test_parse_reads_options(cmd, arguments, name, value):
    assert getattr(cmd.parse(arguments.split()), name) == value


def test_parse_equals_the_recordings(cmd, info):
    for arguments, answer in recorded(info, 'CmdLine'):
        params = cmd.parse(arguments.replace('{}', '').split())
        values = {name: lua(value) for name, value in vars(params).items()}
        assert 'a={a}(number) b={b} c={c} d={d}'.format(**values) == answer


@pytest.mark.parametrize(
    'arguments, message',
    [
        (['foo'], 'invalid argument: foo'),
        (['-e', '1'], 'invalid argument: -e'),
        (['-a=3'], 'invalid argument: -a=3'),
        (['--a=3'], 'invalid argument: --a=3'),
        (['---a', '3'], 'invalid argument: ---a'),
        (['-c', 'true'], 'invalid argument: true'),
        ([''], 'invalid argument: '),
        (['-a'], 'missing argument for option -a'),
        (['-a', 'x'], 'invalid type for option -a (should be number)'),
        (['foo', '-h'], 'invalid argument: foo'),
    ],
)
def test_parse_refuses_with_the_message_of_torch7(cmd, arguments, message):
    with pytest.raises(CommandLineError) as error:
        cmd.parse(arguments)
    assert str(error.value) == message


@pytest.mark.parametrize('arguments', [['-h'], ['-help'], ['--help'], ['-a', '1', '-h', 'foo']])
def test_parse_asks_for_help_before_an_error(cmd, arguments):
    with pytest.raises(HelpRequested):
        cmd.parse(arguments)


def test_option_refuses_a_default_of_another_type():
    with pytest.raises(TypeError, match='-x'):
        CmdLine().option('-x', None)


def test_help_text_aligns_the_options(cmd):
    cmd.option('-weight', 1e-3, '')
    cmd.option('-rate', 5e0)
    cmd.option('-seed', -1)
    assert cmd.help_text('me') == (
        'Usage: me [options]\n'
        '  -a      a number [1]\n'
        '  -b      [x]\n'
        '  -c      [false]\n'
        '  -d      [true]\n'
        '  -weight  [0.001]\n'
        '  -rate   [5]\n'
        '  -seed   [-1]\n'
    )


def test_help_text_of_an_error_names_no_program(cmd):
    assert cmd.help_text(None).startswith('Usage: [options]\n  -a ')


def test_help_text_equals_the_recording(golden):
    text = (golden / 'runs' / 'help_ddhelp' / 'stdout.txt').read_text()
    usage, *lines = text.splitlines()
    cmd = CmdLine()
    for line in lines:
        key, _, description = line.strip().partition(' ')
        help, _, default = description.strip().removesuffix(']').rpartition('[')
        number = tonumber(default)
        value = {'false': False}.get(default, default) if number is None else number
        cmd.option(key, value, help.strip() or None)
    assert cmd.help_text(usage.split()[1]) == text
