"""Which of two files says what the network is: the prototxt, or the caffemodel as in the original.

The original reads its layers from the caffemodel, one after another, and drops those it does not
know; Caffe runs the prototxt's layers, and takes weights from the caffemodel by name. Where the
original reads right, its way is kept. See docs/port.md.
"""

import logging
from collections.abc import Collection
from typing import NamedTuple

from loadcaffe.formats.netparameter import NetParameter, Weights
from loadcaffe.formats.schema import CaffeFormatError
from loadcaffe.layers import ORIGINAL, blob_count, lacks_weights
from loadcaffe.topology import (
    ancestors,
    declares_input,
    is_data,
    is_sink,
    resolve_inputs,
    test_layers,
)
from loadcaffe.weights import share_weights, with_weights

log = logging.getLogger('loadcaffe')

NETS = ('auto', 'caffemodel', 'prototxt')


class Choice(NamedTuple):
    """net: the network to build. original: by the original's rules, not by Caffe's.

    original_would_read: the caffemodel that the original would have read in its place, correctly.
    """

    net: NetParameter
    original: bool
    original_would_read: NetParameter | None = None


def choose(
    proto: NetParameter | None,
    model: NetParameter | Weights,
    net: str = 'auto',
    layers: Collection[str] | None = None,
) -> Choice:
    """Decide which network to build.

    proto: None if it could not be read. net: 'caffemodel' for the original's way, 'prototxt' for
    Caffe's, 'auto' for the right one of them:

    * A caffemodel that the original reads right is read as by the original: its layers form a chain
      and are of types it knows. The prototxt counts only if it is a deploy net for just these
      weights and has layers of other types, a softmax at the end in place of a loss, say, or TanH,
      which the original drops from V2 files.
    * Otherwise the prototxt counts, as in Caffe, if the caffemodel has all weights it asks for, or
      those that `layers` need.
    * Otherwise the caffemodel's own layers count, as Caffe would run them in phase TEST.

    A file that is not Caffe's and says what its layers are is believed.
    """
    if net not in NETS:
        raise ValueError(f'net: {net!r}; it must be one of {", ".join(NETS)}')
    if isinstance(model, Weights):
        if proto is None:
            raise CaffeFormatError(
                f'{model.path}: holds weights without a network: name the deploy prototxt that'
                ' belongs to it'
            )
        return Choice(with_weights(proto, model), False)
    if net == 'caffemodel':
        return Choice(model, True)
    if net == 'prototxt' and proto is not None:
        return Choice(with_weights(proto, model.weights()), False)
    if net == 'prototxt':
        raise CaffeFormatError(f'{model.path}: there is no prototxt to read the layers from')
    return _choose_automatically(proto, model, layers)


def _choose_automatically(
    proto: NetParameter | None, model: NetParameter, layers: Collection[str] | None
) -> Choice:
    model, known_chain = share_weights(model), is_known_chain(model)
    if proto is None or model.authoritative:
        return Choice(model, known_chain)
    if known_chain and not declares_input(proto):
        return Choice(model, True)
    merged = with_weights(proto, model.weights())
    if known_chain:
        weighted = {layer.name: layer for layer in test_layers(merged) if blob_count(layer)}
        fits = not any(map(lacks_weights, weighted.values()))
        if not fits or not weighted.keys() >= model.weights().blobs.keys():
            return Choice(model, True)
        run = [node.layer.type for node in resolve_inputs(proto).nodes]
        known = [layer.type for layer in model.layers if layer.type in ORIGINAL]
        if known == run and not (model.version == 2 and 'TanH' in run):
            return Choice(model, True)
        return Choice(merged, False, model)
    missing = _layer_without_weights(merged, layers)
    if not missing or not any(layer.type for layer in model.layers):
        return Choice(merged, False)
    log.warning(
        '%s is not used: %s has no weights for its layer %r; the layers are those of the latter',
        proto.path,
        model.path,
        missing,
    )
    return Choice(model, False)


def is_known_chain(net: NetParameter) -> bool:
    """Whether the original reads a caffemodel right: a chain of layers that it knows.

    Data, losses and accuracies may be there, and are dropped. So is TanH in a V2 file, as recorded.
    """
    if net.version not in (1, 2):
        return False
    connected = any(layer.param.bottom or layer.param.top for layer in net.layers)
    split: dict[str, str] = {}  # top of a Split layer -> its bottom
    current = None
    for layer in net.layers:
        bottoms, tops = [split.get(name, name) for name in layer.bottoms], layer.tops
        if layer.type in ORIGINAL:
            if not connected:
                continue
            loss = layer.type == 'SoftmaxWithLoss'
            if not loss and (len(bottoms) != 1 or len(tops) != 1):
                return False
            if current is not None and bottoms[:1] != [current]:
                return False
            current = tops[0] if tops else layer.name
            split.pop(current, None)
        elif layer.type == 'Split' and bottoms:
            split.update(dict.fromkeys(tops, bottoms[0]))
        elif not ((connected and is_data(layer)) or is_sink(layer) or layer.type.endswith('Data')):
            return False
    return any(layer.type in ORIGINAL for layer in net.layers)


def _layer_without_weights(net: NetParameter, layers: Collection[str] | None) -> str | None:
    """Return the name of a layer that is needed and has no weights, or None."""
    nodes = resolve_inputs(net).nodes
    needed = ancestors(nodes, set(layers or ())) or range(len(nodes))
    layers_needed = (nodes[number].layer for number in sorted(needed))
    return next((layer.name for layer in layers_needed if lacks_weights(layer)), None)
