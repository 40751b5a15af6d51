"""What the layers of a CNN are to the loss network: names, channels, poolings, sizes that fit."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from loadcaffe.layers.pooling import Pooling
from neural_style.errors import SettingError
from neural_style.memory.exhaustion import is_out_of_memory
from neural_style.network.windows import layer_windows


def layer_names(cnn: nn.Sequential) -> list[str]:
    """Name each layer by its .name, as loadcaffe sets it, or else by its key."""
    return [str(getattr(layer, 'name', key)) for key, layer in cnn.named_children()]


def output_channels(layer: nn.Module, input_channels: int) -> int:
    """Count the channels of a layer's output, given those of its input."""
    if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
        return layer.out_channels
    return input_channels


def average_pooling(layer: nn.MaxPool2d | Pooling, name: str, keep_size: bool) -> nn.Module:
    """Make the average pooling that takes the place of a max pooling.

    It is in floor mode, where max pooling is in ceil mode, as in neural_style.lua.
    keep_size: keep padding and mode, for branches whose outputs must fit together.
    """
    if isinstance(layer, Pooling):  # Caffe's, of a geometry that torch.nn lacks
        return layer.averaging()
    if keep_size:
        return nn.AvgPool2d(layer.kernel_size, layer.stride, layer.padding, layer.ceil_mode)
    if layer.padding not in (0, (0, 0)):
        raise SettingError('pooling', f'layer {name!r} has padding {layer.padding}; use max', 'avg')
    return nn.AvgPool2d(layer.kernel_size, layer.stride)


def call_layer(layer: nn.Module, *inputs: Tensor) -> Any:
    """Run a layer; raises ValueError, naming it, where it cannot take its inputs."""
    try:
        return layer(*inputs)
    except (ValueError, IndexError) as error:
        raise does_not_fit(layer, inputs, str(error)) from error
    except RuntimeError as error:
        # 'CUDA error', 'CUDNN_STATUS' ... are of the device
        if type(error) is not RuntimeError or is_out_of_memory(error) or 'CU' in str(error):
            raise
        raise does_not_fit(layer, inputs, str(error)) from error


def does_not_fit(layer: nn.Module, inputs: Sequence[Tensor], problem: str) -> ValueError:
    """Return the error of a layer that cannot take its inputs."""
    name = getattr(layer, 'name', type(layer).__name__)
    shapes = ' and '.join(' x '.join(map(str, tensor.shape)) for tensor in inputs)
    return ValueError(
        f'layer {name!r} cannot take features of {shapes} ({problem}): give images of the size that'
        ' the network was made for and the weights that belong to it, or name only layers before'
        ' it in `content_layers` and `style_layers`'
    )


def check_fit(layer: nn.Module, features: Tensor) -> None:
    """Raise ValueError where an image's features are of a size that a layer cannot take."""
    if isinstance(layer, nn.Conv2d) and features.shape[1] != layer.in_channels:
        raise does_not_fit(layer, [features], f'it takes {layer.in_channels} channels')
    if isinstance(layer, nn.Linear):
        size = features.flatten(1).shape[1]
        if size != layer.in_features:
            raise SettingError(
                'image_size',
                f'the fully connected layer {layer.name!r} takes {layer.in_features} values and'
                f' gets {size}: use images of the size that the network was made for, or name only'
                ' layers before it in `content_layers` and `style_layers`',
            )
    elif isinstance(layer, nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d):
        for window, size in zip(layer_windows(layer) or (), features.shape[2:], strict=False):
            if window.output_size(size) < 1:
                pooling = ' by `pooling` avg' if isinstance(layer, nn.AvgPool2d) else ''
                raise SettingError(
                    'image_size',
                    f'too small for the {window.size} pixels wide window of a'
                    f' {type(layer).__name__} layer{pooling}, which gets {size}; give a larger one',
                )
