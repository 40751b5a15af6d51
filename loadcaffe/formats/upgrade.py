"""Upgrade old Caffe formats to the newest: V0 (2013) and V1 (`layers`) to V2 (`layer`).

Source: caffe: upgrade_proto.cpp: UpgradeV0PaddingLayers, UpgradeV0LayerParameter,
UpgradeV1LayerParameter.
"""

from typing import Any

from loadcaffe.formats import schema
from loadcaffe.formats.messages import V1_TYPES
from loadcaffe.formats.schema import CaffeFormatError, as_str

# V0's word -> V2's.
V0_TYPES = {
    'accuracy': 'Accuracy',
    'bnll': 'BNLL',
    'concat': 'Concat',
    'conv': 'Convolution',
    'data': 'Data',
    'dropout': 'Dropout',
    'euclidean_loss': 'EuclideanLoss',
    'flatten': 'Flatten',
    'hdf5_data': 'HDF5Data',
    'hdf5_output': 'HDF5Output',
    'im2col': 'Im2col',
    'images': 'ImageData',
    'infogain_loss': 'InfogainLoss',
    'innerproduct': 'InnerProduct',
    'lrn': 'LRN',
    'memory_data': 'MemoryData',
    'multinomial_logistic_loss': 'MultinomialLogisticLoss',
    'pool': 'Pooling',
    'relu': 'ReLU',
    'sigmoid': 'Sigmoid',
    'softmax': 'Softmax',
    'softmax_loss': 'SoftmaxWithLoss',
    'split': 'Split',
    'tanh': 'TanH',
    'window_data': 'WindowData',
}
# V0's field -> the field of each layer's own parameters that it became. Fillers and what feeds the
# training are not needed here.
V0_FIELDS = {
    'Convolution': {
        'num_output': 'num_output',
        'biasterm': 'bias_term',
        'pad': 'pad',
        'kernelsize': 'kernel_size',
        'group': 'group',
        'stride': 'stride',
    },
    'InnerProduct': {'num_output': 'num_output', 'biasterm': 'bias_term'},
    'Pooling': {'pad': 'pad', 'kernelsize': 'kernel_size', 'stride': 'stride', 'pool': 'pool'},
    'Dropout': {'dropout_ratio': 'dropout_ratio'},
    'LRN': {'local_size': 'local_size', 'alpha': 'alpha', 'beta': 'beta', 'k': 'k'},
    'Concat': {'concat_dim': 'concat_dim'},
}
V0_PARAMETERS = {
    'Convolution': 'convolution_param',
    'InnerProduct': 'inner_product_param',
    'Pooling': 'pooling_param',
    'Dropout': 'dropout_param',
    'LRN': 'lrn_param',
    'Concat': 'concat_param',
}


def from_v1(message: Any) -> Any:
    """Turn a V1LayerParameter into a LayerParameter without blobs.

    The type is '' where V1 gives none.
    """
    param = schema.LayerParameter()
    for field, value in message.ListFields():
        if field.name in ('bottom', 'top'):
            getattr(param, field.name).extend(map(as_str, value))
        elif field.name in ('include', 'exclude'):
            getattr(param, field.name).extend(value)
        elif field.name == 'param':
            for name in value:
                param.param.add(name=as_str(name))
        elif field.name.endswith('_param'):
            getattr(param, field.name).MergeFrom(value)
    param.name, param.type = as_str(message.name), V1_TYPES[message.type][1]
    return param


def from_v0(message: Any) -> Any:
    """Turn a V1LayerParameter around a V0LayerParameter into a LayerParameter without blobs.

    An unknown type is kept, for the builders of layers to refuse.
    """
    old = message.layer
    param = schema.LayerParameter(name=as_str(old.name), bottom=map(as_str, message.bottom))
    param.top.extend(map(as_str, message.top))
    old_type = as_str(old.type)
    param.type = V0_TYPES.get(old_type, old_type)
    fields = V0_FIELDS.get(param.type, {})
    for field, value in old.ListFields():
        if field.name in fields:
            parameters = getattr(param, V0_PARAMETERS[param.type])
            if field.name in ('pad', 'kernelsize', 'stride') and param.type == 'Convolution':
                getattr(parameters, fields[field.name]).append(value)
            else:
                setattr(parameters, fields[field.name], value)
    return param


def merge_padding(layers: list, where: str) -> list:
    """Merge the padding layers of a V0 network into the layers that follow them.

    layers: netparameter.Layer, each with its V0 message in `.v0`.
    Source: caffe: upgrade_proto.cpp, UpgradeV0PaddingLayers.
    """
    padded: dict[str, tuple[str, int]] = {}  # top of a padding layer -> its bottom, its number
    kept = []
    for layer in layers:
        if layer.type == 'padding':
            for bottom, top in zip(layer.param.bottom, layer.param.top, strict=False):
                padded[top] = (bottom, layer.v0.pad)
            continue
        for i, bottom in enumerate(layer.param.bottom):
            if bottom in padded:
                source, pad = padded[bottom]
                if layer.type == 'Convolution':
                    layer.param.convolution_param.pad[:] = [pad]
                elif layer.type == 'Pooling':
                    layer.param.pooling_param.pad = pad
                else:
                    raise CaffeFormatError(
                        f'{where}: layer {layer.name!r}: padding before a layer of type'
                        f' {layer.type}; only Convolution and Pooling take it'
                    )
                layer.param.bottom[i] = source
        kept.append(layer)
    return kept
