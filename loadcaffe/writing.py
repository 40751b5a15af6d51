"""The convolutional part of a network alone, and writing networks: .caffemodel and .safetensors.

Of VGG-19's 575 MB, 494 are fully connected layers, which a picture of another size cannot enter.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from google.protobuf import text_format
from safetensors.torch import save_file
from torch import Tensor

from loadcaffe.building import readable_parts
from loadcaffe.choice import Choice
from loadcaffe.formats import schema
from loadcaffe.formats.messages import TEXT_ONLY, V1_NUMBERS
from loadcaffe.formats.netparameter import Layer, NetParameter
from loadcaffe.formats.schema import CaffeFormatError
from loadcaffe.formats.tensors import BLOBS
from loadcaffe.layers import blob_count
from loadcaffe.topology import resolve_inputs

REORDERING = {'Flatten', 'Permute', 'Reshape'}


def convolutional(choice: Choice) -> NetParameter:
    """Return the network without its fully connected layers and what depends on them.

    Where convolutions follow a fully connected layer, as in squeeze-and-excitation blocks, it
    stays. Layers that cannot be read and that no convolution depends on are left out as well.
    """
    if choice.original:
        dropped = _fully_connected(choice.net.layers)
        layers = [layer for layer in choice.net.layers if id(layer) not in dropped]
    else:
        layers = _readable_convolutional(choice.net)
    if not any(layer.blobs for layer in layers):
        raise CaffeFormatError(f'{choice.net.path}: it has no convolutional part')
    layers = _without_reordering(choice.net.layers, layers)
    # What a layer's type has no use for may come from a file that was written by mistake.
    layers = [replace(layer, blobs=layer.blobs[: blob_count(layer)]) for layer in layers]
    return replace(choice.net, layers=layers)


def _without_reordering(layers: list[Layer], kept: list[Layer]) -> list[Layer]:
    """Return the kept layers without those that reorder a blob for layers that are not kept."""
    ids = {id(layer) for layer in kept}
    dropped = {blob for layer in layers if id(layer) not in ids for blob in layer.bottoms}
    taken: set[str] = set()
    result: list[Layer] = []
    for layer in reversed(kept):
        if layer.type in REORDERING and taken.isdisjoint(layer.tops):
            if not dropped.isdisjoint(layer.tops):
                dropped.update(layer.bottoms)
                continue
        taken.update(layer.bottoms)
        result.append(layer)
    return result[::-1]


def _fully_connected(layers: list[Layer]) -> set[int]:
    """Return the ids of the fully connected layers at the end, and of those that depend on them."""
    leading: set[str] = set()  # blobs that a convolution further on depends on
    last: set[int] = set()  # fully connected layers without such a blob
    convolves = False  # whether there is a convolution further on
    for layer in reversed(layers):
        connected = bool(layer.param.bottom or layer.param.top)
        leads = not leading.isdisjoint(layer.tops) if connected else convolves
        if layer.type == 'InnerProduct' and not leads:
            last.add(id(layer))
        if 'onvolution' in layer.type:
            leads = convolves = True
        if leads:
            leading.update(layer.bottoms)
    dropped: set[int] = set()
    blobs: set[str] = set()  # made from a fully connected layer
    ended = False
    for layer in layers:
        ended = ended or (id(layer) in last and not (layer.param.bottom or layer.param.top))
        if ended or id(layer) in last or not blobs.isdisjoint(layer.bottoms):
            dropped.add(id(layer))
            blobs.update(layer.tops)
    return dropped


def _readable_convolutional(net: NetParameter) -> list[Layer]:
    """Return the convolutional layers that run, the layers that split blobs, and the input."""
    topology = resolve_inputs(net)
    dropped = _fully_connected([node.layer for node in topology.nodes])
    optional = {n for n, node in enumerate(topology.nodes) if id(node.layer) in dropped}
    parts = readable_parts(net, topology.nodes, optional=optional)
    kept = {id(part.node.layer) for part in parts} - dropped
    blobs, layers = {topology.input}, []
    for layer in net.layers:
        splits = layer.type == 'Split' and blobs.issuperset(layer.bottoms)
        if id(layer) in kept or splits or layer.type == 'Input':
            layers.append(layer)
            blobs.update(layer.tops)
    return layers


def _messages(net: NetParameter) -> tuple[Any, list[tuple[Any, Layer]]]:
    """Return the network's message without layers, and those of its layers, V1 for V1."""
    message = schema.NetParameter(name=net.name, input=net.input, input_dim=net.input_dim)
    for shape in net.input_shape:
        message.input_shape.add(dim=shape)
    v1 = _is_v1(net)
    return message, [(_v1(layer) if v1 else layer.param, layer) for layer in net.layers]


def _is_v1(net: NetParameter) -> bool:
    """Whether a network is written as V1: it is V1, and layers from elsewhere have V1's types."""
    return net.version == 1 and all(
        layer.type in V1_NUMBERS or layer.printed_type.isdigit() for layer in net.layers
    )


def _v1(layer: Layer) -> Any:
    """Turn a layer of a V1 network into V1's message again."""
    message = schema.V1LayerParameter(name=layer.name)
    if layer.type in V1_NUMBERS:
        message.type = V1_NUMBERS[layer.type]
    known = message.DESCRIPTOR.fields_by_name
    for field, value in layer.param.ListFields():
        if field.name in ('bottom', 'top', 'include', 'exclude'):
            getattr(message, field.name).extend(value)
        elif field.name.endswith('_param') and field.name in known:
            getattr(message, field.name).MergeFrom(value)
    return message


def write_caffemodel(net: NetParameter, path: str | Path) -> None:
    """Write a binary caffemodel, blob after blob, so that no second copy of it is in memory."""
    for layer in net.layers:
        if any(field.number > TEXT_ONLY for field, _ in layer.param.ListFields()):
            raise CaffeFormatError(
                f'{path}: layer {layer.name!r} of type {layer.type} belongs to a fork of Caffe, and'
                ' a .caffemodel does not describe it: write a .safetensors file'
            )
    net_message, layers = _messages(net)
    field = 'layers' if _is_v1(net) else 'layer'
    with open(path, 'wb') as file:
        file.write(net_message.SerializeToString())
        for message, layer in layers:
            content = message.SerializeToString()
            blobs = [list(_blob(type(message), blob)) for blob in layer.blobs]
            length = len(content) + sum(len(part) for blob in blobs for part in blob)
            file.write(_head(schema.NetParameter, field, length) + content)
            for blob in blobs:
                for part in blob:
                    file.write(part)


def _blob(layer_class: Any, blob: Tensor) -> Iterator[bytes | memoryview]:
    message = schema.BlobProto()
    if layer_class is schema.V1LayerParameter and blob.dim() == 4:
        message.num, message.channels, message.height, message.width = blob.shape
    else:
        message.shape.dim.extend(blob.shape)
    sizes = message.SerializeToString()
    data = blob.contiguous().numpy().astype('<f4', copy=False).reshape(-1).view('u1').data
    head = _head(schema.BlobProto, 'data', len(data))
    yield _head(layer_class, 'blobs', len(sizes) + len(head) + len(data)) + sizes + head
    yield data


def _head(message: Any, field: str, length: int) -> bytes:
    """Return tag and length of a length-delimited field."""
    number = message.DESCRIPTOR.fields_by_name[field].number
    return _varint(number << 3 | 2) + _varint(length)


def _varint(value: int) -> bytes:
    content = bytearray()
    while value > 127:
        content.append(value & 127 | 128)
        value >>= 7
    return bytes(content) + bytes([value])


def write_safetensors(net: NetParameter, path: str | Path) -> None:
    """Write LAYER.weight, LAYER.bias ... and the network as a prototxt in the metadata."""
    net_message, layers = _messages(net)
    for message, _ in layers:
        (net_message.layers if _is_v1(net) else net_message.layer).append(message)
    tensors: dict[str, Tensor] = {}
    owners: set[int] = set()
    for layer in net.layers:
        for number, blob in enumerate(layer.blobs):
            name = f'{layer.name}.{BLOBS[number] if number < len(BLOBS) else number}'
            if name in tensors:
                raise CaffeFormatError(f'{net.path}: two layers are called {layer.name!r}')
            tensors[name] = _owned(blob, owners)
    prototxt = text_format.MessageToString(net_message, as_utf8=True)
    Path(path).touch()  # with the permissions of any new file; save_file would hide it from others
    mode = Path(path).stat().st_mode
    save_file(tensors, path, metadata={'format': 'pt', 'prototxt': prototxt})
    Path(path).chmod(mode)


def _owned(blob: Tensor, owners: set[int]) -> Tensor:
    """Return a tensor that shares its memory with none written before, as save_file wants it.

    owners: addresses of the memory of those.
    """
    storage = blob.untyped_storage()
    if blob.is_contiguous() and storage.nbytes() == blob.nbytes:
        if storage.data_ptr() not in owners:
            owners.add(storage.data_ptr())
            return blob
    return blob.contiguous().clone()
