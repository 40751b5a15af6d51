"""The network of a run: the files that flags name, or those that take their place."""

import os
from collections.abc import Collection, Sequence
from importlib import resources

import torch

import loadcaffe
from neural_style.command import places
from neural_style.command.arguments import Arguments
from neural_style.command.trained_styles import has_trained_style
from neural_style.transfer.multiscale import SAFE_MAX_STEP

MODELS = str(resources.files('neural_style') / 'models')
VGG19_PROTO = 'models/VGG_ILSVRC_19_layers_deploy.prototxt'
NETWORK = ('proto_file', 'model_file')
# Where VGG-19 is missing: Oxford's file, or the convolutions alone.
VGG16 = ('models/VGG_ILSVRC_16_layers.caffemodel', 'models/VGG_ILSVRC_16_conv.caffemodel')


def embedded_network() -> tuple[str, str]:
    """Return prototxt and caffemodel of the embedded network."""
    stem = os.path.join(MODELS, 'small_vgg16')
    return stem + '.prototxt', stem + '.caffemodel'


def remedy() -> str:
    """Return the command that fetches VGG-19 for the program that runs, as a clause."""
    command = places.script('models/download_models.sh') or 'neural_style-download'
    return f'{command} fetches VGG-19'


def locate_network(arguments: Arguments) -> tuple[Arguments, str]:
    """Find the files of the network.  Returns the arguments with their paths, and a remark or ''.

    A model file that a flag names must exist; where its name is models/NAME, in any place.
    """
    if has_trained_style(arguments):
        return arguments.with_values(**dict.fromkeys(NETWORK, '')), ''
    if arguments.fast:  # it has a network of its own
        return arguments.with_values(**dict(zip(NETWORK, embedded_network(), strict=True))), ''
    if 'model_file' not in arguments.explicit:
        if arguments.resume != '':  # the checkpoint names them
            return arguments, ''
        proto_file, model_file, remark = find_network(arguments.proto_file, [arguments.model_file])
    else:
        model_file, remark = places.find_named(arguments.model_file)
        proto_file, proto_remark = places.find_named(arguments.proto_file)
        remark = remark or proto_remark
    arguments = arguments.with_values(proto_file=proto_file, model_file=model_file)
    is_unlimited = arguments.optimizer == 'lbfgs' and 'lbfgs_max_step' not in arguments.explicit
    if model_file == embedded_network()[1] and is_unlimited:
        arguments = arguments.with_values(lbfgs_max_step=SAFE_MAX_STEP)
    return arguments, remark


def find_network(proto_file: str, model_files: Sequence[str]) -> tuple[str, str, str]:
    """Find the first model file that exists in any place, or else VGG-16 or the embedded network.

    Returns prototxt, model file, and a remark where it is not the first one in the current folder.
    """
    wanted = model_files[0]
    for model_file in (*model_files, *VGG16):
        path = places.find(model_file)
        if path is None:
            continue
        if proto_file == VGG19_PROTO and model_file in VGG16:
            proto_file = path.removesuffix('.caffemodel') + '_deploy.prototxt'
        here = ' in the current folder' if model_file == wanted else ''
        remark = '' if path == wanted else f'there is no {wanted}{here}: using {path}'
        return places.find_named(proto_file)[0], path, remark
    missing = f'there is no {wanted} {places.searched()} ({remedy()})'
    return *embedded_network(), f'{missing}: using the small embedded network'


def load_network(
    proto_file: str, model_file: str, layers: Collection[str] | None = None
) -> torch.nn.Sequential:
    """Load a network; errors name the flag and the remedy.

    layers: the names of those that losses follow; what these do not need may be unreadable.
    """
    try:
        return loadcaffe.load(proto_file, model_file, layers=layers)
    except FileNotFoundError as error:
        where = f' {places.searched()}' if places.is_searched(model_file) else ''
        problem = f'-model_file {model_file}: no such file{where} ({remedy()})'
        raise FileNotFoundError(problem) from error
    except loadcaffe.CaffeFormatError as error:
        raise ValueError(f'-model_file: {error} ({remedy()})') from error
    except OSError as error:
        raise ValueError(f'-model_file {model_file}: {error.strerror} ({remedy()})') from error
