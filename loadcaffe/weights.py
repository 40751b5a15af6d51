"""Weights by the names of layers, and by the names of parameters that layers share.

Source: caffe: net.cpp: AppendParam, CopyTrainedLayersFrom.
"""

import dataclasses
from collections.abc import Mapping

from torch import Tensor

from loadcaffe.formats.netparameter import Layer, NetParameter, Weights
from loadcaffe.formats.schema import CaffeFormatError, as_str
from loadcaffe.layers import blob_count
from loadcaffe.topology import test_layers

Blobs = dict[int, dict[int, Tensor]]  # id of a layer -> number of a blob


def with_weights(net: NetParameter, weights: Weights) -> NetParameter:
    """Return a network with the weights of a file, matched by the names of its layers.

    A layer that the file does not have, and that shares none, keeps what blobs it has.
    """
    blobs = {
        id(layer): dict(weights.blobs.get(layer.name) or enumerate(layer.blobs))
        for layer in test_layers(net)
    }
    order = {name: position for position, name in enumerate(weights.blobs)}
    net = dataclasses.replace(net, path=f'{weights.path} with {net.path}')
    return _share(net, blobs, order)


def share_weights(net: NetParameter) -> NetParameter:
    """Return a network that has its weights already, those of layers that share them included."""
    return _share(net, {id(layer): dict(enumerate(layer.blobs)) for layer in test_layers(net)}, {})


def _share(net: NetParameter, blobs: Blobs, order: Mapping[str, int]) -> NetParameter:
    """Make one blob of those whose parameters have one name: param { name }.

    Nothing is shared without a name. Where a file has several, the last counts, as Caffe copies
    them one over the other. order: names of layers -> position in the file.
    """
    layers = [layer for layer in net.layers if id(layer) in blobs]
    shared: dict[str, Tensor] = {}
    for layer in sorted(layers, key=lambda layer: order.get(layer.name, -1)):
        for number, name in _shared_names(layer):
            blob = blobs[id(layer)].get(number)
            if blob is not None:
                if name in shared and shared[name].numel() != blob.numel():
                    raise CaffeFormatError(
                        f'{net.path}: layer {layer.name!r} shares the weights {name!r}, which have'
                        f' {shared[name].numel()} values elsewhere and {blob.numel()} here'
                    )
                shared[name] = blob
    for layer in layers:
        for number, name in _shared_names(layer):
            if name in shared:
                blob = blobs[id(layer)].get(number, shared[name])
                blobs[id(layer)][number] = shared[name].reshape(blob.shape)
    return dataclasses.replace(
        net,
        layers=[
            dataclasses.replace(layer, blobs=_in_order(blobs.get(id(layer), {})))
            for layer in net.layers
        ],
    )


def _shared_names(layer: Layer) -> list[tuple[int, str]]:
    """Return number and name of the layer's parameters that have a name."""
    params = list(layer.param.param)[: blob_count(layer)]
    return [(number, as_str(param.name)) for number, param in enumerate(params) if param.name]


def _in_order(blobs: Mapping[int, Tensor]) -> list[Tensor]:
    """Return the blobs as a list, and none where one of them is missing."""
    complete = set(blobs) == set(range(len(blobs)))
    return [blobs[number] for number in range(len(blobs))] if complete else []
