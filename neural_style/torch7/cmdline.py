"""Lua's command line and numbers: torch.CmdLine, tonumber, string.split, %d, %f and the modulo."""

import math
import re
from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Context, Decimal
from types import SimpleNamespace

# LuaJIT's number grammar.  Its suffixes (5LL, 3i) are no numbers to tonumber.
DECIMAL = re.compile(r'[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?', re.IGNORECASE)
HEXADECIMAL = re.compile(
    r'[+-]?0x(?:[0-9a-f]+\.?[0-9a-f]*|\.[0-9a-f]+)(?:p[+-]?[0-9]+)?', re.IGNORECASE
)
BINARY = re.compile(r'([+-]?)0b([01]+)', re.IGNORECASE)
SPECIAL = re.compile(r'[+-]?(?:inf|infinity|nan)', re.IGNORECASE)
SPACE = ' \t\n\v\f\r'

# A double of any size, rounded to what %f shows.
SIX_DECIMALS = Decimal('0.000001')
EXACTLY = Context(prec=400, rounding=ROUND_HALF_UP)

Value = str | int | float | bool  # of an option

HELP_FLAGS = ('-help', '-h', '--help')


class CommandLineError(ValueError):
    """The arguments do not fit the options; the text is the original's message.

    arguments: all of them.  position: the index of the one that does not fit, their number if one
    is missing.  flag: the option whose value it is; '' for an argument that is no option.
    """

    def __init__(self, message: str, arguments: Sequence[str], position: int, flag: str = ''):
        super().__init__(message)
        self.arguments = tuple(arguments)
        self.position = position
        self.flag = flag


class HelpRequested(Exception):
    """-h, -help or --help stood among the arguments."""


class CmdLine:
    """Options with defaults, read from a list of arguments (torch7/CmdLine.lua).

    The type of an option is the type of its default.  A boolean takes no value and flips its
    default; the last of repeated options wins.  --flag is read as -flag, which the original
    refuses.
    Options declared after extensions() are the port's own: help_text shows them when asked to.
    """

    def __init__(self) -> None:
        self._options: dict[str, tuple[Value, str | None]] = {}
        self._original: int | None = None
        self.lists: set[str] = set()  # names, without dashes, of those that may be lists

    def extensions(self) -> None:
        """End the original's options: those that follow are ours."""
        self._original = len(self._options)

    def option(self, key: str, default: Value, help: str | None = None) -> None:
        """Declare an option.  key begins with a dash: '-image_size'."""
        if not isinstance(default, str | int | float):
            raise TypeError(f'{key}: default {default!r} is no string, number or boolean')
        self._options[key] = (default, help)

    def allow_list(self) -> None:
        """Let the option declared last also take numbers separated by commas, as a string.

        The original takes one number.
        """
        self.lists.add(list(self._options)[-1].lstrip('-'))

    def defaults(self) -> dict[str, Value]:
        """Return the default of every option, by its name without dashes."""
        return {key.lstrip('-'): default for key, (default, _) in self._options.items()}

    def parse(self, argv: list[str]) -> SimpleNamespace:
        """Read the arguments (without the program's name).

        Returns a namespace with every option by its name without dashes; a number is an int
        where it is integral, else a float.  Raises HelpRequested and CommandLineError,
        whichever comes first from the left.
        """
        return SimpleNamespace(**self.defaults() | self.parse_explicit(argv))

    def parse_explicit(self, argv: list[str]) -> dict[str, Value]:
        """Read the arguments as parse does; return only the options that are among them."""
        explicit: dict[str, Value] = {}
        position = 0
        while position < len(argv):
            argument = argv[position]
            if argument in HELP_FLAGS:
                raise HelpRequested
            key = argument[1:] if argument.startswith('--') else argument
            if key not in self._options:
                raise CommandLineError(f'invalid argument: {argument}', argv, position)
            default, _ = self._options[key]
            position += 1
            if isinstance(default, bool):
                explicit[key.lstrip('-')] = not default
                continue
            is_list = key.lstrip('-') in self.lists
            explicit[key.lstrip('-')] = self._value(default, argv, position, is_list)
            position += 1
        return explicit

    @staticmethod
    def _value(default: Value, argv: list[str], position: int, is_list: bool) -> Value:
        """Read the value of the option before a position."""
        flag = argv[position - 1]
        if position == len(argv):
            raise CommandLineError(f'missing argument for option {flag}', argv, position, flag)
        text = argv[position]
        if isinstance(default, str):
            return text
        number = tonumber(text)
        if is_list and number is None and is_number_list(text):
            return text
        if number is None:
            message = f'invalid type for option {flag} (should be number)'
            raise CommandLineError(message, argv, position, flag)
        return number

    def help_text(self, program: str | None, extensions: bool = False) -> str:
        """Return the usage text, newline at the end.  program: None after an error, as in Torch7.

        extensions: the lines of the port's own options instead, without the first one.
        """
        name = '' if program is None else f'{program} '
        options = list(self._options.items())
        shown = options[self._original :] if extensions else options[: self._original]
        width = max((len(key) for key, _ in shown), default=0)
        lines = [] if extensions else [f'Usage: {name}[options]']
        for key, (default, help) in shown:
            help_column = '' if help is None else f' {help}'
            lines.append(f'  {key:<{width}}{help_column} [{_tostring(default)}]')
        return ''.join(line + '\n' for line in lines)


def _tostring(value: Value) -> str:
    """Return Lua's tostring of a string, boolean or number."""
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else f'{value:.14g}'


def tonumber(text: str) -> int | float | None:
    """Read a number as LuaJIT does; returns None for other text.

    Decimal and hexadecimal with fraction and exponent (1e3, .5, 5., 0x1F, 0x1.8p3), binary
    integers (0b101), inf, infinity and nan in any case, with sign, and spaces around it.
    Every Lua number is a double: an int comes back only where a double is exact, below 2^53.
    """
    text = text.strip(SPACE)
    if DECIMAL.fullmatch(text) or SPECIAL.fullmatch(text):
        number = float(text)
    elif HEXADECIMAL.fullmatch(text):
        number = _fromhex(text)
    elif match := BINARY.fullmatch(text):
        number = float(int(match[1] + match[2], 2))
    else:
        return None
    return int(number) if abs(number) < 2**53 and number.is_integer() else number


def is_number_list(text: str) -> bool:
    """Tell whether a text is several numbers, separated by commas."""
    items = split(text)
    return len(items) > 1 and None not in map(tonumber, items)


def _fromhex(text: str) -> float:
    try:
        return float.fromhex(text)
    except OverflowError:
        return -math.inf if text.startswith('-') else math.inf


def split(text: str, separator: str = ',') -> list[str]:
    """Split at each separator; one at the very beginning or the very end adds no empty item.

    'a,,b' has an empty item in the middle, ',a,' is ['a'], '' and ',' are [].
    """
    items = text.split(separator)
    if items[0] == '':
        del items[0]
    if items and items[-1] == '':
        del items[-1]
    return items


def format_d(number: int | float) -> str:
    """Return Lua's string.format('%d', number): rounded towards zero, as a 64-bit integer.

    What does not fit, nan and infinities included, is the smallest integer, as on x86.
    """
    if not -(2.0**63) <= number < 2.0**63:
        return str(-(2**63))
    return str(int(number))


def format_f(number: float) -> str:
    """Return LuaJIT's string.format('%f', number): six decimals, halves rounded away from zero.

    C rounds halves to even; losses, float32 numbers times short weights, often are halves.
    """
    if not math.isfinite(number):
        return f'{number:f}'
    return f'{Decimal(number).quantize(SIX_DECIMALS, context=EXACTLY):f}'


def modulo(a: float, b: float) -> float:
    """Return Lua's a % b = a - floor(a / b) * b, in doubles: nan if b is zero or infinite."""
    a, b = float(a), float(b)
    if b == 0 or not math.isfinite(a / b) or not math.isfinite(b):
        return math.nan
    return a - math.floor(a / b) * b
