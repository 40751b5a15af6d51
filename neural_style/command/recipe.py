"""The recipe of a picture: what made it, kept in its PNG or JPEG file, so that it can be repeated.

A recipe is a comment in the file, in JSON:

    program, torch  versions
    seed            of the random numbers: -seed, or what was drawn for it
    iteration       that the picture is from
    flags           arguments of the command line, but for those that name files
    inputs          flag, name and SHA-256 of every file that went in

Files have their bare names: nothing says in whose folders they were.
"""

import importlib.metadata
import json
import os
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import compress

import torch

from neural_style.command.arguments import Arguments
from neural_style.command.clips import is_clip
from neural_style.command.flags import command_line
from neural_style.command.input_files import INPUTS, InputChecksums
from neural_style.command.video_flags import VIDEO_FLAGS
from neural_style.torch7.cmdline import CommandLineError, HelpRequested, Value
from neural_style.transfer.image_files import comment
from neural_style.video.decoding import video_comment
from neural_style.video.opening import is_video

PROGRAM = 'neural_style'
DISTRIBUTION = 'neural-style-caffe'  # on the package index
# Flags that say nothing about the picture.
FLAGS_NOT_RECORDED = {
    *('output_image', 'preset', 'rerun', 'checkpoint', 'resume', 'preview'),
    *('flow_pattern', 'flowWeight_pattern', 'save_style'),
}
# Flags that change nothing of it, or no more than the last bits.
FLAGS_WITHOUT_EFFECT = {
    *('print_iter', 'save_iter', 'checkpoint_iter', 'memory', 'dry_run', 'parallel', 'gpu'),
    *('multigpu_strategy', 'backend', 'cudnn_autotune'),
}
MAX_LENGTH = 60_000  # characters; a comment of a JPEG has room for 65,533


@dataclass(frozen=True)
class Input:
    """A file that went in: its flag, without dash, bare name and SHA-256."""

    flag: str
    name: str
    sha256: str


@dataclass(frozen=True)
class Recipe:
    """The recipe read from a picture; flags by their names, those of files left out.

    iteration: 0 if it is not recorded.
    """

    program: str
    torch: str
    seed: int
    iteration: int
    flags: dict[str, Value]
    inputs: list[Input]


def version() -> str | None:
    """Return the version of the program, or None where it is not installed."""
    try:
        return importlib.metadata.version(DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError:
        return None


def program_and_version() -> str:
    """Return what recipes call the program, neural_style 0.2.0."""
    return f'{PROGRAM} {version() or ""}'.strip()


def record(arguments: Arguments, checksums: InputChecksums) -> Callable[[int], str] | None:
    """Return a function that gives the recipe at an iteration, or None if it would be too long."""
    existing = [name is not None for name in checksums.names]
    flags = [flag for flag, _ in checksums.files]
    names = list(compress(zip(flags, checksums.names, strict=True), existing))
    vain = () if is_clip(arguments) else VIDEO_FLAGS

    def text(iteration: int, sums: Iterable[str | None]) -> str:
        inputs = zip(names, sums, strict=True)
        content = {
            'program': program_and_version(),
            'torch': torch.__version__,
            'seed': arguments.seed if arguments.seed >= 0 else arguments.generator_seed,
            'iteration': iteration,
            'flags': _recorded_flags(arguments.values, vain),
            'inputs': [[*name, sha256 or 'unknown'] for name, sha256 in inputs],
        }
        return json.dumps(content)

    if len(text(2**53, ['0' * 64] * len(names))) > MAX_LENGTH:
        return None
    return lambda iteration: text(iteration, compress(checksums.all(), existing))


def _recorded_flags(values: Mapping[str, Value], without: Collection[str] = ()) -> list[str]:
    """Return the arguments that give these values, but for some, and for those that name files."""
    arguments: list[str] = []
    for name, default in command_line().defaults().items():
        value = values[name]
        names_file = name in INPUTS and value != 'auto'
        is_left_out = names_file or name in FLAGS_NOT_RECORDED or name in without
        if value != default and not is_left_out:
            arguments += [f'-{name}'] if isinstance(default, bool) else [f'-{name}', str(value)]
    return arguments


def effective(flags: Mapping[str, Value], without: Collection[str] = ()) -> dict[str, Value]:
    """Return those of a run's flags that change its result, and differ from their defaults.

    without: more flags to leave out.
    """
    values = {**command_line().defaults(), **flags}
    explicit = command_line().parse_explicit(_recorded_flags(values, without))
    return {name: explicit[name] for name in explicit.keys() - FLAGS_WITHOUT_EFFECT}


def read(path: str) -> Recipe:
    """Read the recipe of a picture.  Raises ValueError if it has none, or a damaged one."""
    is_clip = is_video(path)
    text = video_comment(path) if is_clip else comment(path)
    if text is None or not text.startswith('{') or PROGRAM not in text:
        where = 'every .png and .jpg, and editing a picture may remove it'
        if is_clip:
            where = 'a video that it makes from a file, not into one of single pictures'
        raise ValueError(f'{path}: has no recipe: {PROGRAM} writes one into {where}')
    try:
        content = json.loads(text[: MAX_LENGTH + 1])
        program = str(content['program'])
        recipe = Recipe(
            program,
            str(content['torch']),
            int(content['seed']) % 2**32,
            int(content.get('iteration', 0)),
            command_line().parse_explicit([str(argument) for argument in content['flags']]),
            [Input(*map(str, values)) for values in content['inputs']],
        )
    except (CommandLineError, HelpRequested) as error:
        raise ValueError(
            f'{path}: the recipe is of another version ({program}): {error}'
        ) from error
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise ValueError(f'{path}: the recipe is damaged') from error
    _check_files(path, recipe)
    return recipe


def _check_files(path: str, recipe: Recipe) -> None:
    """Refuse a recipe that names a file among its flags, or an input with a folder."""
    for flag in recipe.flags.keys() & {*FLAGS_NOT_RECORDED, *INPUTS}:
        if (flag, recipe.flags[flag]) != ('paper_mask', 'auto'):
            raise ValueError(f'{path}: the recipe is damaged: it names files among its flags')
    for file in recipe.inputs:
        is_bare = file.name == os.path.basename(file.name) and file.name not in ('', '.', '..')
        if file.flag not in INPUTS or not is_bare or '\0' in file.name:
            raise ValueError(f'{path}: the recipe is damaged: {file.name!r} is no input')
