"""Build the modules of a network as the original does, one layer after another.

Source: loadcaffe.cpp: convertProtoToLuaV1 and V2.
"""

import logging
from collections.abc import Collection, Iterator

from torch import nn

from loadcaffe.formats.netparameter import Layer, NetParameter
from loadcaffe.formats.schema import CaffeFormatError
from loadcaffe.layers import ORIGINAL
from loadcaffe.layers.checks import check_fields
from loadcaffe.notices import list_names, tell_left_out, tell_unused
from loadcaffe.topology import is_data, is_sink

log = logging.getLogger('loadcaffe')

SOFTMAX = {'Softmax', 'SoftmaxWithLoss'}


def original_modules(
    net: NetParameter, layers: Collection[str] | None
) -> Iterator[tuple[str, nn.Module]]:
    """Build the names and modules of the original. loadcaffe.cpp: convertProtoToLuaV1 and V2."""
    # Outputs of the last layer with weights; before there is one, the original counts sizes here.
    num_output = len(net.input_dim) if net.version == 1 else 4 * len(net.input_shape)
    known = list(known_layers(net))
    if net.version == 2 and SOFTMAX & {layer.type for layer in net.layers}:
        _tell_dropped(net)
    needed = {layer.name for layer in known} & set(layers or ())
    for number, layer in enumerate(known):
        try:
            check_fields(layer)
            module = ORIGINAL[layer.type](layer)
        except CaffeFormatError as error:
            if not needed or any(later.name in needed for later in known[number:]):
                raise
            tell_left_out(net, known[number:], [error])
            break
        if isinstance(module, nn.Linear):
            if num_output != module.in_features:
                yield 'torch_view', nn.Flatten(1)  # (N, C, H, W) → (N, C * H * W)
            num_output = module.out_features
        elif isinstance(module, nn.Conv2d):
            num_output = module.out_channels
        yield layer.name, module
    tell_unused(net, known)


def known_layers(net: NetParameter) -> Iterator[Layer]:
    """Iterate over the layers that the original builds, and log what it prints of the others.

    loadcaffe.cpp: convertProtoToLuaV1 and V2.
    """
    for layer in net.layers:
        if net.version == 2 and layer.type in SOFTMAX:
            # convertProtoToLuaV2: a `break`, written for a switch, leaves the loop over the layers.
            return
        # convertProtoToLuaV2 looks for 'Tanh'; Caffe writes 'TanH', which is therefore dropped.
        if layer.type in ORIGINAL and not (net.version == 2 and layer.type == 'TanH'):
            yield layer
            continue
        if net.version == 1:
            log.info('MODULE %s UNDEFINED', layer.name)
        log.info("warning: module '%s [type %s]' not found", layer.name, layer.printed_type)


def _tell_dropped(net: NetParameter) -> None:
    """Tell which layers the original loses from the first softmax of a V2 file on."""
    types = [layer.type for layer in net.layers]
    first = min(types.index(type_) for type_ in SOFTMAX if type_ in types)
    lost = [
        layer
        for layer in net.layers[first:]
        if not (is_sink(layer) or is_data(layer) or layer.type == 'Split')
    ]
    if lost:
        log.warning(
            '%s: left out: %s: the original stops at the first softmax of a file of this format; a'
            " deploy prototxt with net='prototxt' keeps them",
            net.path,
            list_names(lost),
        )
