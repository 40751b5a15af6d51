"""Recognise the VGG networks of 16 and 19 layers by their tensors alone."""

import re
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from loadcaffe.formats import schema
from loadcaffe.formats.messages import V1_NUMBERS
from loadcaffe.formats.netparameter import Layer, NetParameter
from loadcaffe.formats.schema import CaffeFormatError, shorten

# Convolutions -> how many there are in each block, and the network's name.
BLOCKS = {
    13: ((2, 2, 3, 3, 3), 'VGG_ILSVRC_16_layers'),
    16: ((2, 2, 4, 4, 4), 'VGG_ILSVRC_19_layers'),
}
NAME = re.compile(r'(features|classifier)\.([0-9]{1,3})\.(weight|bias)')
AXES = {
    ('features', 'weight'): 4,
    ('classifier', 'weight'): 2,
    ('features', 'bias'): 1,
    ('classifier', 'bias'): 1,
}
# torchvision's networks have the same names and shapes, but other weights, for other RGB.
TORCHVISION = ((-0.5537, 0.1427, 0.5290), (-0.05347, -0.04926, -0.06794))


def vgg(path: str | Path, tensors: dict[str, Tensor]) -> NetParameter:
    """Return the network of a state dict features.N.weight ... classifier.N.bias, as VGG's V1."""
    parts: dict[str, dict[int, dict[str, Tensor]]] = {'features': {}, 'classifier': {}}
    for name, tensor in tensors.items():
        match = NAME.fullmatch(name)
        if not match:
            raise CaffeFormatError(
                f'{path}: {shorten(name, 60)!r} is not a tensor of VGG-16 or VGG-19'
            )
        if tensor.dim() != AXES[match[1], match[3]]:
            raise CaffeFormatError(
                f'{path}: not VGG-16 or VGG-19: {name!r} has the shape {list(tensor.shape)}'
            )
        parts[match[1]].setdefault(int(match[2]), {})[match[3]] = tensor
    pairs: list[list[Any]] = [
        [(pair.get('weight'), pair.get('bias')) for _, pair in sorted(parts[part].items())]
        for part in ('features', 'classifier')
    ]
    features, classifier = pairs
    complete = all(w is not None and b is not None for w, b in features + classifier)
    if len(features) not in BLOCKS or len(classifier) not in (0, 3) or not complete:
        raise CaffeFormatError(
            f'{path}: not VGG-16 or VGG-19: it has {len(features)} convolutions and'
            f' {len(classifier)} fully connected layers'
        )
    _refuse_torchvision(path, features[0][0])
    blocks, name = BLOCKS[len(features)]
    layers = _layers(blocks, features, classifier)
    return NetParameter(name, 1, ['data'], [10, 3, 224, 224], [], layers, path, authoritative=True)


def _refuse_torchvision(path: str | Path, weight: Tensor) -> None:
    first = weight.flatten()[:3].tolist()
    if any(np.allclose(first, values, atol=1e-3) for values in TORCHVISION if len(first) == 3):
        raise CaffeFormatError(
            f"{path}: these are torchvision's weights, another network than Caffe's: it takes RGB"
            ' of another range'
        )


def trunk_of(path: str | Path, layers: list[Layer], image: str) -> tuple[str, list[Layer]]:
    """Return VGG's name and layers, up to relu5_x or pool5, if a network begins as VGG; else none.

    layers: with the blobs of the file, of which `image` is the input.
    """
    for blocks, name in BLOCKS.values():
        expected = _types(blocks)
        trunk = layers[: len(expected)]
        if not _is_chain(trunk, expected[:-1], image, layers):
            continue
        if not _is_chain(trunk, expected, image, layers):
            trunk = trunk[:-1]
        features = [layer.blobs for layer in trunk if layer.type == 'Convolution']
        _refuse_torchvision(path, features[0][0])
        return name, _layers(blocks, features, [])[: len(trunk)]
    return '', []


def _types(blocks: tuple[int, ...]) -> list[str]:
    types: list[str] = []
    for count in blocks:
        types += ['Convolution', 'ReLU'] * count + ['Pooling']
    return types


def _is_chain(trunk: list[Layer], types: list[str], image: str, layers: list[Layer]) -> bool:
    """Whether layers of these types follow each other, with the windows of VGG's.

    VGG's ReLUs work in place: nothing else may use what they take.
    """
    if [layer.type for layer in trunk[: len(types)]] != types:
        return False
    uses = Counter(blob for layer in layers for blob in layer.bottoms)
    blob = image
    for layer in trunk[: len(types)]:
        in_place = layer.type != 'ReLU' or uses[blob] == 1
        if layer.bottoms != [blob] or not in_place or not _has_window_of_vgg(layer):
            return False
        blob = layer.tops[0]
    return True


def _has_window_of_vgg(layer: Layer) -> bool:
    if layer.type == 'ReLU':
        return not layer.param.relu_param.negative_slope
    if layer.type == 'Pooling':
        pool = layer.param.pooling_param
        sizes = pool.kernel_h, pool.kernel_w, pool.stride_h, pool.stride_w, pool.pad_h, pool.pad_w
        return pool.pool == pool.MAX and sizes == (2, 2, 2, 2, 0, 0)
    conv = layer.param.convolution_param
    windows = [list(sizes) for sizes in (conv.kernel_size, conv.pad, conv.stride, conv.dilation)]
    return len(layer.blobs) == 2 and conv.group == 1 and windows == [[3, 3], [1, 1], [1, 1], [1, 1]]


def _layers(blocks, features, classifier) -> list[Layer]:
    chain = _Chain()
    convolutions = iter(features)
    for block, count in enumerate(blocks, 1):
        for number in range(1, count + 1):
            weight, bias = next(convolutions)
            conv = {'num_output': weight.shape[0], 'pad': [1], 'kernel_size': [3]}
            chain.add(
                f'conv{block}_{number}', 'Convolution', [weight, bias], convolution_param=conv
            )
            chain.add(f'relu{block}_{number}', 'ReLU')
        chain.add(f'pool{block}', 'Pooling', pooling_param={'kernel_size': 2, 'stride': 2})
    for number, (weight, bias) in enumerate(classifier, 6):
        fc = {'num_output': weight.shape[0]}
        chain.add(f'fc{number}', 'InnerProduct', [weight, bias], inner_product_param=fc)
        if number < 8:
            chain.add(f'relu{number}', 'ReLU')
            chain.add(f'drop{number}', 'Dropout')
    if classifier:
        chain.add('prob', 'Softmax')
    return chain.layers


class _Chain:
    """A chain of layers; ReLU and Dropout work in place, as in the prototxts of VGG."""

    def __init__(self) -> None:
        self.layers: list[Layer] = []
        self.blob = 'data'

    def add(self, name: str, layer_type: str, blobs: Any = (), **param: Any) -> None:
        top = self.blob if layer_type in ('ReLU', 'Dropout') else name
        message = schema.LayerParameter(
            name=name, type=layer_type, bottom=[self.blob], top=[top], **param
        )
        number = str(V1_NUMBERS[layer_type])
        self.layers.append(Layer(name, layer_type, number, message, list(blobs)))
        self.blob = top
