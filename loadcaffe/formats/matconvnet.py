"""Read MatConvNet's networks, such as imagenet-vgg-verydeep-19.mat, as a NetParameter.

Weights are height x width x inputs x outputs there, and the first layer takes RGB: here outputs x
inputs x height x width, and BGR, as Caffe. Source: vlfeat.org/matconvnet, simplenn.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from loadcaffe.formats import schema
from loadcaffe.formats.matlab import read_mat
from loadcaffe.formats.messages import V1_NUMBERS
from loadcaffe.formats.netparameter import MAX_LAYERS, Layer, NetParameter
from loadcaffe.formats.schema import CaffeFormatError, shorten

# MatConvNet's word -> V2's.
TYPES = {
    'conv': 'Convolution',
    'relu': 'ReLU',
    'pool': 'Pooling',
    'softmax': 'Softmax',
    'softmaxloss': 'SoftmaxWithLoss',
    'dropout': 'Dropout',
    'sigmoid': 'Sigmoid',
    'normalize': 'LRN',
}


def read_matconvnet(path: str | Path) -> NetParameter:
    """Read a simplenn network; a chain, as if from a V1 caffemodel.

    Raises FileNotFoundError, CaffeFormatError.
    """
    variables = read_mat(path)
    net = variables.get('net', variables)
    structs = net.get('layers') if isinstance(net, dict) else None
    if not isinstance(structs, list) or not all(isinstance(struct, dict) for struct in structs):
        raise CaffeFormatError(f'{path}: not a MatConvNet simplenn network: no cell of layers')
    if not 0 < len(structs) <= MAX_LAYERS:
        raise CaffeFormatError(f'{path}: not a MatConvNet network: it has {len(structs)} layers')
    layers: list[Layer] = []
    blob, first = 'data', True
    try:
        for struct in structs:
            layers.append(_layer(struct, blob, first))
            blob, first = layers[-1].param.top[0], first and not layers[-1].blobs
    except CaffeFormatError as error:
        raise CaffeFormatError(f'{path}: layer {len(layers) + 1}: {error}') from error
    except (ValueError, TypeError, KeyError, IndexError, OverflowError, AttributeError) as error:
        raise CaffeFormatError(
            f'{path}: layer {len(layers) + 1} is not as MatConvNet: {error}'
        ) from error
    name = Path(path).stem
    return NetParameter(name, 1, ['data'], [1, 3, 224, 224], [], layers, path, authoritative=True)


def _layer(struct: dict[str, Any], bottom: str, first: bool) -> Layer:
    """Return the layer of a struct. first: it is the first with weights, and takes RGB."""
    word, name = struct['type'], struct['name']
    if not isinstance(word, str) or not isinstance(name, str):
        raise CaffeFormatError('its name and type are no strings')
    if word not in TYPES:
        raise CaffeFormatError(
            f'{shorten(name, 60)!r} has the type {shorten(word, 60)!r}, which loadcaffe does not'
            ' read'
        )
    layer_type = TYPES[word]
    param = schema.LayerParameter(name=name, type=layer_type, bottom=[bottom], top=[name])
    blobs = []
    if word == 'conv':
        blobs = _convolution(struct, param.convolution_param, first)
    elif word == 'pool':
        _pooling(struct, param.pooling_param)
    elif word == 'normalize':
        size, k, alpha, beta = _numbers(struct['param'])
        lrn = param.lrn_param
        lrn.local_size, lrn.k, lrn.alpha, lrn.beta = int(size), k, alpha * size, beta
    elif word == 'dropout':
        param.dropout_param.dropout_ratio = _numbers(struct.get('rate', 0.5))[0]
    elif word == 'relu' and any(_numbers(struct.get('leak', 0))):
        param.relu_param.negative_slope = _numbers(struct['leak'])[0]
    return Layer(name, layer_type, str(V1_NUMBERS[layer_type]), param, blobs)


def _convolution(struct: dict[str, Any], param: Any, first: bool) -> list[torch.Tensor]:
    # Older files call the two `filters` and `biases`.
    if 'weights' not in struct and 'filters' not in struct:
        raise ValueError(f'{shorten(struct["name"], 60)!r} has no weights')
    weights = struct['weights'] if 'weights' in struct else [struct['filters'], struct['biases']]
    if not isinstance(weights, list) or not 1 <= len(weights) <= 2:
        raise CaffeFormatError('its weights are no cell of two')
    filters = _floats(weights[0])
    filters = filters.reshape([*filters.shape, *[1] * (4 - filters.ndim)])
    if filters.ndim != 4 or not filters.size:
        raise CaffeFormatError(f'its weights are of shape {filters.shape}')
    if first and filters.shape[2] == 3:
        filters = filters[:, :, ::-1]  # RGB to BGR
    height, width, _, outputs = filters.shape
    blobs = [torch.from_numpy(np.ascontiguousarray(filters.transpose(3, 2, 0, 1)))]
    if len(weights) == 2 and np.size(weights[1]):
        blobs.append(torch.from_numpy(_floats(np.ravel(weights[1]))))
    top, bottom, left, right = _four(struct.get('pad', 0))
    if (top, left) != (bottom, right):
        raise CaffeFormatError(f'its padding {(top, bottom, left, right)} is uneven')
    param.num_output, param.bias_term = outputs, len(blobs) == 2
    param.kernel_h, param.kernel_w = height, width
    param.pad_h, param.pad_w = top, left
    param.stride_h, param.stride_w = _pair(struct.get('stride', 1))
    param.dilation.extend(_pair(struct.get('dilate', 1)))
    return blobs


def _pooling(struct: dict[str, Any], param: Any) -> None:
    if struct['method'] not in ('max', 'avg'):
        method = shorten(str(struct['method']), 60)
        raise CaffeFormatError(f'{shorten(struct["name"], 60)!r} pools by {method!r}')
    param.pool = param.MAX if struct['method'] == 'max' else param.AVE
    param.kernel_h, param.kernel_w = _pair(struct['pool'])
    param.stride_h, param.stride_w = _pair(struct.get('stride', 1))
    top, bottom, left, right = _four(struct.get('pad', 0))
    # Where there is more padding at the end it is what Caffe's rounding up does.
    if not (top <= bottom < top + param.stride_h and left <= right < left + param.stride_w):
        raise CaffeFormatError(f'its padding {(top, bottom, left, right)} is not as in Caffe')
    param.pad_h, param.pad_w = top, left


def _floats(values: Any) -> np.ndarray:
    with np.errstate(over='ignore'):
        return np.array(values, np.float32)


def _numbers(value: Any) -> list[float]:
    """Return the one to four numbers of a parameter."""
    if not 1 <= np.size(value) <= 4:
        raise CaffeFormatError(f'a parameter has {np.size(value)} numbers')
    return [float(number) for number in np.ravel(value)]


def _pair(value: Any) -> tuple[int, int]:
    """Return (height, width) of one number or two, or of a padding's four."""
    numbers = list(map(int, _numbers(value)))
    return (numbers[0], numbers[-1]) if len(numbers) <= 2 else (numbers[0], numbers[2])


def _four(value: Any) -> tuple[int, int, int, int]:
    """Return a padding: top, bottom, left, right."""
    numbers = list(map(int, _numbers(value)))
    if len(numbers) == 4:
        return numbers[0], numbers[1], numbers[2], numbers[3]
    return numbers[0], numbers[0], numbers[-1], numbers[-1]
