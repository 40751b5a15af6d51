"""load(): a Caffe network as a torch.nn.Sequential. Source: loadcaffe.lua, loadcaffe.cpp."""

import logging
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from torch import nn

from loadcaffe.choice import Choice, choose
from loadcaffe.formats.detection import read_model
from loadcaffe.formats.netparameter import Layer, NetParameter
from loadcaffe.formats.prototxt import read_prototxt
from loadcaffe.formats.schema import CaffeFormatError
from loadcaffe.graph import Graph
from loadcaffe.layers import INPUTS, LAYERS, ORIGINAL
from loadcaffe.topology import Node, is_chain, resolve_inputs

log = logging.getLogger('loadcaffe')


def load(proto_file: str | Path, model_file: str | Path, net: str = 'auto') -> nn.Sequential:
    """Load a Caffe network for input (N, C, H, W).

    model_file: a caffemodel, or another file that holds the weights: see formats.py.
    net: which file says what the layers are. 'caffemodel', as in the original, where
    loadcaffe.cpp: loadBinary erases the prototxt that it has read; 'prototxt', as in Caffe, with
    weights by name; 'auto', the original's way where that is right: see choice.py. A prototxt that
    cannot be read is a warning, where it is not needed.

    What the original prints is logged at INFO. A network with branches is a Graph, which runs its
    layers in order and is a Sequential otherwise.

    Every module has its Caffe name in `.name`, and in the Sequential that name with '_' for '.' and
    a number where it is not the first. The weights do not require gradients.

    Raises FileNotFoundError, CaffeFormatError.
    """
    network = build(read_choice(proto_file, model_file, net))
    _log_weights(network)
    return network


def read_choice(proto_file: str | Path, model_file: str | Path, net: str = 'auto') -> Choice:
    """Read both files, and choose which of them says what the network is."""
    proto: NetParameter | None = None
    try:
        proto = read_prototxt(proto_file)
    except (OSError, CaffeFormatError) as error:
        if net == 'prototxt':
            raise
        reason = error.strerror if isinstance(error, OSError) else error
        log.warning(
            '%s is not used: %s; the layers are those of %s', proto_file, reason, model_file
        )
    try:
        model = read_model(model_file)
    except (OSError, CaffeFormatError):
        log.info("Couldn't load %s", model_file)
        raise
    choice = choose(proto, model, net)
    log.info('Successfully loaded %s', model_file)
    return choice


def build(choice: Choice) -> nn.Sequential:
    """The network that was chosen, its modules named. Raises CaffeFormatError."""
    try:
        return _build(choice)
    except CaffeFormatError as error:
        known = str(error).startswith(str(choice.net.path))
        raise CaffeFormatError(str(error) if known else f'{choice.net.path}: {error}') from error


def _build(choice: Choice) -> nn.Sequential:
    wiring = None if choice.original else resolve_inputs(choice.net)
    if wiring is None:
        modules = _modules(choice.net)
    else:
        if choice.original_would_read is not None:
            list(_known(choice.original_would_read))  # for what the original prints of it
        modules = ((node.layer.name, _module(node)) for node in wiring.nodes)
    sequential = nn.Sequential()
    counts: Counter[str] = Counter()
    for name, module in modules:
        setattr(module, 'name', name)  # noqa: B010 (nn.Module types its attributes as modules)
        sequential.add_module(_free_name(sequential, counts, name), module)
    if wiring is None or is_chain(wiring.nodes):
        return sequential
    return Graph(list(sequential.named_children()), [node.sources for node in wiring.nodes])


def _module(node: Node) -> nn.Module:
    """The module of a layer, as Caffe runs it."""
    layer = node.layer
    if layer.type not in LAYERS:
        raise CaffeFormatError(
            f'layer {layer.name!r} has the type {layer.type!r}, which loadcaffe does not read'
            if layer.type
            else f'layer {layer.name!r} has no type'
        )
    if layer.fork_specific:
        raise CaffeFormatError(
            f'layer {layer.name!r} of type {layer.type} has parameters that only the fork of Caffe'
            ' that wrote them understands: name its deploy prototxt, which spells them out'
        )
    fewest, most = INPUTS.get(layer.type, (1, 1))
    if not fewest <= len(node.sources) <= most:
        raise CaffeFormatError(
            f'layer {layer.name!r} of type {layer.type} has {len(node.sources)} bottoms; it takes'
            f' {fewest}' + (f' to {most}' if most > fewest else '')
        )
    single = layer.type not in ('Slice', 'Pooling')
    if single and len(layer.param.top) > 1:
        raise CaffeFormatError(
            f'layer {layer.name!r} of type {layer.type} has {len(layer.param.top)} tops; only one'
            ' is supported'
        )
    return LAYERS[layer.type](layer)


def _known(net: NetParameter) -> Iterator[Layer]:
    """The layers that the original builds. loadcaffe.cpp: convertProtoToLuaV1 and V2."""
    for layer in net.layers:
        if net.version == 2 and layer.type in ('Softmax', 'SoftmaxWithLoss'):
            # convertProtoToLuaV2: a `break`, written for a switch, leaves the loop over the layers.
            return
        # convertProtoToLuaV2 looks for 'Tanh'; Caffe writes 'TanH', which is therefore dropped.
        if layer.type in ORIGINAL and not (net.version == 2 and layer.type == 'TanH'):
            yield layer
            continue
        if net.version == 1:
            log.info('MODULE %s UNDEFINED', layer.name)
        log.info("warning: module '%s [type %s]' not found", layer.name, layer.printed_type)


def _modules(net: NetParameter) -> Iterator[tuple[str, nn.Module]]:
    """Names and modules of the original. loadcaffe.cpp: convertProtoToLuaV1 and V2."""
    # Outputs of the last layer with weights; before there is one, the original counts sizes here.
    num_output = len(net.input_dim) if net.version == 1 else 4 * len(net.input_shape)
    for layer in _known(net):
        module = ORIGINAL[layer.type](layer)
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
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            outputs, inputs, height, width = module.weight.shape
            log.info('%s: %d %d %d %d', module.name, outputs, inputs, width, height)
        elif isinstance(module, nn.Linear):
            log.info('%s: 1 1 %d %d', module.name, module.in_features, module.out_features)
