"""-rerun: the flags that repeat the run that made a picture, from the recipe in it."""

import os
import re
from collections.abc import Mapping, Sequence

import torch

from neural_style.command import places
from neural_style.command.input_files import named_paths
from neural_style.command.networks import MODELS
from neural_style.command.paths import LIST_FLAGS, as_stored, join_paths
from neural_style.command.recipe import Input, Recipe, program_and_version, read
from neural_style.command.terminal import warn
from neural_style.command.trained_styles import FOLDER as STYLES
from neural_style.files.checksum import sha256
from neural_style.files.pillow import detect_format, open_image
from neural_style.torch7 import image
from neural_style.torch7.cmdline import Value
from neural_style.transfer.saved_style import is_saved_style
from neural_style.video.opening import is_video


def rerun_flags(explicit: Mapping[str, Value]) -> tuple[dict[str, Value], int | None]:
    """Return the flags that repeat a run, and the seed that it drew unless -seed is explicit.

    explicit: flags of the command line, -rerun among them; those that name inputs say where the
    files of the recipe are.  Raises ValueError.
    """
    path = str(explicit['rerun'])
    try:
        recipe = read(path)
        _warn_of_other_versions(path, recipe)
        folders = ['', os.path.dirname(path)]
        network_folders = [os.path.join(folder, 'models') for folder in places.folders()]
        inputs = find_inputs(recipe, explicit, folders, [*folders, *network_folders, MODELS])
        output = str(explicit.get('output_image', output_name(path)))
    except (OSError, ValueError) as error:
        raise ValueError(f'-rerun: {error}') from error
    if overwrites(output, path):
        raise ValueError(f'-rerun: -output_image {output} would overwrite {path}; name another')
    seed = None if 'seed' in explicit else recipe.seed
    return {**recipe.flags, **inputs, 'output_image': output}, seed


def _warn_of_other_versions(path: str, recipe: Recipe) -> None:
    made_by = (recipe.program, recipe.torch)
    running = (program_and_version(), torch.__version__)
    if made_by != running:
        warn(
            f'-rerun {path}: made by {" with torch ".join(made_by)}, not'
            f' {" with torch ".join(running)}: the last bits may differ'
        )


def find_inputs(
    recipe: Recipe,
    explicit: Mapping[str, Value],
    image_folders: Sequence[str],
    network_folders: Sequence[str],
) -> dict[str, Value]:
    """Return the flags that name the inputs of a recipe, every checksum checked.

    explicit: flags of the command line.  One that names files says where the recipe's are, or with
    no file that they do not count.  The others' are looked for by name in the folders.
    Raises ValueError for files that are missing or changed, naming them.
    """
    flags: dict[str, Value] = {}
    for flag in dict.fromkeys(file.flag for file in recipe.inputs):
        files = [file for file in recipe.inputs if file.flag == flag]
        if flag in explicit:
            paths = named_paths(flag, str(explicit[flag]))
            if not paths:
                continue
            candidates = [[path] for path in paths]
        else:
            folders = network_folders if flag.endswith('_file') else image_folders
            candidates = [
                [os.path.join(folder, file.name) for folder in _with_styles(folders, file.name)]
                for file in files
            ]
        if len(candidates) != len(files):
            raise ValueError(
                f'-{flag}: {len(candidates)} given, and the recipe has {len(files)}:'
                f' {", ".join(file.name for file in files)}'
            )
        unchanged = [_first_unchanged(*pair) for pair in zip(files, candidates, strict=True)]
        flags[flag] = join_paths(unchanged) if flag in LIST_FLAGS else ','.join(unchanged)
    return flags


def _with_styles(folders: Sequence[str], name: str) -> list[str]:
    """Return the folders of inputs, and that of the styles that come with the program."""
    return [*folders, *([STYLES] if is_saved_style(name) else [])]


def _first_unchanged(file: Input, candidates: Sequence[str]) -> str:
    """Return the first of the candidates that is the file; raises ValueError if none is."""
    candidates = list(dict.fromkeys(map(as_stored, candidates)))
    existing = [path for path in candidates if os.path.isfile(path)]
    for path in existing:
        try:
            if sha256(path) == file.sha256:
                return path
        except OSError as error:
            raise ValueError(f'-{file.flag} {path}: {error.strerror}') from error
    if existing:
        raise ValueError(
            f'-{file.flag} {existing[0]}: not the file that the picture was made from (its SHA-256'
            f' is not {file.sha256[:12]}…); give the right one with -{file.flag}'
        )
    raise ValueError(
        f'-{file.flag}: there is no {" or ".join(candidates)}; put {file.name} there, or say where'
        f' it is with -{file.flag}'
    )


def output_name(path: str) -> str:
    """Return where a picture is repeated by default: dir/out.png → out_rerun.png, here."""
    stem, extension = os.path.splitext(os.path.basename(path))
    if not image.is_supported(path) and not is_video(path):
        with open_image(path) as file:
            extension = '.png' if detect_format(file) == 'PNG' else '.jpg'
    return f'{stem}_rerun{extension}'


def overwrites(output_image: str, path: str) -> bool:
    """Tell whether a run would overwrite the picture at path with a final or intermediate one."""
    stem, _, extension = os.path.basename(output_image).rpartition('.')
    pattern = rf'{re.escape(stem)}(_-?\d+)?\.{re.escape(extension)}'
    folders = [os.path.realpath(os.path.dirname(name) or '.') for name in (output_image, path)]
    return os.path.realpath(output_image) == os.path.realpath(path) or (
        folders[0] == folders[1] and re.fullmatch(pattern, os.path.basename(path)) is not None
    )
