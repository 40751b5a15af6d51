"""The teachers: genuine networks in Caffe's format, and what they say about a picture."""

from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

import loadcaffe


class VGG:
    """The convolutions of a VGG, from conv1_1 up to whatever layer the file ends at.

    last: the last one that is needed.
    """

    def __init__(self, path: Path, last: str = '5_1'):
        layers = [layer for layer in loadcaffe.read(path).layers if layer.type == 'Convolution']
        names = [layer.name.removeprefix('conv') for layer in layers]
        self.convolutions = {
            name: layer.blobs for name, layer in zip(names, layers, strict=True) if name <= last
        }

    def __call__(self, image: Tensor) -> dict[str, Tensor]:
        """Return features (C, h, w) of all convolutions, before the ReLU; image: preprocessed."""
        features: dict[str, Tensor] = {}
        x, block = image, '1'
        for name, blobs in self.convolutions.items():
            if features:
                x = x.relu()
            if name[0] != block:
                x, block = functional.max_pool2d(x, 2), name[0]
            x = _convolve(x, blobs, padding=1)
            features[name] = x[0]
        return features


class SqueezeNet:
    """SqueezeNet 1.0."""

    def __init__(self, path: Path):
        self.layers = {layer.name: layer.blobs for layer in loadcaffe.read(path).layers}

    def __call__(self, image: Tensor) -> dict[str, Tensor]:
        """Return fire2 ... fire9, (C, h, w) each, before the ReLU; image: preprocessed.

        The border is such that position k of fire5 looks at pixel 8 k + 3.5 or 8 k + 4, as VGG's
        conv4_1 does (without it, at 8 k + 9), and that no position is missing.
        """
        x = functional.pad(image, (5, 16, 5, 16), mode='reflect')
        x = _convolve(x, self.layers['conv1'], stride=2).relu()
        x = functional.max_pool2d(x, 3, 2, ceil_mode=True)
        features = {}
        for number in range(2, 10):
            if number in (5, 9):
                x = functional.max_pool2d(x, 3, 2, ceil_mode=True)
            fire = f'fire{number}/conv'
            squeezed = _convolve(x, self.layers[f'{fire}1x1_1']).relu()
            wide = _convolve(squeezed, self.layers[f'{fire}3x3_2'], padding=1)
            x = torch.cat([_convolve(squeezed, self.layers[f'{fire}1x1_2']), wide], 1)
            features[f'fire{number}'] = x[0]
            x = x.relu()
        return features


class Teachers:
    """The targets of each layer of the small network.

    A layer that the VGG has is taught by it.  Those above are taught by SqueezeNet, whose strides
    are those of VGG's fourth and fifth blocks; the first two after pool3 learn that as well.
    """

    FIRES = {'4_1': 'fire5', '4_2': 'fire6', '4_3': 'fire7', '4_4': 'fire8', '5_1': 'fire9'}

    def __init__(self, vgg: VGG, squeezenet: SqueezeNet | None = None):
        self.vgg = vgg
        self.squeezenet = squeezenet
        self.layers = {*vgg.convolutions, *(self.FIRES if squeezenet else ())}

    def check(self, names) -> None:
        """Raise ValueError if a layer has no teacher."""
        if missing := [name for name in names if name not in self.layers]:
            raise ValueError(f'no teacher for conv{", conv".join(missing)}: give --squeezenet')

    @torch.no_grad()
    def __call__(self, image: Tensor) -> dict[str, list[Tensor]]:
        """Return the teachers' features (C, h, w) before their ReLU; image: preprocessed."""
        features = self.vgg(image)
        targets = {name: [feature] for name, feature in features.items()}
        if self.squeezenet:
            pool3 = functional.max_pool2d(features['3_4'][None], 2)[0]
            fires = self.squeezenet(image)
            for name, fire in self.FIRES.items():
                if name not in targets:
                    height, width = (side // 2 ** (int(name[0]) - 4) for side in pool3.shape[1:])
                    targets[name] = [fires[fire][:, :height, :width]]
                    if name in ('4_1', '4_2'):
                        targets[name].append(pool3)
        return targets


def _convolve(x: Tensor, blobs: list[Tensor], **geometry) -> Tensor:
    weight, bias = blobs
    return functional.conv2d(x, weight, bias.flatten(), **geometry)
