"""The state of a run in a file: -checkpoint writes it, -resume continues from it.

The file is a .safetensors with the tensors of neural_style.transfer.checkpoint.  Its metadata are
JSON:

    format, torch   versions
    settings        of the flags, paths as they were given
    sums            SHA-256 of the files that the result depends on, by flag
    state           the numbers of the state

Each of several processes has a file of its own, FILE.1of4, with its shard of the optimiser's
vectors.  A new one is called FILE.1of4.next until all are written.
"""

import contextlib
import json
import logging
import os
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

import torch

from neural_style.command.arguments import Arguments
from neural_style.command.flags import command_line
from neural_style.command.input_files import INPUTS, Checksums, paths_of
from neural_style.distributed import SINGLE_PROCESS, World
from neural_style.files.tensors import read_tensors, write_tensors
from neural_style.torch7.cmdline import Value, is_number_list
from neural_style.transfer.checkpoint import Checkpoint, flatten, unflatten

logger = logging.getLogger(__name__)

# Flags that may change when a run is resumed: its numbers do not depend on them.
CHANGEABLE_FLAGS = {
    *('resume', 'preset', 'num_iterations', 'print_iter', 'save_iter', 'output_image'),
    *('checkpoint', 'checkpoint_iter', 'original_colors', 'style_tint', 'jpeg_quality'),
    *('preview', 'save_style'),
    *('parallel', 'memory', 'dry_run', 'gpu', 'multigpu_strategy', 'backend', 'cudnn_autotune'),
}
FORMAT = 2
READABLE_FORMATS = (1, 2)  # 1: version 0.1, with other names in the state
PENDING_SUFFIX = '.next'
HEADER_BYTES = 1 << 16  # at the beginning of a file, where its metadata are


def file_of_rank(path: str, world: World) -> str:
    """Return the file in which this process keeps its part of a state."""
    return path if world.size == 1 else f'{path}.{world.rank + 1}of{world.size}'


def is_checkpoint(path: str) -> bool:
    """Tell whether the first bytes of a file are a checkpoint's; an empty file counts as well."""
    with open(path, 'rb') as file:
        header = file.read(HEADER_BYTES)
    return header == b'' or b'"neural_style"' in header


def write(
    path: str,
    arguments: Arguments,
    checksums: Checksums,
    checkpoint: Checkpoint,
    world: World = SINGLE_PROCESS,
) -> None:
    """Write the state of a run, whole or not at all.  Raises OSError if the disk refuses."""
    file = file_of_rank(path, world)
    if world.size == 1:
        _write(file, arguments, checksums, checkpoint)
        return
    pending = file + PENDING_SUFFIX
    refused: OSError | None = None
    try:
        _write(pending, arguments, checksums, checkpoint)
    except OSError as error:
        refused = error
    if world.max(int(refused is not None)):
        with contextlib.suppress(OSError):
            os.remove(pending)
        raise refused or OSError(f'{path}: another process cannot write its part of the state')
    os.replace(pending, file)


def _write(path: str, arguments: Arguments, checksums: Checksums, checkpoint: Checkpoint) -> None:
    tensors, remainder = flatten(checkpoint.state())
    settings = {name: value for name, value in arguments.values.items() if name != 'resume'}
    content = {
        'format': FORMAT,
        'torch': torch.__version__,
        'settings': settings | {'generator_seed': arguments.generator_seed},
        'sums': checksums,
        'state': remainder,
    }
    try:
        write_tensors(path, tensors, {'neural_style': json.dumps(content)})
    except OSError as error:
        raise type(error)(f'{path}: cannot write the state: {error.strerror}') from error


def resume(
    arguments: Arguments, world: World = SINGLE_PROCESS
) -> tuple[Arguments, Checksums, Checkpoint]:
    """Read the file that -resume names: the run's arguments, checksums and checkpoint.

    Flags that may change are those of the command line where they are explicit.
    Raises ValueError for files that are no checkpoints, and flags that are not the run's.
    """
    path = file_of_rank(arguments.resume, world)
    content = _read_common(path, world)
    settings = content['settings']
    check_flags(path, arguments, settings)
    if content['torch'] != torch.__version__:
        logger.warning(
            '-resume %s: started with PyTorch %s; the last digits may differ',
            path,
            content['torch'],
        )
    generator_seed = settings.pop('generator_seed')
    kept = {name: value for name, value in settings.items() if name not in arguments.explicit}
    arguments = replace(arguments.with_values(**kept), generator_seed=generator_seed)
    return arguments, content['sums'], content['checkpoint']


def check_flags(
    path: str,
    arguments: Arguments,
    settings: Mapping[str, Value],
    changeable: Collection[str] = CHANGEABLE_FLAGS,
    work: str = 'run',
) -> None:
    """Refuse explicit flags that would change the numbers of what is continued.

    work: what messages call it.  Flags that the run did not know yet have their defaults.
    """
    settings = {**command_line().defaults(), **settings}
    for name in sorted(arguments.explicit):
        changed = getattr(arguments, name) != settings[name]
        names_files = name in INPUTS and paths_of(arguments, name) != []  # compared by checksum
        if changed and not names_files and name not in changeable:
            started = f'without -{name}'
            if settings[name] != '':
                started = f'with -{name} {settings[name]}'
            raise ValueError(
                f'-resume {path}: the {work} started {started}, not'
                f' {getattr(arguments, name)}; omit the flag, or start a new {work}'
            )


def check_inputs(
    arguments: Arguments, checksums: Checksums, recorded: Checksums, work: str = 'run'
) -> None:
    """Refuse to continue with other files than the run started with.

    work: what messages call it.
    """
    for name in checksums:
        if checksums[name] == recorded.get(name, []):
            continue
        paths = zip(paths_of(arguments, name), checksums[name], strict=True)
        missing = [path for path, sha256 in paths if sha256 is None]
        changed = getattr(arguments, name)
        problem = (
            f'{missing[0]} does not exist; continue in the same folder, or name it: -{name} FILE'
            if missing
            else f'{changed} is not what the {work} started with; start a new {work}'
        )
        raise ValueError(f'-resume {arguments.resume}: -{name}: {problem}')


def _read_common(path: str, world: World) -> dict[str, Any]:
    """Read the last state that all processes have: some may have ended before they renamed it."""
    contents = [_read(path)]
    if world.size == 1:
        return contents[0]
    if os.path.exists(path + PENDING_SUFFIX):
        with contextlib.suppress(ValueError):
            contents.append(_read(path + PENDING_SUFFIX))
    last_common = -world.max(-max(map(_progress, contents)))
    for content in contents:
        if _progress(content) == last_common:
            return content
    raise ValueError(f'-resume {path}: not of the same iteration as the other processes')


def _progress(content: dict[str, Any]) -> int:
    """Number the states of a run in their order, scale before iteration."""
    return (content['checkpoint'].scale << 32) + content['checkpoint'].iteration


def _read(path: str) -> dict[str, Any]:
    cmd = command_line()
    defaults = cmd.defaults()
    try:
        tensors, metadata = read_tensors(path)
        content = json.loads(metadata['neural_style'])
        known = defaults.keys() | {'generator_seed'}
        if content['format'] not in READABLE_FORMATS or not content['settings'].keys() <= known:
            raise ValueError(f'{path}: written by another version of the program; use that version')
        content['checkpoint'] = Checkpoint.from_state(unflatten(tensors, content['state']))
        _check_types(content, defaults, cmd.lists)
    except OSError as error:
        raise ValueError(f'-resume {path}: {error.strerror}; name a checkpoint') from error
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f'-resume {path}: not a checkpoint of this program') from error
    except ValueError as error:
        raise ValueError(f'-resume {error}') from error
    return content


def _check_types(content: dict[str, Any], defaults: dict[str, Value], lists: set[str]) -> None:
    """Raise TypeError or KeyError where a value has another type than the program writes.

    lists: names of flags that may be lists of numbers.
    """
    checkpoint, settings = content['checkpoint'], content['settings']
    expected: list[tuple[Any, Any]] = [
        (content['torch'], str),
        *((sums, list) for sums in content['sums'].values()),
        (checkpoint.optimizer, dict),
        (checkpoint.generator_state, dict),
        (checkpoint.initial_generator_state, dict),
        (checkpoint.iteration, int),
        (checkpoint.scale, int),
        (checkpoint.image, torch.Tensor),
        (checkpoint.network_scale, float | int),
        (checkpoint.precision, str),
        (settings['generator_seed'], int),
    ]
    for name in defaults.keys() & settings.keys():
        if name in lists and isinstance(settings[name], str) and is_number_list(settings[name]):
            continue
        default = defaults[name]
        is_number = isinstance(default, float | int) and not isinstance(default, bool)
        expected.append((settings[name], float | int if is_number else type(default)))
    for value, expected_type in expected:
        is_other = not isinstance(value, expected_type)
        if is_other or (isinstance(value, bool) and expected_type is not bool):
            raise TypeError(f'{value!r} is no {expected_type}')
    image = checkpoint.image
    if min(checkpoint.iteration, checkpoint.scale) < 0 or not image.is_floating_point():
        raise TypeError('numbers that no run has')
