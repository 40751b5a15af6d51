"""Build the modules of a network, as the original or as Caffe runs it. Source: caffe: net.cpp."""

from collections import Counter
from collections.abc import Collection, Iterable
from typing import NamedTuple

from torch import nn

from loadcaffe.choice import Choice
from loadcaffe.formats.netparameter import NetParameter
from loadcaffe.formats.schema import CaffeFormatError
from loadcaffe.graph import Graph
from loadcaffe.layers import INPUTS, LAYERS, blob_count, lacks_weights
from loadcaffe.layers.checks import check_fields
from loadcaffe.notices import tell_left_out, tell_unused
from loadcaffe.original import known_layers, original_modules
from loadcaffe.topology import Node, ancestors, is_chain, resolve_inputs

# Layers of detection networks that make boxes, or features of boxes. What follows them does not
# work on the image, even where it is convolutions.
DETECTION = {
    'AnchorGenerator',
    'DetectionOutput',
    'PSROIAlign',
    'PSROIPooling',
    'PriorBox',
    'Proposal',
    'ROIAlign',
    'ROIPooling',
    'Region',
    'Yolo',
}


class UnreadableLayer(CaffeFormatError):
    """A layer has a type that loadcaffe does not read, or takes more than the image."""


class Part(NamedTuple):
    """A layer that can run, its sources counted among those that can, and its module."""

    node: Node
    module: nn.Module


def build(choice: Choice, layers: Collection[str] | None = None) -> nn.Sequential:
    """Build the network that was chosen, its modules named.

    layers: the names of those that will be used; see load(). Raises CaffeFormatError.
    """
    try:
        if choice.original:
            return _sequential(original_modules(choice.net, layers))
        if choice.original_would_read is not None:
            list(known_layers(choice.original_would_read))  # logs what the original prints of it
        parts = readable_parts(choice.net, resolve_inputs(choice.net).nodes, layers)
    except CaffeFormatError as error:
        path = str(choice.net.path)
        known = str(error).startswith(path)
        raise CaffeFormatError(str(error) if known else f'{path}: {error}') from error
    sequential = _sequential((part.node.layer.name, part.module) for part in parts)
    nodes = [part.node for part in parts]
    if is_chain(nodes):
        return sequential
    return Graph(list(sequential.named_children()), [node.sources for node in nodes])


def readable_parts(
    net: NetParameter,
    nodes: list[Node],
    layers: Collection[str] | None = None,
    optional: Collection[int] = (),
) -> list[Part]:
    """Build the layers that can be read and do not depend on one that cannot.

    Raises CaffeFormatError if one that is needed is not among them: with `layers`, those of these
    names and what they are made from; else all but the outputs of detectors, layers of unknown
    types that no layer with weights depends on, and those whose numbers are in `optional`.
    """
    modules: dict[int, nn.Module] = {}
    errors: dict[int, CaffeFormatError] = {}
    causes: dict[int, int] = {}  # number of a layer that cannot run -> of the one to blame
    for number, node in enumerate(nodes):
        cause = next((causes[source] for source, _ in node.sources if source in causes), None)
        if cause is None:
            try:
                modules[number] = _module(node)
            except CaffeFormatError as error:
                errors[number], cause = error, number
        if cause is not None:
            causes[number] = cause
    needed = ancestors(nodes, set(layers or ()))
    if not needed:
        outputs = _outputs(nodes, errors, causes, optional)
        needed = {n for n in range(len(nodes)) if causes.get(n) not in outputs}
    for number in sorted(causes.keys() & needed - set(optional)):
        raise errors[causes[number]]
    if not modules:
        raise next(iter(errors.values()))
    tell_left_out(net, [nodes[number].layer for number in causes], errors.values())
    tell_unused(net, [nodes[number].layer for number in modules])
    position = {number: i for i, number in enumerate(modules)} | {-1: -1}
    return [
        Part(
            nodes[number]._replace(
                sources=tuple((position[source], top) for source, top in nodes[number].sources)
            ),
            module,
        )
        for number, module in modules.items()
    ]


def _outputs(
    nodes: list[Node],
    errors: dict[int, CaffeFormatError],
    causes: dict[int, int],
    optional: Collection[int],
) -> set[int]:
    """Return the unreadable layers that nothing but a detector's or a network's output needs."""
    weighted = {
        causes[n]
        for n in causes.keys() - set(optional)
        if blob_count(nodes[n].layer) or nodes[n].layer.blobs
    }
    return {
        number
        for number, error in errors.items()
        if isinstance(error, UnreadableLayer)
        and (nodes[number].layer.type in DETECTION or number not in weighted)
    }


def _module(node: Node) -> nn.Module:
    """Build the module of a layer, as Caffe runs it."""
    layer, param = node.layer, node.layer.param
    if layer.type not in LAYERS:
        raise UnreadableLayer(
            f'layer {layer.name!r} has the type {layer.type!r}, which loadcaffe does not read'
            if layer.type
            else f'layer {layer.name!r} has no type'
        )
    if node.missing:
        raise UnreadableLayer(
            f'layer {layer.name!r} of type {layer.type} takes the blob {node.missing!r}, which is'
            ' not made from the input; a deploy prototxt has one input'
        )
    check_fields(layer)
    if layer.fork_specific:
        raise CaffeFormatError(
            f'layer {layer.name!r} of type {layer.type} has parameters that only the fork of Caffe'
            ' that wrote them understands: name its deploy prototxt, which spells them out'
        )
    lower_limit, upper_limit = INPUTS.get(layer.type, (1, 1))
    if not lower_limit <= len(node.sources) <= upper_limit:
        raise CaffeFormatError(
            f'layer {layer.name!r} of type {layer.type} has {len(node.sources)} bottoms; it takes'
            f' {lower_limit}' + (f' to {upper_limit}' if upper_limit > lower_limit else '')
        )
    if layer.type not in ('Slice', 'Pooling') and len(param.top) > 1:
        raise CaffeFormatError(
            f'layer {layer.name!r} of type {layer.type} has {len(param.top)} tops; only one is'
            ' supported'
        )
    if lacks_weights(layer):
        raise CaffeFormatError(
            f'no weights for the layer {layer.name!r} of type {layer.type}: it should have'
            f' {blob_count(layer)} blobs, it has 0'
        )
    return LAYERS[layer.type](layer)


def _sequential(modules: Iterable[tuple[str, nn.Module]]) -> nn.Sequential:
    sequential = nn.Sequential()
    counts: Counter[str] = Counter()
    for name, module in modules:
        setattr(module, 'name', name)  # noqa: B010 (nn.Module types its attributes as modules)
        sequential.add_module(_free_name(sequential, counts, name), module)
    return sequential


def _free_name(sequential: nn.Sequential, counts: Counter[str], name: str) -> str:
    """Return a name for add_module, which takes no '.', no empty name and none that it has already.

    counts: how often each name was wanted, so that ten thousand of one name need no long search.
    """
    name = name.replace('.', '_') or 'layer'
    counts[name] += 1
    free = name if counts[name] == 1 else f'{name}_{counts[name]}'
    while hasattr(sequential, free):
        counts[name] += 1
        free = f'{name}_{counts[name]}'
    return free
