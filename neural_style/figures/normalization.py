"""Mean activations of 1: the network of the paper, from one that is not normalised.

Gatys et al. 2015, methods: the weights are scaled so that every filter has a mean activation of 1
over images and positions, which changes no output but for its scale, as the network is made of
rectifiers and pooling.  Here each layer gets one factor, so that filters which stay silent on few
pictures are not blown up.  Ratios of content to style mean little without it: content losses
grow with the square of the activations, style losses with the fourth power.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from neural_style.transfer.preprocessing import preprocess

# Mean activations of a normalised network on some pictures are 1 but for a factor like this.
NEAR_ONE = 4


def mean_activations(cnn: nn.Sequential, images: Sequence[Tensor]) -> dict[str, float]:
    """Mean over images, positions and filters of each convolution, rectified, by the layer's name.

    images: (3, H, W), RGB in [0, 1].  Max pooling is taken as average pooling, as it is painted.
    """
    means: dict[str, float] = {}
    features = [preprocess(image).float()[None] for image in images]
    with torch.no_grad():
        for name, layer in cnn.named_children():
            if isinstance(layer, nn.MaxPool2d):
                features = [
                    functional.avg_pool2d(each, layer.kernel_size, layer.stride)
                    for each in features
                ]
            else:
                features = [layer(each) for each in features]
            if isinstance(layer, nn.Conv2d):
                total = sum(float(each.clamp(min=0).double().sum()) for each in features)
                means[name] = total / sum(each.numel() for each in features)
    return means


def is_normalized(means: dict[str, float]) -> bool:
    return all(1 / NEAR_ONE <= mean <= NEAR_ONE for mean in means.values())


def normalize(cnn: nn.Sequential, means: dict[str, float]) -> None:
    """Scale the convolutions, in place, so that their mean activations become 1.

    A layer that is silent altogether is left as it is.
    """
    before = 1.0
    with torch.no_grad():
        for name, layer in cnn.named_children():
            if isinstance(layer, nn.Conv2d):
                mean = means[name] or before
                layer.weight.mul_(before / mean)
                if layer.bias is not None:
                    layer.bias.div_(mean)
                before = mean
