"""The network of a run: the files that flags name, or the embedded network in their place."""

import os
from collections.abc import Collection, Sequence
from importlib import resources

import torch

import loadcaffe

MODELS = str(resources.files('neural_style') / 'models')
REMEDY = 'sh models/download_models.sh fetches VGG-19'


def embedded_network() -> tuple[str, str]:
    """Return prototxt and caffemodel of the embedded network."""
    stem = os.path.join(MODELS, 'small_vgg19')
    return stem + '.prototxt', stem + '.caffemodel'


def find_network(proto_file: str, model_files: Sequence[str]) -> tuple[str, str, str]:
    """Find the first model file that exists, or else the embedded network.

    Returns prototxt, model file, and a remark where it is not the first one.
    """
    wanted = model_files[0]
    for model_file in model_files:
        if os.path.exists(model_file):
            remark = '' if model_file == wanted else f'there is no {wanted}: using {model_file}'
            return proto_file, model_file, remark
    remark = f'there is no {wanted} ({REMEDY}): using the small embedded network'
    return *embedded_network(), remark


def load_network(
    proto_file: str, model_file: str, layers: Collection[str] | None = None
) -> torch.nn.Sequential:
    """Load a network; errors name the flag and the remedy.

    layers: the names of those that losses follow; what these do not need may be unreadable.
    """
    try:
        return loadcaffe.load(proto_file, model_file, layers=layers)
    except FileNotFoundError as error:
        raise FileNotFoundError(f'-model_file {model_file}: no such file ({REMEDY})') from error
    except loadcaffe.CaffeFormatError as error:
        raise ValueError(f'-model_file: {error} ({REMEDY})') from error
    except OSError as error:
        raise ValueError(f'-model_file {model_file}: {error.strerror} ({REMEDY})') from error
