"""Caffe's layers as torch modules: LAYERS, a builder for each type.

ORIGINAL has the layers of the original, as it runs them; source: loadcaffe.cpp: convertProtoToLuaV1
and V2; where they differ from Caffe by mistake, Caffe. LAYERS has those and all others, as Caffe
runs them in its phase TEST. Each builder takes a Layer and returns a module for (N, C, H, W), whose
weights are the layer's blobs, frozen and not copied. It raises CaffeFormatError, naming the layer.
"""

from collections.abc import Callable

from torch import nn

from loadcaffe.formats.netparameter import Layer
from loadcaffe.layers import (
    activations,
    branching,
    convolution,
    normalization,
    pooling,
    reshaping,
    spatial,
)

ORIGINAL: dict[str, Callable[[Layer], nn.Module]] = {
    'Convolution': convolution.convolution,
    'Dropout': activations.active_dropout,
    'InnerProduct': convolution.inner_product,
    'LRN': normalization.lrn,
    'Pooling': pooling.pooling,
    'ReLU': activations.relu_in_place,
    'Sigmoid': activations.sigmoid,
    'Softmax': activations.softmax,
    'SoftmaxWithLoss': activations.softmax,
    'TanH': activations.tanh,
    'Tanh': activations.tanh,  # loadcaffe.cpp: convertProtoToLuaV2 spells it so, Caffe does not
}
LAYERS: dict[str, Callable[[Layer], nn.Module]] = {
    'AbsVal': activations.absolute,
    'ArgMax': reshaping.argmax,
    'Axpy': branching.axpy,
    'BN': normalization.bn,
    'BNLL': activations.bnll,
    'BatchNorm': normalization.batch_norm,
    'Bias': normalization.bias,
    'Clip': activations.clip,
    'Concat': branching.concat,
    'Convolution': convolution.convolution,
    'ConvolutionDepthwise': convolution.convolution,
    'Crop': spatial.crop,
    'CropCenter': spatial.crop_center,
    'Deconvolution': convolution.deconvolution,
    'DepthwiseConvolution': convolution.convolution,
    'Dropout': activations.dropout,
    'ELU': activations.elu,
    'Eltwise': branching.eltwise,
    'Exp': activations.exp,
    'Flatten': reshaping.flatten,
    'InnerProduct': convolution.flattening_inner_product,
    'Interp': spatial.interp,
    'LRN': normalization.lrn,
    'Log': activations.log,
    'MVN': normalization.mvn,
    'Normalize': normalization.normalize,
    'PReLU': activations.prelu,
    'Permute': reshaping.permute,
    'Pooling': pooling.pooling,
    'Power': activations.power,
    'ReLU': activations.relu,
    'ReLU6': activations.relu6,
    'Reduction': reshaping.reduction,
    'Reshape': reshaping.reshape,
    'Scale': normalization.scale,
    'ShuffleChannel': reshaping.shuffle_channel,
    'Sigmoid': activations.sigmoid,
    'Slice': branching.slice_,
    'Softmax': activations.softmax,
    'SoftmaxWithLoss': activations.softmax,
    'Swish': activations.swish,
    'TanH': activations.tanh,
    'Threshold': activations.threshold,
    'Tile': reshaping.tile,
    'Upsample': spatial.upsample,
}
# How many inputs a layer takes, where it is not one: (fewest, most).
INPUTS = {
    'Axpy': (3, 3),
    'Bias': (1, 2),
    'Concat': (1, 10_000),
    'Crop': (2, 2),
    'Eltwise': (2, 10_000),
    'Interp': (1, 2),
    'Scale': (1, 2),
    'Upsample': (1, 2),
}
# How many blobs Caffe gives a layer, where it gives any; SegNet a BN 2, PSPNet 4.
BLOBS: dict[str, Callable[[Layer], int]] = {
    'BN': lambda layer: 4 if len(layer.blobs) == 4 else 2,
    'BatchNorm': lambda layer: 3,
    'Bias': lambda layer: int(len(layer.param.bottom) < 2),
    'Convolution': convolution.blob_count,
    'ConvolutionDepthwise': convolution.blob_count,
    'Deconvolution': convolution.blob_count,
    'DepthwiseConvolution': convolution.blob_count,
    'InnerProduct': lambda layer: 1 + layer.param.inner_product_param.bias_term,
    'Normalize': lambda layer: 1,
    'PReLU': lambda layer: 1,
    'Scale': lambda layer: (len(layer.param.bottom) < 2) + layer.param.scale_param.bias_term,
}


def blob_count(layer: Layer) -> int:
    """Return the number of blobs that a layer of this type has; a second input may replace one."""
    return BLOBS[layer.type](layer) if layer.type in BLOBS else 0


def lacks_weights(layer: Layer) -> bool:
    """Whether a layer needs weights and has none, nor a filler that is always the same."""
    return bool(blob_count(layer)) and not layer.blobs and not convolution.is_bilinear(layer)
