"""Read an ONNX network made of layers that Caffe has, as a NetParameter.

The image is (N, C, H, W), as in Caffe, also where the file begins by reordering (N, H, W, C). A
network with VGG's shapes gets VGG's names. Nodes that Caffe has no layer for are kept, so that they
can be left out where nothing needs them.
"""

from pathlib import Path

from loadcaffe.formats.netparameter import MAX_BLOBS, MAX_LAYERS, Layer, NetParameter, open_file
from loadcaffe.formats.onnx_graph import DOMAINS, Node, OnnxGraph
from loadcaffe.formats.onnx_layers import layers_of
from loadcaffe.formats.vgg import trunk_of

IDENTITIES = ('Dropout', 'Identity')  # at inference
NHWC_TO_NCHW = [0, 3, 1, 2]
VERSION = 3  # of a NetParameter that is not Caffe's


def read_onnx(path: str | Path) -> NetParameter:
    """Read a network. Raises FileNotFoundError, CaffeFormatError."""
    with open_file(path) as file:
        graph = OnnxGraph(file, path)
        inputs = {name: shape for name, shape in graph.inputs.items() if name not in graph.tensors}
        if not graph.nodes or not inputs:
            raise graph.wire.error('not an ONNX network: it has no nodes, or no input')
        (image, shape), *others = inputs.items()
        nodes, sources = graph.nodes, {image: image}
        if all(map(_is_reordering, _users(nodes, image))):
            sources |= {node.outputs[0]: image for node in _users(nodes, image)}
            nodes = [node for node in nodes if image not in node.inputs]
            shape = [shape[axis] for axis in NHWC_TO_NCHW] if len(shape) == 4 else []
        layers = _layers(nodes, graph, sources)
        if len(layers) > MAX_LAYERS or sum(len(layer.blobs) for layer in layers) > MAX_BLOBS:
            limits = f'{MAX_LAYERS} layers or {MAX_BLOBS} blobs'
            raise graph.wire.error(f'not a network: it has more than {limits}')
    blobs = {image: 'data'} | {name: f'input {name}' for name, _ in others}
    network, trunk = trunk_of(path, layers, image)
    _rename(layers, trunk, blobs)
    dims = [1, *shape[1:]] if len(shape) == 4 and all(size > 0 for size in shape[1:]) else []
    version = 1 if trunk else VERSION
    name = network or Path(path).stem
    return NetParameter(
        name, version, list(blobs.values())[: len(inputs)], dims, [], layers, path,
        authoritative=True,
    )  # fmt: skip


def _users(nodes: list[Node], blob: str) -> list[Node]:
    return [node for node in nodes if blob in node.inputs]


def _is_reordering(node: Node) -> bool:
    permutation = node.attributes.get('perm')
    known = node.operator == 'Transpose' and node.domain in DOMAINS and len(node.outputs) == 1
    return known and permutation is not None and permutation.ints[:9] == NHWC_TO_NCHW


def _layers(nodes: list[Node], graph: OnnxGraph, sources: dict[str, str]) -> list[Layer]:
    """Return the layers of the nodes. sources: of blobs that are others under a new name."""
    layers: list[Layer] = []
    for node in nodes:
        inputs = [sources.get(name, name) for name in node.inputs]
        if node.operator in IDENTITIES and node.domain in DOMAINS and inputs and node.outputs:
            sources[node.outputs[0]] = inputs[0]
        else:
            layers += layers_of(node._replace(inputs=inputs), graph)
    return layers


def _rename(layers: list[Layer], trunk: list[Layer], blobs: dict[str, str]) -> None:
    """Give each layer a name of its own, and its blobs Caffe's names: those of their layers.

    trunk: takes the place of the first layers. blobs: names in the file -> in Caffe, added to.
    """
    for layer, replacement in zip(layers, trunk, strict=False):
        blobs[layer.tops[0]] = replacement.tops[0]
    layers[: len(trunk)] = trunk
    names = {layer.name for layer in trunk} | set(blobs.values())
    counts: dict[str, int] = {}
    for layer in layers[len(trunk) :]:
        name = layer.name or layer.type
        while name in names:
            counts[layer.name] = counts.get(layer.name, 1) + 1
            name = f'{layer.name or layer.type}_{counts[layer.name]}'
        names.add(name)
        bottoms = [blobs.get(blob, f'{blob} of the file') for blob in layer.bottoms]
        tops = [name if number == 0 else f'{name} {number}' for number in range(len(layer.tops))]
        blobs.update(zip(layer.tops, tops, strict=True))
        layer.name = layer.param.name = name
        layer.param.bottom[:], layer.param.top[:] = bottoms, tops
