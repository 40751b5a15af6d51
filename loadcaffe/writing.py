"""The convolutional part of a network alone, and writing networks: .caffemodel and .safetensors.

Of VGG-19's 575 MB, 494 are fully connected layers, which a picture of another size cannot enter.
"""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from google.protobuf import text_format
from safetensors.torch import save_file
from torch import Tensor

from loadcaffe.choice import Choice
from loadcaffe.formats import schema
from loadcaffe.formats.messages import V1_NUMBERS
from loadcaffe.formats.netparameter import Layer, NetParameter
from loadcaffe.formats.schema import CaffeFormatError
from loadcaffe.formats.tensors import BLOBS
from loadcaffe.topology import resolve_inputs


def convolutional(choice: Choice) -> NetParameter:
    """The network without its fully connected layers and what hangs on them.

    Where convolutions follow a fully connected layer, as in squeeze-and-excitation blocks, it
    stays.
    """
    layers = list(choice.net.layers) if choice.original else _running(choice.net)
    fully: set[str] = set()  # blobs that come from a fully connected layer
    kept = []
    for number, layer in enumerate(layers):
        bottoms, tops = set(layer.bottoms), set(layer.tops)
        wired = bool(bottoms or tops)
        last = layer.type == 'InnerProduct' and not _convolves(layers[number + 1 :], tops, wired)
        if last and not wired:
            break
        if last or bottoms & fully:
            fully |= tops
        else:
            kept.append(layer)
    if not any(layer.blobs for layer in kept):
        raise CaffeFormatError(f'{choice.net.path}: it has no convolutional part')
    return dataclasses.replace(choice.net, layers=kept)


def _running(net: NetParameter) -> list[Layer]:
    """The layers that run, those that hand blobs on, and the input, for its shape."""
    running = {id(node.layer) for node in resolve_inputs(net).nodes}
    return [one for one in net.layers if id(one) in running or one.type in ('Split', 'Input')]


def _convolves(layers: list[Layer], blobs: set[str], wired: bool) -> bool:
    """Whether a convolution works on what is made from some blobs."""
    blobs = set(blobs)
    for layer in layers:
        if not wired or blobs & set(layer.bottoms):
            if 'onvolution' in layer.type:
                return True
            blobs |= set(layer.tops)
    return False


def _messages(net: NetParameter) -> tuple[Any, list[tuple[Any, Layer]]]:
    """The network's own message without layers, and those of its layers, V1 for V1."""
    whole = schema.NetParameter(name=net.name, input=net.input, input_dim=net.input_dim)
    for shape in net.input_shape:
        whole.input_shape.add(dim=shape)
    return whole, [(_v1(one) if net.version == 1 else one.param, one) for one in net.layers]


def _v1(layer: Layer) -> Any:
    """A layer of a V1 network in V1's terms again."""
    old = schema.V1LayerParameter(name=layer.name)
    if layer.type in V1_NUMBERS:
        old.type = V1_NUMBERS[layer.type]
    known = old.DESCRIPTOR.fields_by_name
    for field, value in layer.param.ListFields():
        if field.name in ('bottom', 'top', 'include', 'exclude'):
            getattr(old, field.name).extend(value)
        elif field.name.endswith('_param') and field.name in known:
            getattr(old, field.name).MergeFrom(value)
    return old


def write_caffemodel(net: NetParameter, path: str | Path) -> None:
    """Write a binary caffemodel, blob after blob, so that no second copy of it is in memory."""
    whole, layers = _messages(net)
    field = 'layers' if net.version == 1 else 'layer'
    with open(path, 'wb') as file:
        file.write(whole.SerializeToString())
        for message, layer in layers:
            content = message.SerializeToString()
            blobs = [list(_blob(type(message), blob)) for blob in layer.blobs]
            length = len(content) + sum(len(part) for blob in blobs for part in blob)
            file.write(_head(schema.NetParameter, field, length) + content)
            for blob in blobs:
                for part in blob:
                    file.write(part)


def _blob(kind: Any, blob: Tensor) -> Iterator[bytes | memoryview]:
    message = schema.BlobProto()
    if kind is schema.V1LayerParameter and blob.dim() == 4:
        message.num, message.channels, message.height, message.width = blob.shape
    else:
        message.shape.dim.extend(blob.shape)
    sizes = message.SerializeToString()
    data = blob.contiguous().numpy().astype('<f4', copy=False).reshape(-1).view('u1').data
    head = _head(schema.BlobProto, 'data', len(data))
    yield _head(kind, 'blobs', len(sizes) + len(head) + len(data)) + sizes + head
    yield data


def _head(message: Any, field: str, length: int) -> bytes:
    """Tag and length of a length-delimited field."""
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
    whole, layers = _messages(net)
    for message, _ in layers:
        (whole.layers if net.version == 1 else whole.layer).append(message)
    tensors: dict[str, Tensor] = {}
    for layer in net.layers:
        for number, blob in enumerate(layer.blobs):
            name = f'{layer.name}.{BLOBS[number] if number < len(BLOBS) else number}'
            if name in tensors:
                raise CaffeFormatError(f'{net.path}: two layers are called {layer.name!r}')
            tensors[name] = blob.clone() if blob._is_view() else blob.contiguous()
    prototxt = text_format.MessageToString(whole, as_utf8=True)
    Path(path).touch()  # with the permissions of any new file; save_file would hide it from others
    mode = Path(path).stat().st_mode
    save_file(tensors, path, metadata={'format': 'pt', 'prototxt': prototxt})
    Path(path).chmod(mode)
