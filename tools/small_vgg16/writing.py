"""The finished network as files in Caffe's format."""

from pathlib import Path

import torch
from google.protobuf import text_format
from torch import Tensor, nn

from loadcaffe.formats import schema
from tools.small_vgg16.network import SmallVGG

FLOAT16 = 2  # raw_data_type, of NVIDIA's and OpenCV's caffe.proto


def write(network: SmallVGG, path: Path) -> None:
    """Write path.prototxt and path.caffemodel, in the format of VGG's own files (V1).

    conv1_1 becomes conv1_1_v (3 x 1) and conv1_1 (1 x 3), and so on.  Weights are stored in half
    precision.
    """
    net = schema.NetParameter(name=path.name, input=['data'], input_dim=[1, 3, 224, 224])
    top, block = 'data', '1'
    for name, (vertical, horizontal) in network.pairs.items():
        if name[0] != block:
            pooling = _add_layer(net, 'POOLING', f'pool{block}', top, f'pool{block}')
            pooling.pooling_param.pool = pooling.pooling_param.MAX
            pooling.pooling_param.kernel_size = pooling.pooling_param.stride = 2
            top, block = f'pool{block}', name[0]
        _add_convolution(net, vertical, f'conv{name}_v', top)
        _add_convolution(net, horizontal, f'conv{name}', f'conv{name}_v')
        top = f'conv{name}'
        _add_layer(net, 'RELU', f'relu{name}', top, top)
    path.with_suffix('.caffemodel').write_bytes(net.SerializeToString(deterministic=True))
    for layer in net.layers:
        layer.ClearField('blobs')
    path.with_suffix('.prototxt').write_text(text_format.MessageToString(net))


def _add_convolution(net, convolution: nn.Conv2d, name: str, bottom: str) -> None:
    layer = _add_layer(net, 'CONVOLUTION', name, bottom, name)
    parameters = layer.convolution_param
    parameters.num_output = convolution.out_channels
    parameters.kernel_h, parameters.kernel_w = convolution.kernel_size
    parameters.pad_h, parameters.pad_w = convolution.padding
    layer.blobs.append(_blob(convolution.weight))
    if convolution.bias is None:
        parameters.bias_term = False
    else:
        layer.blobs.append(_blob(convolution.bias[None, None, None]))


def _add_layer(net, layer_type: str, name: str, bottom: str, top: str):
    numbers = {type_name: number for number, (type_name, _) in schema.V1_TYPES.items()}
    return net.layers.add(name=name, type=numbers[layer_type], bottom=[bottom], top=[top])


def _blob(values: Tensor):
    num, channels, height, width = values.shape
    halves = values.detach().to(torch.float16).numpy()
    return schema.BlobProto(
        num=num,
        channels=channels,
        height=height,
        width=width,
        raw_data=halves.astype('<f2').tobytes(),
        raw_data_type=FLOAT16,
    )
