"""The layers of a network that Caffe runs in its phase TEST, and where their inputs come from.

Source: caffe: net.cpp: FilterNet, StateMeetsRule, Init, AppendTop, AppendBottom; insert_splits.cpp.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from loadcaffe.formats.netparameter import Layer, NetParameter
from loadcaffe.formats.schema import CaffeFormatError
from loadcaffe.graph import Source
from loadcaffe.layers import LAYERS

INPUT: Source = (-1, 0)
TEST = 1  # Phase
# Layers that end a network and need labels, or say nothing about the image.
SINKS = {'Accuracy', 'HDF5Output', 'Silence', 'SoftmaxWithLoss'}


class Node(NamedTuple):
    """A layer of a network.

    sources: of its inputs, those made from the image. missing: an input that is not, or ''.
    """

    layer: Layer
    sources: tuple[Source, ...]
    missing: str = ''


class Topology(NamedTuple):
    """Layers in an order in which they can run, and the image's blob with its shape, or []."""

    nodes: list[Node]
    input: str
    shape: list[int]


def is_data(layer: Layer) -> bool:
    """Whether a layer only makes blobs: Input, Data, ImageData ..."""
    return not layer.param.bottom


def is_sink(layer: Layer) -> bool:
    """Whether nothing takes what a layer makes; forks have others that write files (MatWrite)."""
    writes = not layer.param.top and layer.type not in LAYERS and not layer.blobs
    return writes or layer.type in SINKS or layer.type.endswith('Loss') or 'Accuracy' in layer.type


def declares_input(net: NetParameter) -> bool:
    """Whether a prototxt is a deploy net: it says what is fed in, and reads no data itself."""
    return bool(net.input) or any(layer.type == 'Input' for layer in net.layers)


def test_layers(net: NetParameter) -> Iterator[Layer]:
    """Iterate over the layers of phase TEST, level 0, without stages."""
    for layer in net.layers:
        include, exclude = layer.param.include, layer.param.exclude
        if include and exclude:
            raise CaffeFormatError(f'{net.path}: layer {layer.name!r} has both include and exclude')
        if (not include or any(map(_meets, include))) and not any(map(_meets, exclude)):
            yield layer


test_layers.__test__ = False  # type: ignore[attr-defined]  # pytest: not a test


def _meets(rule: Any) -> bool:
    if rule.HasField('phase') and rule.phase != TEST:
        return False
    if (rule.HasField('min_level') and rule.min_level > 0) or (
        rule.HasField('max_level') and rule.max_level < 0
    ):
        return False
    return not rule.stage  # no stage is set, so a rule that wants one is not met


def resolve_inputs(net: NetParameter) -> Topology:
    """Follow the image through the network, and find the sources of every layer's inputs.

    Layers that read data, losses, accuracies and layers of labels alone are left out. Split layers,
    which Caffe writes into a caffemodel, are looked through. A blob that no layer makes is the
    image, if nothing else is declared as such.
    """
    net_input, shape = _declared_input(net)
    blobs: dict[str, Source] = {net_input: INPUT} if net_input else {}
    elsewhere = set(net.input[1:])  # blobs that are not made from the image
    nodes: list[Node] = []
    for layer in test_layers(net):
        bottoms, tops = layer.bottoms, layer.tops
        if is_data(layer):
            if not tops:
                raise CaffeFormatError(f'{net.path}: layer {layer.name!r} has no bottom and no top')
            if not net_input:
                net_input, shape = tops.pop(0), _data_shape(layer)
                blobs[net_input] = INPUT
            elsewhere.update(tops)
            continue
        unknown = [name for name in bottoms if name not in blobs and name not in elsewhere]
        if unknown and not net_input:
            net_input = unknown[0]
            blobs[net_input] = INPUT
        sources = tuple(blobs[name] for name in bottoms if name in blobs)
        if is_sink(layer) or not sources or _is_training(layer, sources):
            elsewhere.update(tops)
        elif layer.type == 'Split':
            blobs.update(dict.fromkeys(tops, sources[0]))
        else:
            _check_tops(net, layer, blobs)
            missing = next((name for name in bottoms if name not in blobs), '')
            blobs.update({top: (len(nodes), number) for number, top in enumerate(tops)})
            nodes.append(Node(layer, sources, missing))
    if not nodes:
        raise CaffeFormatError(f'{net.path}: no layer works on an image')
    return Topology(nodes, net_input, shape)


def _check_tops(net: NetParameter, layer: Layer, blobs: dict[str, Source]) -> None:
    bottoms, tops = set(layer.bottoms), layer.tops
    if not tops:
        raise CaffeFormatError(f'{net.path}: layer {layer.name!r} has no top')
    for top in tops:
        if top in blobs and top not in bottoms:
            raise CaffeFormatError(
                f'{net.path}: layer {layer.name!r} makes the blob {top!r} a second time'
            )


def _is_training(layer: Layer, sources: tuple[Source, ...]) -> bool:
    """Whether a layer is a custom loss, written in Python."""
    return layer.type == 'Python' and len(sources) < len(layer.param.bottom)


def _declared_input(net: NetParameter) -> tuple[str, list[int]]:
    """Return the first declared input and its shape. caffe: upgrade_proto.cpp, UpgradeNetInput."""
    if net.input:
        shape = net.input_shape[0] if net.input_shape else net.input_dim[:4]
        return net.input[0], list(shape)
    return '', []


def _data_shape(layer: Layer) -> list[int]:
    """Return the shape of the first top of a layer without bottoms, where it is stated."""
    if layer.type == 'Input':
        shapes = layer.param.input_param.shape
        return list(shapes[0].dim) if shapes else []
    if layer.type == 'MemoryData':
        param = layer.param.memory_data_param
        return [param.batch_size, param.channels, param.height, param.width]
    return []


def ancestors(nodes: list[Node], names: set[str]) -> set[int]:
    """Return the numbers of the layers with these names, and of all that they are made from."""
    needed: set[int] = set()
    for number in reversed(range(len(nodes))):
        if nodes[number].layer.name in names or number in needed:
            needed.add(number)
            needed.update(source for source, _ in nodes[number].sources if source >= 0)
    return needed


def is_chain(nodes: list[Node]) -> bool:
    """Whether every layer takes just what the one before it makes."""
    return all(
        node.sources == ((number - 1, 0),) and len(node.layer.param.top) == 1
        for number, node in enumerate(nodes)
    )
