"""Paths as people write them: with ~ where no shell expands it, and blanks around them."""

import difflib
import glob
import os
import re
import unicodedata
from collections.abc import Iterable, Mapping
from pathlib import Path

from neural_style.command.slips import QUOTES
from neural_style.files.image_formats import has_image_extension
from neural_style.torch7.cmdline import Value, split

# Flags whose value is a list of paths, which split_paths reads.
LIST_FLAGS = ('style_image', 'content_regions', 'style_regions')
# Flags whose value is one path.
PATH_FLAGS = (
    *('content_image', 'init_image', 'paper_mask', 'proto_file', 'model_file', 'output_image'),
    *('checkpoint', 'resume', 'rerun', 'preset', 'save_style'),
    *('flow_pattern', 'flowWeight_pattern'),
)


def intended_path(path: str) -> str:
    """Return the path that is meant: without blanks around it, and with the home folder for ~.

    A file or folder that really has this name wins, a folder of the path as well.
    """
    folder = os.path.dirname(path)
    if os.path.exists(path) or (path == path.strip() and folder and os.path.isdir(folder)):
        return path
    return os.path.expanduser(path.strip())


def with_intended_paths(values: Mapping[str, Value]) -> dict[str, Value]:
    """Return the values of flags, those of PATH_FLAGS as they are meant."""
    return {
        name: intended_path(str(value)) if name in PATH_FLAGS else value
        for name, value in values.items()
    }


def as_stored(path: str) -> str:
    """Return the name that a file has on disk, where ü may be one character, or u and its dots."""
    forms = [path, *(unicodedata.normalize(form, path) for form in ('NFC', 'NFD'))]
    return next((form for form in forms if os.path.exists(form)), path)


def join_paths(paths: Iterable[str]) -> str:
    """Return paths as one value of a flag, which split_paths reads."""
    return ','.join(path.replace(',', r'\,') for path in paths)


def split_paths(text: str) -> list[str]:
    r"""Split a list of files such as -style_image: a,b is two, a\,b one with a comma in its name.

    What the original splits into files that all exist is split so; else a file of the whole name
    wins, commas included.  Each path is the one that is meant: blanks around it do not count.
    """
    paths = split(text)
    if not all(os.path.exists(as_stored(path)) for path in paths):
        if os.path.exists(as_stored(text)):
            return [text]
        items = split(text.strip().replace('\\,', '\0'))
        paths = [intended_path(item.replace('\0', ',')) for item in items]
    return paths


def missing_file_hint(path: str) -> str:
    """Say why there may be no file of a name; '' if nobody knows."""
    if os.path.islink(path):
        return f'it is a link to {os.readlink(path)}, which is missing'
    if path.endswith(('/', os.sep)):
        return 'there is no such folder'
    if glob.glob(path):
        return 'a pattern in quotes names no file; name the files, or a folder in -content_image'
    if ',' in path and all(os.path.exists(intended_path(name)) for name in split(path)):
        return 'this flag takes one; -content_image takes a folder, or a .txt file, of several'
    if re.match(r'[a-z]+://', path):
        return 'this is an address; download the file, and name it'
    bare = ''.join(letter for letter in path if letter not in QUOTES + '"\'')
    if bare != path and (os.path.exists(bare) or any(quote in path for quote in QUOTES)):
        return f'the quotes became a part of the name; name {bare}'
    if '\\ ' in path and os.path.exists(path.replace('\\ ', ' ')):
        return 'inside quotes a blank needs no \\'
    if path.startswith('~'):
        return f'there is no home folder for {Path(path).parts[0]!r}; write it in full'
    words = re.split(r'[\s;]+', path.strip())
    if len(words) > 1 and all(os.path.exists(intended_path(word)) for word in words):
        return f'names in a list are separated by commas: {",".join(words)}'
    if os.path.exists(os.path.expandvars(path)):
        return 'inside single quotes a shell fills in no variables; write it in full'
    nearest = nearest_file(path)
    return f'is {nearest} meant?' if nearest else ''


def nearest_file(path: str) -> str:
    r"""Return a file whose name differs in case, extension or a letter; '' if there is none.

    A \ may stand in the place of a /.
    """
    folder, name = os.path.split(path.replace('\\', '/'))
    try:
        names = sorted(entry.name for entry in os.scandir(folder or '.') if entry.is_file())
    except OSError:
        return ''
    stem = os.path.splitext(name.lower())[0]
    same = [other for other in names if other.lower() == name.lower()] or [
        other
        for other in names
        if os.path.splitext(other.lower())[0] == stem and has_image_extension(other)
    ]
    same = same or difflib.get_close_matches(name, names, n=1, cutoff=0.85)
    return os.path.join(folder, same[0]) if same else ''
