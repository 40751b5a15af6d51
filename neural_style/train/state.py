"""The state of a training in a file: -checkpoint has it written, -resume continues from it."""

import itertools
import json
import logging
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from neural_style.command.arguments import Arguments
from neural_style.command.checkpoint import check_flags, check_inputs
from neural_style.command.input_files import Checksums, InputChecksums, paths_of
from neural_style.files.tensors import read_metadata, read_tensors, write_tensors
from neural_style.train.flags import CHANGEABLE, command_line
from neural_style.train.photographs import listing_checksum
from neural_style.transfer.checkpoint import flatten, unflatten

logger = logging.getLogger(__name__)

METADATA = 'neural_style.training'  # the key of the file's description
FORMAT = 2
READABLE_FORMATS = (1, 2)  # 1: without the photographs, and checksums in a single list
CHECKED = ('style_image', 'proto_file', 'model_file')  # files that the numbers depend on


def input_checksums(arguments: Arguments, photos: Sequence[Path]) -> Checksums:
    """Return the checksums of what a training is trained on, by flag; of photographs, a listing."""
    sums = InputChecksums(arguments, CHECKED).by_flag()
    return sums | {'photos': [listing_checksum(photos)]}


def write_state(
    path: str, arguments: Arguments, checksums: Checksums, state: Mapping[str, Any]
) -> None:
    """Write the state of a training, whole or not at all.  Raises OSError."""
    tensors, structure = flatten(dict(state))
    settings = {name: value for name, value in arguments.values.items() if name != 'resume'}
    content = {'format': FORMAT, 'settings': settings, 'sums': checksums, 'state': structure}
    try:
        write_tensors(path, tensors, {METADATA: json.dumps(content)})
    except OSError as error:
        raise type(error)(f'-checkpoint {path}: cannot be written: {error.strerror}') from error


def read_state(arguments: Arguments) -> tuple[Arguments, Checksums, dict[str, Any]]:
    """Read the file that -resume names: the training's arguments, checksums and state.

    Raises ValueError for other files, and for flags that would change the numbers.
    """
    path = arguments.resume
    defaults = command_line().defaults()
    try:
        tensors, metadata = read_tensors(path)
        content = json.loads(metadata[METADATA])
        if content['format'] not in READABLE_FORMATS:
            raise ValueError(f'{path}: written by another version of the program; use that version')
        settings = content['settings']
        for name, value in settings.items():
            is_number = isinstance(value, int | float)
            if is_number != isinstance(defaults[name], int | float):
                raise TypeError(name)
        sums = _sums_by_flag(arguments.with_values(**settings), content['sums'])
        state = unflatten(tensors, content['state'])
    except OSError as error:
        raise ValueError(f'-resume {path}: {error.strerror}; name a checkpoint') from error
    except (AttributeError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f'-resume {path}: not a checkpoint of a training') from error
    except ValueError as error:
        raise ValueError(f'-resume {error}; name a checkpoint') from error
    check_flags(path, arguments, settings, CHANGEABLE, work='training')
    kept = {name: value for name, value in settings.items() if name not in arguments.explicit}
    return arguments.with_values(**kept), sums, state


def _sums_by_flag(arguments: Arguments, sums: Any) -> Checksums:
    """Return recorded checksums by flag, those of format 1 as well."""
    if isinstance(sums, list):
        remaining = iter(sums)
        sums = {
            flag: list(itertools.islice(remaining, len(paths_of(arguments, flag))))
            for flag in CHECKED
        }
    if not all(isinstance(values, list) for values in sums.values()):
        raise TypeError('sums')
    return dict(sums)


def check_unchanged(arguments: Arguments, checksums: Checksums, recorded: Checksums) -> None:
    """Refuse to continue with other files than the training started with.

    Other photographs are allowed where -photos is given.
    """
    files = {flag: checksums[flag] for flag in CHECKED}
    check_inputs(arguments, files, recorded, work='training')
    if checksums['photos'] == recorded.get('photos', checksums['photos']):
        return
    if 'photos' not in arguments.explicit:
        raise ValueError(
            f'-resume {arguments.resume}: -photos: {arguments.photos} does not have the photographs'
            ' that the training started with; restore them, or give the flag to continue with'
            f' others: -photos {shlex.quote(arguments.photos)}'
        )
    logger.warning(
        '-photos %s: not the photographs that the training started with; it continues with these',
        arguments.photos,
    )


def is_state(path: str) -> bool:
    """Tell whether a file is the checkpoint of a training."""
    try:
        return METADATA in read_metadata(path)
    except (OSError, ValueError):
        return False
