"""Which of two files says what the network is: the prototxt, or the caffemodel as in the original.

The original reads its layers from the caffemodel, one after another, and drops those it does not
know; Caffe runs the prototxt's layers, and takes weights from the caffemodel by name. Where the
original reads right, its way is kept. See docs/port.md.
"""

import logging
from pathlib import Path
from typing import NamedTuple

from loadcaffe.formats.netparameter import Layer, NetParameter
from loadcaffe.formats.schema import CaffeFormatError, as_str
from loadcaffe.layers import ORIGINAL
from loadcaffe.topology import (
    declares_input,
    has_weights,
    is_data,
    is_sink,
    resolve_inputs,
    test_layers,
)

log = logging.getLogger('loadcaffe')

NETS = ('auto', 'caffemodel', 'prototxt')


class Choice(NamedTuple):
    """net: the network to build. original: by the original's rules, not by Caffe's.

    original_would_read: the caffemodel that the original would have read in its place, correctly.
    """

    net: NetParameter
    original: bool
    original_would_read: NetParameter | None = None


def choose(proto: NetParameter | None, model: NetParameter, net: str = 'auto') -> Choice:
    """Decide which network to build.

    proto: None if it could not be read. net: 'caffemodel' for the original's way, 'prototxt' for
    Caffe's, 'auto' for the right one of them:

    * A caffemodel that the original reads right is read as by the original: its layers form a chain
      and are of kinds it knows. The prototxt counts only if it is a deploy net for just these
      weights and has layers of other kinds, a softmax at the end in place of a loss, say, or TanH,
      which the original drops from V2 files.
    * Otherwise the prototxt counts, as in Caffe, if the caffemodel has all weights it asks for.
    * Otherwise the caffemodel's own layers count, as Caffe would run them in phase TEST.

    A file that is not Caffe's and says what its layers are is believed.
    """
    if net not in NETS:
        raise ValueError(f'net: {net!r}; it must be one of {", ".join(NETS)}')
    if net == 'caffemodel' and not model.weights_only:
        return Choice(model, True)
    if proto is None or (model.authoritative and net == 'auto'):
        if net == 'prototxt' or model.weights_only:
            raise CaffeFormatError(
                f'{model.path}: holds weights without a network: name the deploy prototxt that'
                ' belongs to it'
                if model.weights_only
                else f'{model.path}: there is no prototxt to read the layers from'
            )
        return Choice(model, is_known_chain(model))
    if net == 'prototxt' or model.weights_only:
        return Choice(with_weights(proto, model), False)
    if is_known_chain(model):
        if (
            not declares_input(proto)
            or _weighted(proto).keys() != layers_with_weights(model).keys()
        ):
            return Choice(model, True)
        ran = [node.layer.type for node in resolve_inputs(proto).nodes]
        known = [layer.type for layer in model.layers if layer.type in ORIGINAL]
        if known == ran and not (model.version == 2 and 'TanH' in ran):
            return Choice(model, True)
        return Choice(with_weights(proto, model), False, model)
    missing = [name for name in _weighted(proto) if name not in layers_with_weights(model)]
    if not missing:
        return Choice(with_weights(proto, model), False)
    log.warning(
        '%s is not used: %s has no weights for its layer %r; the layers are those of the latter',
        proto.path,
        model.path,
        missing[0],
    )
    return Choice(model, False)


def is_known_chain(net: NetParameter) -> bool:
    """Whether the original reads a caffemodel right: a chain of layers that it knows.

    Data, losses and accuracies may be there, and are dropped. So is TanH in a V2 file, as recorded.
    """
    if net.version == 0 or net.weights_only:
        return False
    wired = any(layer.param.bottom or layer.param.top for layer in net.layers)
    same: dict[str, str] = {}  # top of a Split layer -> its bottom
    current = None
    for layer in net.layers:
        bottoms, tops = [same.get(name, name) for name in layer.bottoms], layer.tops
        if layer.type in ORIGINAL:
            if not wired:
                continue
            loss = layer.type == 'SoftmaxWithLoss'
            if not loss and (len(bottoms) != 1 or len(tops) != 1):
                return False
            if current is not None and bottoms[:1] != [current]:
                return False
            current = tops[0] if tops else layer.name
            same.pop(current, None)
        elif layer.type == 'Split' and bottoms:
            same.update(dict.fromkeys(tops, bottoms[0]))
        elif not ((wired and is_data(layer)) or is_sink(layer) or layer.type.endswith('Data')):
            return False
    return any(layer.type in ORIGINAL for layer in net.layers)


def _weighted(net: NetParameter) -> dict[str, Layer]:
    """The layers that want weights, by name."""
    return {layer.name: layer for layer in test_layers(net) if has_weights(layer)}


def layers_with_weights(net: NetParameter) -> dict[str, Layer]:
    """The layers that have weights, by name; the last of a name, as in Caffe."""
    return {layer.name: layer for layer in net.layers if layer.blobs}


def with_weights(proto: NetParameter, model: NetParameter) -> NetParameter:
    """The prototxt's network with the model's weights, matched by name.

    A layer that shares the weights of another (param { name }) takes that one's if it has none.
    Source: caffe: net.cpp, CopyTrainedLayersFrom; what Caffe would leave at random is an error.
    """
    held = layers_with_weights(model)
    owners: dict[tuple[str, ...], Layer] = {}
    layers = []
    for layer in proto.layers:
        shared = tuple(as_str(spec.name) for spec in layer.param.param)
        own = held.get(layer.name)
        if own is None and all(shared):
            own = owners.get(shared)
        if own is not None and all(shared):
            owners.setdefault(shared, own)
        blobs = layer.blobs if own is None else own.blobs
        layers.append(
            Layer(
                layer.name, layer.type, layer.printed_type, layer.param, blobs, layer.fork_specific
            )
        )
    missing = [
        layer.name for layer in layers if has_weights(layer) and not layer.blobs and _runs(layer)
    ]
    whole = NetParameter(
        proto.name,
        proto.version,
        proto.input,
        proto.input_dim,
        proto.input_shape,
        layers,
        _both(proto.path, model.path),
    )
    if missing:
        missing = [name for name in missing if name in {one.name for one in test_layers(whole)}]
    if missing:
        raise CaffeFormatError(
            f'{model.path}: it has no weights for the layer {missing[0]!r} of {proto.path}'
        )
    return whole


def _runs(layer: Layer) -> bool:
    return not is_data(layer)


def _both(proto: str | Path, model: str | Path) -> str:
    return f'{model} with {proto}'
