"""load(): a Caffe network as a torch.nn.Sequential. Source: loadcaffe.lua, loadcaffe.cpp."""

import contextlib
import gc
import logging
from collections.abc import Collection, Iterator
from pathlib import Path

from torch import nn

from loadcaffe.building import build
from loadcaffe.choice import Choice, choose
from loadcaffe.formats.detection import read_model
from loadcaffe.formats.netparameter import NetParameter
from loadcaffe.formats.prototxt import read_prototxt
from loadcaffe.formats.schema import CaffeFormatError

log = logging.getLogger('loadcaffe')


def load(
    proto_file: str | Path,
    model_file: str | Path,
    net: str = 'auto',
    layers: Collection[str] | None = None,
) -> nn.Sequential:
    """Load a Caffe network for input (N, C, H, W).

    model_file: a caffemodel, or another file that holds the weights: see formats/detection.py.
    net: which file says what the layers are. 'caffemodel', as in the original, where
    loadcaffe.cpp: loadBinary erases the prototxt that it has read; 'prototxt', as in Caffe, with
    weights by name; 'auto', the original's way where that is right: see choice.py. A prototxt that
    cannot be read is a warning, where it is not needed.
    layers: the names of the layers that will be used. Layers that these do not need may lack
    weights or be of types that loadcaffe does not read: they are left out, with a warning. By
    default that holds for the outputs of detection networks alone.

    What the original prints is logged at INFO. A network with branches is a Graph, which runs its
    layers in order and is a Sequential otherwise.

    Every module has its Caffe name in `.name`, and in the Sequential that name with '_' for '.' and
    a number where it is not the first. The weights do not require gradients.

    Raises CaffeFormatError, and OSError for files that cannot be opened.
    """
    with _collection_paused():
        network = build(read_choice(proto_file, model_file, net, layers), layers)
    _log_weights(network)
    return network


@contextlib.contextmanager
def _collection_paused() -> Iterator[None]:
    """Search for no garbage among thousands of layers that stay: a sixth of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def read_choice(
    proto_file: str | Path,
    model_file: str | Path,
    net: str = 'auto',
    layers: Collection[str] | None = None,
) -> Choice:
    """Read both files, and choose which of them says what the network is."""
    proto: NetParameter | None = None
    unread = ''
    try:
        proto = read_prototxt(proto_file)
    except (OSError, CaffeFormatError) as error:
        if net == 'prototxt':
            raise
        unread = str(error.strerror if isinstance(error, OSError) else error)
    try:
        model = read_model(model_file)
    except (OSError, CaffeFormatError):
        log.info("Couldn't load %s", model_file)
        raise
    if unread:
        log.warning(
            '%s is not used: %s; the layers are those of %s', proto_file, unread, model_file
        )
    choice = choose(proto, model, net, layers)
    log.info('Successfully loaded %s', model_file)
    return choice


def _log_weights(sequential: nn.Sequential) -> None:
    """loadcaffe.cpp: loadModuleV1 and loadModuleV2, with their width before height."""
    for module in sequential:
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            outputs, inputs, height, width = module.weight.shape
            log.info('%s: %d %d %d %d', module.name, outputs, inputs, width, height)
        elif isinstance(module, nn.Linear):
            log.info('%s: 1 1 %d %d', module.name, module.in_features, module.out_features)
