"""The finished network: filters scaled to their mean activations, and files in Caffe's format."""

import logging
from pathlib import Path

import torch
from google.protobuf import text_format
from torch import Tensor

from loadcaffe.formats import schema
from tools.small_vgg19.network import INPUT_SCALE, SmallVGG, moments, units

log = logging.getLogger(__name__)

# Mean activation of every filter after its ReLU, in the files that are written.  As in the
# normalised VGG-19 all filters of a layer weigh the same; but not 1, with which the original's
# -tv_weight of 0.001 would outweigh the losses and leave a grey picture.  With these, the losses of
# noise under the default weights are those of the genuine VGG-19 (measured on two pairs at 512
# pixels up to relu3_1, and from SqueezeNet's scale above).
MEAN_ACTIVATION = {
    '1_1': 25.0,
    '1_2': 60.0,
    '2_1': 93.0,
    '2_2': 110.0,
    '3_1': 140.0,
    '3_2': 150.0,
    '3_3': 160.0,
    '3_4': 180.0,
    '4_1': 200.0,
    '4_2': 398.0,
    '4_3': 150.0,
    '4_4': 60.0,
    '5_1': 19.0,
}


@torch.no_grad()
def scale_filters(network: SmallVGG, images: list[Tensor]) -> None:
    """Give every filter its mean activation over all pictures and positions.

    The scale of the input is moved into the first layer.  A layer's filters are scaled and the
    next layer's weights scaled back, so nothing else changes.
    """
    totals = {name: torch.zeros(2, width) for name, width in network.widths.items()}
    for image in images:
        for name, feature in network(image[None]).items():
            totals[name] += moments(feature) / len(images)
    input_scale = torch.full((3,), 1 / INPUT_SCALE)
    for name, layer in network.convolutions.items():
        factor = MEAN_ACTIVATION[name] / units(totals[name])
        rare = int((units(totals[name]) > totals[name][0]).sum())
        log.info('conv%s: %d filters, %d of them respond too seldom', name, len(factor), rare)
        layer.bias.copy_(network.bias(name))
        getattr(network, f'centre{name}').zero_()
        layer.weight.mul_(input_scale[:, None, None]).mul_(factor[:, None, None, None])
        layer.bias.mul_(factor)
        input_scale = 1 / factor


def write(network: SmallVGG, path: Path) -> None:
    """Write path.prototxt and path.caffemodel, in the format of VGG's own files (V1)."""
    net = schema.NetParameter(name=path.name, input=['data'], input_dim=[1, 3, 224, 224])
    top, block = 'data', '1'
    for name, convolution in network.convolutions.items():
        if name[0] != block:
            parameters = _add_layer(net, 'POOLING', f'pool{block}', top, f'pool{block}')
            parameters.pooling_param.pool = parameters.pooling_param.MAX
            parameters.pooling_param.kernel_size = parameters.pooling_param.stride = 2
            top, block = f'pool{block}', name[0]
        layer = _add_layer(net, 'CONVOLUTION', f'conv{name}', top, f'conv{name}')
        layer.convolution_param.num_output = convolution.out_channels
        layer.convolution_param.pad.append(1)
        layer.convolution_param.kernel_size.append(3)
        layer.blobs.append(_blob(convolution.weight))
        layer.blobs.append(_blob(convolution.bias[None, None, None]))
        top = f'conv{name}'
        _add_layer(net, 'RELU', f'relu{name}', top, top)
    path.with_suffix('.caffemodel').write_bytes(net.SerializeToString(deterministic=True))
    for layer in net.layers:
        layer.ClearField('blobs')
    path.with_suffix('.prototxt').write_text(text_format.MessageToString(net))


def _add_layer(net, layer_type: str, name: str, bottom: str, top: str):
    numbers = {type_name: number for number, (type_name, _) in schema.V1_TYPES.items()}
    return net.layers.add(name=name, type=numbers[layer_type], bottom=[bottom], top=[top])


def _blob(values: Tensor):
    num, channels, height, width = values.shape
    return schema.BlobProto(
        num=num,
        channels=channels,
        height=height,
        width=width,
        data=values.detach().flatten().tolist(),
    )
