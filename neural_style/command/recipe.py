"""The recipe of a picture: what made it, kept in its PNG or JPEG file, so that it can be repeated.

A recipe is a comment in the file, in JSON:

    program, torch  versions
    seed            of the random numbers: -seed, or what was drawn for it
    iteration       that the picture is from
    flags           words of the command line, but for those that name files
    inputs          flag, name and SHA-256 of every file that went in

Files have their bare names: nothing says in whose folders they were.
"""

import importlib.metadata
import json
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress
from types import SimpleNamespace
from typing import Any

import torch

from neural_style.command import image_files as picture
from neural_style.command.input_files import INPUTS, InputChecksums
from neural_style.files.atomic import sha256
from neural_style.torch7 import image
from neural_style.torch7.cmdline import CmdLine, CommandLineError, HelpRequested

PROGRAM = 'neural_style'
DISTRIBUTION = 'neural-style-caffe'  # on the package index
# Flags that say nothing about the picture.
FLAGS_NOT_RECORDED = {'output_image', 'preset', 'rerun', 'checkpoint', 'resume'}
LONGEST = 60_000  # characters; a comment of a JPEG has room for 65,533


@dataclass(frozen=True)
class Input:
    """A file that went in: its flag, without dash, bare name and SHA-256."""

    flag: str
    name: str
    sha256: str


@dataclass(frozen=True)
class Recipe:
    """What read found in a picture; flags are words of a command line."""

    program: str
    torch: str
    seed: int
    flags: list[str]
    inputs: list[Input]


def version() -> str | None:
    """The program's, where it is installed."""
    try:
        return importlib.metadata.version(DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError:
        return None


def record(
    params: SimpleNamespace, defaults: Mapping[str, Any], sums: InputChecksums
) -> Callable[[int], str] | None:
    """The recipe of a run: a function of the iteration that gives the text; None if it is too long.

    params: of the command, with generator_seed.
    """
    here = [os.path.isfile(path) for _, path in sums.files]
    names = [(flag, os.path.basename(path)) for flag, path in compress(sums.files, here)]

    def text(iteration: int, found: Iterable[str | None]) -> str:
        content = {
            'program': f'{PROGRAM} {version() or ""}'.strip(),
            'torch': torch.__version__,
            'seed': params.seed if params.seed >= 0 else params.generator_seed,
            'iteration': iteration,
            'flags': flags(params, defaults),
            'inputs': [[*name, one or 'unknown'] for name, one in zip(names, found, strict=True)],
        }
        return json.dumps(content)

    if len(text(2**53, ['0' * 64] * len(names))) > LONGEST:
        return None
    return lambda iteration: text(iteration, compress(sums.all(), here))


def flags(params: SimpleNamespace, defaults: Mapping[str, Any]) -> list[str]:
    """The words that give params, without the flags that name files."""
    words = []
    for name, default in defaults.items():
        value = getattr(params, name)
        file = name in INPUTS and value != 'auto'
        if value != default and not file and name not in FLAGS_NOT_RECORDED:
            words += [f'-{name}'] if isinstance(default, bool) else [f'-{name}', str(value)]
    return words


def read(path: str, cmd: CmdLine) -> Recipe:
    """The recipe of a picture.  Raises ValueError if it has none, or none that cmd understands."""
    text = picture.comment(path)
    if text is None or not text.startswith('{') or PROGRAM not in text:
        raise ValueError(
            f'{path}: carries no recipe: {PROGRAM} writes them into .png and .jpg, and editing a'
            ' picture may drop them'
        )
    try:
        content = json.loads(text[: LONGEST + 1])
        recipe = Recipe(
            str(content['program']),
            str(content['torch']),
            int(content['seed']) % 2**32,
            [str(word) for word in content['flags']],
            [Input(*map(str, values)) for values in content['inputs']],
        )
        found = cmd.parse(recipe.flags)
    except (CommandLineError, HelpRequested) as error:
        raise ValueError(
            f'{path}: the recipe is of another version ({recipe.program}): {error}'
        ) from error
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise ValueError(f'{path}: the recipe is damaged') from error
    named = cmd.given & {*FLAGS_NOT_RECORDED, *INPUTS}
    if named - {'paper_mask'} or ('paper_mask' in named and found.paper_mask != 'auto'):
        raise ValueError(f'{path}: the recipe is damaged: it names files among its flags')
    for file in recipe.inputs:
        bare = file.name == os.path.basename(file.name) and file.name not in ('', '.', '..')
        if file.flag not in INPUTS or not bare or '\0' in file.name:
            raise ValueError(f'{path}: the recipe is damaged: {file.name!r} is no input')
    return recipe


def find(
    recipe: Recipe, given: Mapping[str, Sequence[str]], folders: Mapping[str, Sequence[str]]
) -> list[str]:
    """The words for the inputs of a recipe, every sum checked.

    given: paths of those flags that say themselves where their files are; with none at all, the
    recipe's do not count.
    folders: for each flag, where to look for the others, by name.
    Raises ValueError for files that are missing or changed, naming them.
    """
    places: dict[str, list[str]] = {}
    for flag in dict.fromkeys(file.flag for file in recipe.inputs):
        files = [file for file in recipe.inputs if file.flag == flag]
        if given.get(flag) == []:
            continue
        if flag in given and len(given[flag]) != len(files):
            raise ValueError(
                f'-{flag}: {len(given[flag])} given, and the recipe has {len(files)}:'
                f' {", ".join(file.name for file in files)}'
            )
        for number, file in enumerate(files):
            if flag in given:
                candidates = [given[flag][number]]
            else:
                candidates = [os.path.join(folder, file.name) for folder in folders[flag]]
            places.setdefault(flag, []).append(_unchanged(file, candidates))
    words = []
    for flag, paths in places.items():
        if flag == 'style_image':
            paths = [','.join(path.replace(',', r'\,') for path in paths)]
        words += [f'-{flag}', *paths]
    return words


def _unchanged(file: Input, candidates: Sequence[str]) -> str:
    """The first of the candidates that is the file; ValueError if none is."""
    candidates = list(dict.fromkeys(map(picture.as_stored, candidates)))
    there = [path for path in candidates if os.path.isfile(path)]
    for path in there:
        try:
            if sha256(path) == file.sha256:
                return path
        except OSError as error:
            raise ValueError(f'-{file.flag} {path}: {error.strerror}') from error
    if there:
        raise ValueError(
            f'-{file.flag} {there[0]}: not the file that the picture was made from (its SHA-256 is'
            f' not {file.sha256[:12]}…); give the right one with -{file.flag}'
        )
    raise ValueError(
        f'-{file.flag}: there is no {" or ".join(candidates)}; put {file.name} there, or say where'
        f' it is with -{file.flag}'
    )


def output_name(path: str) -> str:
    """Where a picture is repeated if nothing is said: dir/out.png → out_rerun.png, here."""
    stem, extension = os.path.splitext(os.path.basename(path))
    if not image.is_supported(path):
        with image.opened(path) as file:
            extension = '.png' if image.detect_format(file) == 'PNG' else '.jpg'
    return f'{stem}_rerun{extension}'


def overwrites(output_image: str, path: str) -> bool:
    """Whether a run would write over the picture at path, at its end or on the way."""
    stem, _, extension = os.path.basename(output_image).rpartition('.')
    pattern = rf'{re.escape(stem)}(_-?\d+)?\.{re.escape(extension)}'
    folders = [os.path.realpath(os.path.dirname(name) or '.') for name in (output_image, path)]
    return os.path.realpath(output_image) == os.path.realpath(path) or (
        folders[0] == folders[1] and re.fullmatch(pattern, os.path.basename(path)) is not None
    )
