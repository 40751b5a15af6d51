"""Slips of the keyboard and the shell: what an argument that is refused was meant to be."""

import difflib
import os
import re
from collections.abc import Collection, Mapping

from neural_style.files.image_formats import has_image_extension
from neural_style.torch7.cmdline import CommandLineError, Value, tonumber

# Hyphens, dashes and minus signs that web pages and word processors put in the place of -.
DASHES = '\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d'
QUOTES = '\u2018\u2019\u201a\u201c\u201d\u201e\u00ab\u00bb'
LINE_CONTINUATIONS = ('\\', '^', '`')  # of Unix shells, cmd and PowerShell


def hint(error: CommandLineError, defaults: Mapping[str, Value]) -> str:
    """Say what the argument that an error refuses was probably meant to be; '' if nobody knows.

    defaults: of all flags, by their names without dashes.
    """
    if error.position >= len(error.arguments):
        return 'give the flag its value, or omit it'
    argument = error.arguments[error.position]
    if error.flag != '':
        return value_hint(argument, defaults)
    return (
        typography_hint(argument)
        or blank_hint(argument, defaults)
        or flag_hint(argument, defaults)
        or stray_value_hint(argument, list(error.arguments[: error.position]), defaults)
    )


def typography_hint(argument: str) -> str:
    """Recognise dashes and quotation marks as web pages and word processors write them."""
    if argument[:1] and argument[0] in DASHES:
        return f'it begins with a long dash, as pasted from a web page; type -{_bare(argument)}'
    if any(quote in argument for quote in QUOTES):
        return 'it has the curly quotes of a word processor; type straight ones: "..."'
    return ''


def blank_hint(argument: str, names: Collection[str]) -> str:
    """Recognise ends of lines that are no continuation, and blanks around a flag."""
    if '\r' in argument:
        return 'the command has the line ends of Windows; save it with those of Unix'
    if argument in LINE_CONTINUATIONS:
        return 'the next line is joined by \\ in a Unix shell, by ^ in cmd, by ` in PowerShell'
    if argument.strip('\\ \t\n\xa0') == '':
        return 'an argument of blanks: is there a blank behind the \\ that ends a line?'
    if argument != argument.strip() and _bare(argument.strip()) in names:
        return f'there is a blank around it; a \\ must end its line: type {argument.strip()}'
    return ''


def flag_hint(argument: str, names: Collection[str]) -> str:
    """Recognise a flag that is joined to its value, or misspelt."""
    if not argument.startswith('-') or _bare(argument) == '':
        return ''
    written, separator, value = _bare(argument).partition('=')
    if not separator:
        written, separator, value = _bare(argument).partition(':')
    name = nearest_name(written, names)
    if separator and name:
        return f'a blank stands between flag and value: -{name} {value}'.rstrip()
    return f'did you mean -{name}?' if name else ''


def nearest_name(written: str, names: Collection[str]) -> str:
    """Return the flag whose name is nearest to what was written; '' if none is near."""
    written = written.lower().replace('-', '_')
    if written in names:
        return written
    nearest = difflib.get_close_matches(written, names, n=1, cutoff=0.75)
    parts = [name for name in names if len(written) > 3 and written in name]
    nearest = nearest or parts[:1] or difflib.get_close_matches(written, names, n=1)
    return nearest[0] if nearest else ''


def stray_value_hint(argument: str, before: list[str], defaults: Mapping[str, Value]) -> str:
    """Recognise a value that no flag takes, behind a flag that takes none or has its value."""
    flags = [word for word in before if word.startswith('-') and _bare(word) in defaults]
    if not flags:
        return f'a flag goes before each value: -content_image {argument}'
    flag, last = f'-{_bare(flags[-1])}', before[-1]
    if last != flags[-1]:
        return split_value_hint(argument, flag, last)
    former = _bare(flags[-2]) if len(flags) > 1 and before[-2] == flags[-2] else ''
    if former and not isinstance(defaults[former], bool):
        return f'-{former} has taken {last} for its value; give it one'
    return f'{flag} takes no value'


def split_value_hint(argument: str, flag: str, last: str) -> str:
    """Recognise a value that the shell has split at blanks, or made of a pattern."""
    if os.path.exists(f'{last} {argument}'):
        return f'a name with blanks goes in quotes: {flag} "{last} {argument}"'
    if flag == '-style_image' and (last.endswith(',') or argument.startswith(',')):
        return f'a list has no blanks: {flag} {last}{argument}'
    if not has_image_extension(argument) and not os.path.exists(argument):
        return f'{flag} has its value already: {last}; one with blanks goes in quotes'
    remedy = f'{flag} takes one; a name with blanks goes in quotes'
    if flag == '-style_image':
        remedy = f'several are separated by commas: {flag} {last},{argument}'
    elif flag == '-content_image':
        remedy = f'several are a folder: {flag} {os.path.dirname(argument) or "."}'
    return f'{flag} has {last} already (the shell makes many names of one like *.jpg); {remedy}'


def value_hint(text: str, names: Collection[str]) -> str:
    """Say how a text that is no number was probably meant."""
    if text[:1] == '-' and _bare(text) in names:
        return f'{text} stands in the place of the value'
    typed = ''.join('-' if letter in DASHES else letter for letter in text)
    typed = ''.join(letter for letter in typed if letter not in QUOTES)
    if typed != text and tonumber(typed) is not None:
        return f'{text} is written with the signs of a word processor; type {typed}'
    if tonumber(text.replace(',', '.')) is not None:
        return f'{text} has a decimal comma; type {text.replace(",", ".")}'
    number = re.match(r'[-+]?[0-9.]+', text)
    if number and tonumber(number[0]) is not None:
        return f'{text} is no number; {number[0]} is'
    return f'{text!r} is no number'


def _bare(argument: str) -> str:
    return argument.lstrip('-' + DASHES)
