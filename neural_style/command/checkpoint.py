"""The state of a run in a file: -checkpoint writes it, -resume goes on from it.

The file is a .safetensors with the tensors of style_transfer.checkpoint.  Its metadata say in JSON:

    format, torch   versions
    settings        of the flags, paths as they were given
    sums            SHA-256 of the files that the result depends on, by flag
    state           the numbers of the state

Of several processes each has a file of its own, with what it has of the optimiser's vectors:
FILE.1of4.  A new one appears as FILE.1of4.next until all are written.
"""

import contextlib
import json
import logging
import os
from collections.abc import Collection
from types import SimpleNamespace
from typing import Any

import torch

from neural_style.command.input_files import INPUTS, paths_of
from neural_style.distributed import SINGLE_PROCESS, World
from neural_style.files.atomic import read_tensors, write_tensors
from neural_style.transfer.checkpoint import Checkpoint, flatten, unflatten

logger = logging.getLogger(__name__)

# Flags that may change when a run goes on: they have no part in its numbers.
FREE = {'resume', 'preset', 'num_iterations', 'print_iter', 'save_iter', 'output_image'}
FREE |= {'checkpoint', 'checkpoint_iter', 'original_colors', 'style_tint', 'jpeg_quality'}
FREE |= {'parallel', 'memory', 'dry_run', 'gpu', 'multigpu_strategy', 'backend', 'cudnn_autotune'}
FORMAT = 1
NEXT = '.next'
MUCH = 1 << 16  # of a file's beginning, where its metadata are, in bytes

Checksums = dict[str, list[str | None]]


def check_inputs(params: SimpleNamespace, sums: Checksums, recorded: dict[str, list]) -> None:
    """Refuse to go on with other files than the run began with."""
    for name in INPUTS:
        if sums[name] == recorded[name]:
            continue
        paths = paths_of(params, name)
        missing = [path for path, found in zip(paths, sums[name], strict=True) if found is None]
        fault = (
            f'{missing[0]} is not there; go on in the same folder, or say where it is: -{name} FILE'
            if missing
            else f'{getattr(params, name)} is not what the run began with; begin anew'
        )
        raise ValueError(f'-resume {params.resume}: -{name}: {fault}')


def own_file(path: str, world: World) -> str:
    """Where a process keeps its part of a state."""
    return path if world.size == 1 else f'{path}.{world.rank + 1}of{world.size}'


def write(
    path: str,
    params: SimpleNamespace,
    sums: Checksums,
    checkpoint: Checkpoint,
    world: World = SINGLE_PROCESS,
) -> None:
    """Write the state of a run, whole or not at all.  Raises OSError if the disk refuses."""
    own = own_file(path, world)
    if world.size == 1:
        _write(own, params, sums, checkpoint)
        return
    refused: OSError | None = None
    try:
        _write(own + NEXT, params, sums, checkpoint)
    except OSError as error:
        refused = error
    if world.max(int(refused is not None)):
        with contextlib.suppress(OSError):
            os.remove(own + NEXT)
        raise refused or OSError(f'{path}: another process cannot write its part of the state')
    os.replace(own + NEXT, own)


def _write(path: str, params: SimpleNamespace, sums: Checksums, checkpoint: Checkpoint) -> None:
    tensors, rest = flatten(checkpoint.state())
    settings = {name: value for name, value in vars(params).items() if name != 'resume'}
    content = {
        'format': FORMAT,
        'torch': torch.__version__,
        'settings': settings,
        'sums': sums,
        'state': rest,
    }
    try:
        write_tensors(path, tensors, {'neural_style': json.dumps(content)})
    except OSError as error:
        raise type(error)(f'{path}: cannot write the state: {error.strerror}') from error


def read(
    params: SimpleNamespace, given: Collection[str], world: World = SINGLE_PROCESS
) -> tuple[SimpleNamespace, dict[str, Any]]:
    """What -resume names: the settings of the run, the free ones as given anew, and the content.

    params: of the command line; given: the names of the flags on it.
    Raises ValueError for files that are no checkpoints, and settings that are not the run's.
    """
    path = own_file(params.resume, world)
    content = _read(path, params)
    if world.size > 1:
        # The last state that all have: some may have been stopped before they renamed theirs.
        found = [content]
        if os.path.exists(path + NEXT):
            with contextlib.suppress(ValueError):
                found.append(_read(path + NEXT, params))
        latest = -world.max(-max(map(_progress, found)))
        common = [content for content in found if _progress(content) == latest]
        if not common:
            raise ValueError(f'-resume {path}: not of the same iteration as the other processes')
        content = common[0]
    settings = content['settings']
    for name in sorted(given):
        changed = getattr(params, name) != settings.get(name)
        files = name in INPUTS and paths_of(params, name) != []
        if changed and not files and name not in FREE:
            raise ValueError(
                f'-resume {path}: the run began with -{name} {settings.get(name)}, not'
                f' {getattr(params, name)}; leave the flag out, or begin anew'
            )
    if content['torch'] != torch.__version__:
        logger.warning(
            '-resume %s: begun with PyTorch %s: the last digits may differ', path, content['torch']
        )
    for name, value in settings.items():
        if name not in given:
            setattr(params, name, value)
    return params, content


def _read(path: str, params: SimpleNamespace) -> dict[str, Any]:
    try:
        tensors, metadata = read_tensors(path)
        content = json.loads(metadata['neural_style'])
        content['state'] = unflatten(tensors, content['state'])
        if content['format'] != FORMAT or not content['settings'].keys() <= vars(params).keys():
            raise ValueError(f'{path}: written by another version of the program; use that one')
        _check(content, params)
    except OSError as error:
        raise ValueError(f'-resume {path}: {error.strerror}; name a checkpoint') from error
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f'-resume {path}: not a checkpoint of this program') from error
    except ValueError as error:
        raise ValueError(f'-resume {error}') from error
    return content


def _check(content: dict[str, Any], params: SimpleNamespace) -> None:
    """Raise TypeError or KeyError where something is not what it should be."""
    state, settings = content['state'], content['settings']
    kinds: list[tuple[Any, Any]] = [
        (content['torch'], str),
        *((content['sums'][name], list) for name in INPUTS),
        *((state[name], dict) for name in ('optimizer', 'generator', 'begun')),
        *((state[name], int) for name in ('iteration', 'scale')),
        (state['image'], torch.Tensor),
        (state['network_scale'], float | int),
        (state['precision'], str),
    ]
    for name, value in settings.items():
        default = getattr(params, name)
        number = isinstance(default, float | int) and not isinstance(default, bool)
        if name != 'generator_seed':  # an int by now
            kinds.append((value, float | int if number else type(default)))
    for value, kind in kinds:
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise TypeError(f'{value!r} is no {kind}')
    if min(state['iteration'], state['scale']) < 0 or not state['image'].is_floating_point():
        raise TypeError('numbers that no run has')


def is_checkpoint(path: str) -> bool:
    """Whether a file looks like one, to its first bytes; an empty one counts as well."""
    with open(path, 'rb') as file:
        head = file.read(MUCH)
    return head == b'' or b'"neural_style"' in head


def _progress(content: dict[str, Any]) -> int:
    """How far a state is, scale before iteration."""
    return (content['state']['scale'] << 32) + content['state']['iteration']
