"""The state of a training in a file: -checkpoint has it written, -resume continues from it."""

import json
import os
from collections.abc import Mapping
from typing import Any

from neural_style.command.arguments import Arguments
from neural_style.command.checkpoint import check_flags
from neural_style.command.input_files import paths_of
from neural_style.files.checksum import sha256
from neural_style.files.tensors import read_metadata, read_tensors, write_tensors
from neural_style.train.flags import CHANGEABLE, command_line
from neural_style.transfer.checkpoint import flatten, unflatten

METADATA = 'neural_style.training'  # the key of the file's description
FORMAT = 1
CHECKED = ('style_image', 'proto_file', 'model_file')  # files that the numbers depend on


def write_state(path: str, arguments: Arguments, state: Mapping[str, Any]) -> None:
    """Write the state of a training, whole or not at all.  Raises OSError."""
    tensors, structure = flatten(dict(state))
    settings = {name: value for name, value in arguments.values.items() if name != 'resume'}
    content = {
        'format': FORMAT,
        'settings': settings,
        'sums': checksums(arguments),
        'state': structure,
    }
    try:
        write_tensors(path, tensors, {METADATA: json.dumps(content)})
    except OSError as error:
        raise type(error)(f'-checkpoint {path}: cannot be written: {error.strerror}') from error


def read_state(arguments: Arguments) -> tuple[Arguments, dict[str, Any]]:
    """Read the file that -resume names: the arguments of the training, and its state.

    Raises ValueError for other files, and for flags or files that would change the numbers.
    """
    path = arguments.resume
    defaults = command_line().defaults()
    try:
        tensors, metadata = read_tensors(path)
        content = json.loads(metadata[METADATA])
        if content['format'] != FORMAT:
            raise ValueError(f'{path}: written by another version of the program; use that version')
        settings, sums = content['settings'], content['sums']
        for name, value in settings.items():
            is_number = isinstance(value, int | float)
            if is_number != isinstance(defaults[name], int | float):
                raise TypeError(name)
        state = unflatten(tensors, content['state'])
    except OSError as error:
        raise ValueError(f'-resume {path}: {error.strerror}; name a checkpoint') from error
    except (AttributeError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f'-resume {path}: not a checkpoint of a training') from error
    except ValueError as error:
        raise ValueError(f'-resume {error}; name a checkpoint') from error
    check_flags(path, arguments, settings, CHANGEABLE, work='training')
    kept = {name: value for name, value in settings.items() if name not in arguments.explicit}
    arguments = arguments.with_values(**kept)
    _check_files(arguments, sums)
    return arguments, state


def _check_files(arguments: Arguments, sums: list[str]) -> None:
    """Refuse files that are missing, or others than the training started with."""
    for flag in CHECKED:
        for file in paths_of(arguments, flag):
            if not os.path.isfile(file):
                raise ValueError(
                    f'-resume {arguments.resume}: there is no {file} any more; say in -{flag} where'
                    ' it is'
                )
    if checksums(arguments) != sums:
        raise ValueError(
            f'-resume {arguments.resume}: the style images or the network are not those that the'
            ' training started with; start a new one'
        )


def checksums(arguments: Arguments) -> list[str]:
    """Return the SHA-256 of the files that the numbers depend on; '' of missing ones."""
    paths = [path for flag in CHECKED for path in paths_of(arguments, flag)]
    return [sha256(path) if os.path.isfile(path) else '' for path in paths]


def is_state(path: str) -> bool:
    """Tell whether a file is the checkpoint of a training."""
    try:
        return METADATA in read_metadata(path)
    except (OSError, ValueError):
        return False
