"""How much memory an image takes, roughly."""

from torch import nn

# Bytes that an evaluation takes for every element of the convolutions' output.  From 512 x 384 to
# 1024 x 768 on a CPU, 8.1 were measured with VGG-19 (6.9 with bf16), 7.4 (5.9) with the embedded
# network.
EVALUATION = 8.5
# Vectors of the image's size, float32, that are kept besides the history of L-BFGS.
VECTORS = 8


def bytes_per_pixel(cnn: nn.Module, pairs: float) -> float:
    """What a pixel of the image takes.

    pairs: of steps and changes that L-BFGS keeps, 0 for Adam.
    """
    elements, shrunk = 0.0, 1.0  # shrunk: pixels of the image for a position of the layer
    for layer in cnn.modules():
        if isinstance(layer, nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d):
            strides = layer.stride if isinstance(layer.stride, tuple) else (layer.stride,) * 2
            shrunk *= strides[0] * strides[1]
        if isinstance(layer, nn.Conv2d):
            elements += layer.out_channels / shrunk
    return EVALUATION * elements + 12 * (VECTORS + 2 * pairs)
