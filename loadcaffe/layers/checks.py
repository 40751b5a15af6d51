"""Check what a layer says of itself: its sizes and its blobs. Errors name the layer."""

import functools
import math
from typing import Any

from torch import Tensor, nn

from loadcaffe.formats.netparameter import Layer
from loadcaffe.formats.schema import CaffeFormatError


def check(condition: Any, layer: Layer, problem: str) -> None:
    """Raise CaffeFormatError, naming the layer and its problem, unless the condition holds."""
    if not condition:
        raise CaffeFormatError(f'layer {layer.name!r} {problem}')


def check_shape(layer: Layer, what: str, blob: Tensor, expected: tuple[int, ...]) -> None:
    if tuple(blob.shape) != expected:
        should, actual = (' x '.join(map(str, shape)) for shape in (expected, blob.shape))
        raise CaffeFormatError(f'layer {layer.name!r}: its {what} should be {should}, is {actual}')


def height_width(
    layer: Layer, param: Any, prefix: str | None, name: str, default: int | None
) -> tuple[int, int]:
    """Return a layer's (height, width) of a kernel, stride, pad or dilation.

    caffe: base_conv_layer.cpp, LayerSetUp: *_h and *_w together where either is given, else one
    number for both axes or one for each. The original takes a pair in which one is 0 as not given.
    """
    if prefix and (param.HasField(f'{prefix}_h') or param.HasField(f'{prefix}_w')):
        sizes = (getattr(param, f'{prefix}_h'), getattr(param, f'{prefix}_w'))
    else:
        value = getattr(param, name)
        values = [value] if isinstance(value, int) else list(value) or [default or 0]
        check(len(values) <= 2, layer, f'has {len(values)} numbers as {name}; it is 2-dimensional')
        sizes = (values[0], values[-1])
    possible = (default == 0 or 0 not in sizes) and max(sizes) < 1 << 31
    check(possible, layer, f'has a {name} of (height, width) {sizes}')
    return sizes


def blobs_of(layer: Layer, expected: int) -> list[Tensor]:
    """Return the layer's blobs, which must be `expected`."""
    count = len(layer.blobs)
    check(count == expected, layer, f'should have {expected} blobs, it has {count}')
    return layer.blobs


def weight_and_bias(layer: Layer, bias_term: bool) -> tuple[Tensor, Tensor | None]:
    """caffe: net.cpp, CopyTrainedLayersFrom: the number of blobs must be the layer's."""
    expected, count = 1 + bias_term, len(layer.blobs)
    with_bias = 'with bias' if bias_term else 'without bias'
    check(count == expected, layer, f'{with_bias} should have {expected} blobs, it has {count}')
    return layer.blobs[0], layer.blobs[1] if bias_term else None


def as_vector(layer: Layer, what: str, blob: Tensor) -> Tensor:
    """Flatten a blob of one number for each channel, whatever its old shape: (1, C, 1, 1)."""
    flat = blob.reshape(-1)
    check(flat.numel(), layer, f'has an empty {what}')
    check(
        math.prod(size for size in blob.shape if size > 1) == max(blob.shape, default=1),
        layer,
        f'has a {what} of shape {tuple(blob.shape)}; one number for each channel is expected',
    )
    return flat


@functools.cache
def _without_initialisation(module_class: Any) -> Any:
    return type(module_class.__name__, (module_class,), {'reset_parameters': lambda self: None})


def empty_module(module_class: type[nn.Module], *args: Any, **options: Any) -> Any:
    """Make a module of torch without memory or random numbers for weights that are replaced.

    A fifth of the time that torch takes, which draws numbers on the device 'meta' as well.
    """
    empty_class = _without_initialisation(module_class)  # type: ignore[arg-type]
    module = empty_class(*args, **options, device='meta')
    module.__class__ = module_class
    return module


def with_weights(layer: Layer, module: Any, weight: Tensor, bias: Tensor | None) -> nn.Module:
    """Return the module with these weights, frozen and not copied."""
    module.weight = nn.Parameter(weight, requires_grad=False)
    if bias is not None:
        flat = bias.reshape(-1)  # the old four-number shape is (1, 1, 1, outputs)
        outputs = getattr(module, 'out_channels', 0) or module.out_features
        check_shape(layer, 'bias', flat, (outputs,))
        module.bias = nn.Parameter(flat, requires_grad=False)
    return module


def check_fields(layer: Layer) -> None:
    """Refuse a layer whose own parameters have a field or value that may change what it does."""
    if layer.unknown_fields:
        raise CaffeFormatError(
            f'layer {layer.name!r} of type {layer.type} has parameters that loadcaffe does not'
            f' know: {", ".join(layer.unknown_fields[:3])}'
        )
