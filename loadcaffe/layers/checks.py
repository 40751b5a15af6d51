"""What the builders of layers share: refusing a layer, its sizes, its blobs."""

import math
from typing import Any

from torch import Tensor, nn

from loadcaffe.formats.netparameter import Layer
from loadcaffe.formats.schema import CaffeFormatError


def refuse(layer: Layer, fault: bool, text: str) -> None:
    if fault:
        raise CaffeFormatError(f'layer {layer.name!r} {text}')


def pair(layer: Layer, param: Any, prefix: str | None, name: str, default: int | None):
    """A layer's (height, width) of a kernel, stride, pad or dilation.

    caffe: base_conv_layer.cpp, LayerSetUp: *_h and *_w together where either is given, else one
    number for both axes or one for each. The original takes a pair for which one is 0 as not given.
    """
    if prefix and (param.HasField(f'{prefix}_h') or param.HasField(f'{prefix}_w')):
        sizes = (getattr(param, f'{prefix}_h'), getattr(param, f'{prefix}_w'))
    else:
        given = getattr(param, name)
        given = [given] if isinstance(given, int) else list(given) or [default or 0]
        refuse(layer, len(given) > 2, f'has {len(given)} numbers as {name}; it is 2-dimensional')
        sizes = (given[0], given[-1])
    refuse(layer, default != 0 and 0 in sizes, f'has a {name} of (height, width) {sizes}')
    refuse(layer, max(sizes) >= 1 << 31, f'has a {name} of (height, width) {sizes}')
    return sizes


def steps(layer: Layer, param: Any) -> dict[str, Any]:
    """How a convolution, or a deconvolution, steps over the image: for its torch module."""
    return {
        'stride': pair(layer, param, 'stride', 'stride', 1),
        'padding': pair(layer, param, 'pad', 'pad', 0),
        'dilation': pair(layer, param, None, 'dilation', 1),
        'device': 'meta',  # no memory and no random numbers for weights that are replaced
    }


def weight_and_bias(layer: Layer, bias_term: bool) -> tuple[Tensor, Tensor | None]:
    """caffe: net.cpp, CopyTrainedLayersFrom: the number of blobs must be the layer's."""
    expected, found = 1 + bias_term, len(layer.blobs)
    if found != expected:
        without = '' if bias_term else 'out'
        raise CaffeFormatError(
            f'layer {layer.name!r} with{without} bias should have {expected} blobs, it has {found}'
        )
    return layer.blobs[0], layer.blobs[1] if bias_term else None


def blobs(layer: Layer, expected: int) -> list[Tensor]:
    """The layer's blobs, whose number is known."""
    found = len(layer.blobs)
    refuse(layer, found != expected, f'should have {expected} blobs, it has {found}')
    return layer.blobs


def fit(layer: Layer, what: str, blob: Tensor, expected: tuple) -> None:
    if tuple(blob.shape) != expected:
        text = ' x '.join(map(str, expected))
        found = ' x '.join(map(str, blob.shape))
        raise CaffeFormatError(f'layer {layer.name!r}: its {what} should be {text}, is {found}')


def vector(layer: Layer, what: str, blob: Tensor) -> Tensor:
    """A blob that holds one number for each channel, whatever its old shape: (1, C, 1, 1)."""
    flat = blob.reshape(-1)
    refuse(layer, not flat.numel(), f'has an empty {what}')
    refuse(
        layer,
        math.prod(size for size in blob.shape if size > 1) != max(blob.shape, default=1),
        f'has a {what} of shape {tuple(blob.shape)}; one number for each channel is expected',
    )
    return flat


def with_weights(layer: Layer, module: Any, weight: Tensor, bias: Tensor | None) -> nn.Module:
    module.weight = nn.Parameter(weight, requires_grad=False)
    if bias is not None:
        flat = bias.reshape(-1)  # the old four-number shape is (1, 1, 1, outputs)
        outputs = getattr(module, 'out_channels', 0) or module.out_features
        fit(layer, 'bias', flat, (outputs,))
        module.bias = nn.Parameter(flat, requires_grad=False)
    return module
