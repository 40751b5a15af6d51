"""MatConvNet's networks, such as imagenet-vgg-verydeep-19.mat, as a NetParameter.

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
from loadcaffe.formats.schema import CaffeFormatError

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
    given = net.get('layers') if isinstance(net, dict) else None
    if not isinstance(given, list) or not all(isinstance(layer, dict) for layer in given):
        raise CaffeFormatError(f'{path}: not a MatConvNet simplenn network: no cell of layers')
    if not 0 < len(given) <= MAX_LAYERS:
        raise CaffeFormatError(f'{path}: not a MatConvNet network: it has {len(given)} layers')
    layers: list[Layer] = []
    blob = 'data'
    try:
        for one in given:
            layers.append(_layer(one, blob, first=not any(layer.blobs for layer in layers)))
            blob = layers[-1].param.top[0]
    except CaffeFormatError as error:
        raise CaffeFormatError(f'{path}: layer {len(layers) + 1}: {error}') from error
    except (ValueError, TypeError, KeyError, IndexError, OverflowError, AttributeError) as error:
        raise CaffeFormatError(
            f'{path}: layer {len(layers) + 1} is not as MatConvNet: {error}'
        ) from error
    name = Path(path).stem
    return NetParameter(name, 1, ['data'], [1, 3, 224, 224], [], layers, path, authoritative=True)


def _layer(one: dict[str, Any], bottom: str, first: bool) -> Layer:
    kind, name = one['type'], one['name']
    if not isinstance(kind, str) or not isinstance(name, str):
        raise CaffeFormatError('its name and type are no strings')
    if kind not in TYPES:
        raise CaffeFormatError(f'{name!r} has the type {kind!r}, which loadcaffe does not read')
    word = TYPES[kind]
    param = schema.LayerParameter(name=name, type=word, bottom=[bottom], top=[name])
    blobs = []
    if kind == 'conv':
        blobs = _convolution(one, param.convolution_param, first)
    elif kind == 'pool':
        pooling = param.pooling_param
        if one['method'] not in ('max', 'avg'):
            raise CaffeFormatError(f'{name!r} pools by {one["method"]!r}')
        pooling.pool = pooling.MAX if one['method'] == 'max' else pooling.AVE
        pooling.kernel_h, pooling.kernel_w = _pair(one['pool'])
        pooling.stride_h, pooling.stride_w = _pair(one.get('stride', 1))
        # Where the padding is uneven it is what Caffe's rounding up does.
        top, _, left, _ = _four(one.get('pad', 0))
        pooling.pad_h, pooling.pad_w = top, left
    elif kind == 'normalize':
        size, k, alpha, beta = np.ravel(one['param']).tolist()
        lrn = param.lrn_param
        lrn.local_size, lrn.k, lrn.alpha, lrn.beta = int(size), k, alpha * size, beta
    elif kind == 'dropout':
        param.dropout_param.dropout_ratio = float(np.ravel(one.get('rate', 0.5))[0])
    elif kind == 'relu' and np.size(one.get('leak', 0)) and np.ravel(one.get('leak', 0))[0]:
        param.relu_param.negative_slope = float(np.ravel(one['leak'])[0])
    return Layer(name, word, str(V1_NUMBERS[word]), param, blobs)


def _convolution(one: dict[str, Any], param: Any, first: bool) -> list[torch.Tensor]:
    # Older files call the two `filters` and `biases`.
    weights = one['weights'] if 'weights' in one else [one['filters'], one['biases']]
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
    top, bottom, left, right = _four(one.get('pad', 0))
    if (top, left) != (bottom, right):
        raise CaffeFormatError(f'its padding {(top, bottom, left, right)} is uneven')
    param.num_output, param.bias_term = outputs, len(blobs) == 2
    param.kernel_h, param.kernel_w = height, width
    param.pad_h, param.pad_w = top, left
    param.stride_h, param.stride_w = _pair(one.get('stride', 1))
    param.dilation.extend(_pair(one.get('dilate', 1)))
    return blobs


def _floats(values: Any) -> np.ndarray:
    with np.errstate(over='ignore'):
        return np.array(values, np.float32)


def _pair(value: Any) -> tuple[int, int]:
    numbers = [int(number) for number in np.ravel(value)]
    return (numbers[0], numbers[-1]) if len(numbers) <= 2 else (numbers[0], numbers[2])


def _four(value: Any) -> tuple[int, int, int, int]:
    """Padding: top, bottom, left, right."""
    numbers = [int(number) for number in np.ravel(value)]
    if len(numbers) == 4:
        return numbers[0], numbers[1], numbers[2], numbers[3]
    return numbers[0], numbers[0], numbers[-1], numbers[-1]
