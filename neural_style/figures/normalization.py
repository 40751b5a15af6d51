"""Equal mean activations: the network of the paper, from one that is not normalised.

Gatys et al. 2015, methods: the weights are scaled so that every filter has a mean activation of 1
over images and positions, which changes no output but for its scale, as the network is made of
rectifiers and pooling.  Here each layer gets one factor, so that filters which stay silent on few
pictures are not blown up.  Ratios of content to style mean little without it: content losses
grow with the square of the activations, style losses with the fourth power.

With a mean of 1 the genuine VGG-16 shows the photograph at 10^-3, and strokes only from 2 * 10^-5
down.  MEAN, which divides the ratio by 49, gives what the paper shows at its ratios.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from neural_style.transfer.preprocessing import preprocess

# A network counts as normalised when its mean activations are within this factor of 1.
TOLERANCE = 4
# Mean activation that others are scaled to.
MEAN = 7.0


def mean_activations(cnn: nn.Sequential, images: Sequence[Tensor]) -> dict[str, float]:
    """Return the mean over images, positions and filters of each rectified convolution, by name.

    images: (3, H, W), RGB in [0, 1].  Max pooling is replaced by average pooling, as in the paper.
    """
    means: dict[str, float] = {}
    features = [preprocess(image).float()[None] for image in images]
    with torch.no_grad():
        for name, layer in cnn.named_children():
            if isinstance(layer, nn.MaxPool2d):
                features = [
                    functional.avg_pool2d(x, layer.kernel_size, layer.stride) for x in features
                ]
            else:
                features = [layer(x) for x in features]
            if isinstance(layer, nn.Conv2d):
                total = sum(float(x.clamp(min=0).double().sum()) for x in features)
                means[name] = total / sum(x.numel() for x in features)
    return means


def is_normalized(means: dict[str, float]) -> bool:
    """Tell whether mean activations are those of a normalised network."""
    return all(1 / TOLERANCE <= mean <= TOLERANCE for mean in means.values())


def normalize(cnn: nn.Sequential, means: dict[str, float]) -> None:
    """Scale the convolutions, in place, so that their mean activations become MEAN.

    A layer without activations is left as it is.
    """
    mean_below = MEAN
    with torch.no_grad():
        for name, layer in cnn.named_children():
            if isinstance(layer, nn.Conv2d):
                mean = means[name] or mean_below
                layer.weight.mul_(mean_below / mean)
                if layer.bias is not None:
                    layer.bias.mul_(MEAN / mean)
                mean_below = mean
