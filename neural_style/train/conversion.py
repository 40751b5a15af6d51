"""Networks in other formats: a trained style, or the network of -fast, in -output s.onnx."""

import os

from neural_style.command.arguments import Arguments
from neural_style.command.checks import check_writable
from neural_style.command.terminal import warn
from neural_style.command.trained_styles import (
    has_trained_style,
    load_trained_style,
    with_trained_style,
)
from neural_style.fast.onnx_painter import painter_model
from neural_style.fast.onnx_trained import trained_model
from neural_style.files.atomic import write_whole
from neural_style.train.flags import PROGRAM

SUFFIX = '.onnx'


def is_conversion(arguments: Arguments) -> bool:
    """Tell whether a network that there is is to be converted, and none trained."""
    return arguments.output.lower().endswith(SUFFIX)


def convert(arguments: Arguments) -> None:
    """Write the trained style that -style_image names as an ONNX model.  Raises ValueError.

    Without -style_image that is the network of -fast, for any style.
    """
    output = arguments.output
    arguments = with_trained_style(arguments)
    if arguments.style_image != '' and not has_trained_style(arguments):
        raise ValueError(
            f'-output {output}: is written of a trained style; name one in -style_image, or train'
            ' it first, with a .safetensors file in -output; without -style_image, the network of'
            ' -fast is written, which paints in any style'
        )
    for name in sorted(arguments.explicit - {'style_image', 'output'}):
        raise ValueError(f'-{name}: means nothing where a network is converted; omit it')
    check_writable('-output', output)
    try:
        if arguments.style_image == '':
            network, model = 'the network of -fast, for any style,', painter_model()
        else:
            network, model = 'the style', trained_model(load_trained_style(arguments.style_image))
    except ModuleNotFoundError as error:
        raise ValueError(
            f"-output {output}: needs the onnx package: pip install 'neural-style-caffe[onnx]'"
        ) from error
    write_whole(output, model.SerializeToString())
    warn(f'{network} is in {os.path.abspath(output)}', PROGRAM)
