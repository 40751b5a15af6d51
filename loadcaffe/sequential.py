"""load(): a Caffe network as a torch.nn.Sequential. Source: loadcaffe.lua, loadcaffe.cpp."""

import logging
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from torch import nn

from loadcaffe.layers import LAYERS
from loadcaffe.netparameter import NetParameter, read_caffemodel, read_prototxt
from loadcaffe.schema import CaffeFormatError

log = logging.getLogger('loadcaffe')


def load(proto_file: str | Path, model_file: str | Path) -> nn.Sequential:
    """Load a Caffe network for input (N, C, H, W).

    The layers, their order and their weights are the caffemodel's. proto_file is read, and a
    warning logged if that fails, but nothing in it counts, as in loadcaffe.cpp: loadBinary, where
    reading the caffemodel erases it. What the original prints is logged at INFO.

    Every module has its Caffe name in `.name`, and in the Sequential that name with '_' for '.' and
    a number where it is not the first. The weights do not require gradients.

    Raises FileNotFoundError, CaffeFormatError.
    """
    try:
        read_prototxt(proto_file)
    except (OSError, CaffeFormatError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        log.warning(
            '%s is not used: %s; the layers are those of %s', proto_file, reason, model_file
        )
    try:
        net = read_caffemodel(model_file)
    except (OSError, CaffeFormatError):
        log.info("Couldn't load %s", model_file)
        raise
    log.info('Successfully loaded %s', model_file)
    sequential = nn.Sequential()
    counts: Counter[str] = Counter()
    try:
        for name, module in _modules(net):
            setattr(module, 'name', name)  # noqa: B010 (nn.Module types its attributes as modules)
            sequential.add_module(_free_name(sequential, counts, name), module)
    except CaffeFormatError as error:
        raise CaffeFormatError(f'{model_file}: {error}') from error
    _log_weights(sequential)
    return sequential


def _modules(net: NetParameter) -> Iterator[tuple[str, nn.Module]]:
    """Names and modules. loadcaffe.cpp: convertProtoToLuaV1 and convertProtoToLuaV2."""
    # Outputs of the last layer with weights; before there is one, the original counts sizes here.
    num_output = len(net.input_dim) if net.version == 1 else 4 * len(net.input_shape)
    for layer in net.layers:
        if net.version == 2 and layer.type in ('Softmax', 'SoftmaxWithLoss'):
            # convertProtoToLuaV2: a `break`, written for a switch, leaves the loop over the layers.
            return
        # convertProtoToLuaV2 looks for 'Tanh'; Caffe writes 'TanH', which is therefore dropped.
        known = layer.type in LAYERS and not (net.version == 2 and layer.type == 'TanH')
        if not known:
            if net.version == 1:
                log.info('MODULE %s UNDEFINED', layer.name)
            log.info("warning: module '%s [type %s]' not found", layer.name, layer.printed_type)
            continue
        module = LAYERS[layer.type](layer)
        if isinstance(module, nn.Linear):
            if num_output != module.in_features:
                yield 'torch_view', nn.Flatten(1)  # (N, C, H, W) → (N, C * H * W)
            num_output = module.out_features
        elif isinstance(module, nn.Conv2d):
            num_output = module.out_channels
        yield layer.name, module


def _free_name(sequential: nn.Sequential, counts: Counter[str], name: str) -> str:
    """A name for add_module, which takes no '.', nothing empty and nothing that it has already.

    counts: how often each name was wanted, so that ten thousand of one name need no long search.
    """
    name = name.replace('.', '_') or 'layer'
    counts[name] += 1
    free = name if counts[name] == 1 else f'{name}_{counts[name]}'
    while hasattr(sequential, free):
        counts[name] += 1
        free = f'{name}_{counts[name]}'
    return free


def _log_weights(sequential: nn.Sequential) -> None:
    """loadcaffe.cpp: loadModuleV1 and loadModuleV2, with their width before height."""
    for module in sequential:
        if isinstance(module, nn.Conv2d):
            outputs, inputs, height, width = module.weight.shape
            log.info('%s: %d %d %d %d', module.name, outputs, inputs, width, height)
        elif isinstance(module, nn.Linear):
            log.info('%s: 1 1 %d %d', module.name, module.in_features, module.out_features)
