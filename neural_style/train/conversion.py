"""Trained styles in other formats: -style_image s.safetensors -output s.onnx."""

import os

from neural_style.command.arguments import Arguments
from neural_style.command.checks import check_writable
from neural_style.command.terminal import warn
from neural_style.command.trained_styles import (
    has_trained_style,
    load_trained_style,
    with_trained_style,
)
from neural_style.fast.onnx_model import save_onnx
from neural_style.train.flags import PROGRAM

SUFFIX = '.onnx'


def is_conversion(arguments: Arguments) -> bool:
    """Tell whether a trained style is to be converted, and none trained."""
    return arguments.output.lower().endswith(SUFFIX)


def convert(arguments: Arguments) -> None:
    """Write the trained style that -style_image names as an ONNX model.  Raises ValueError."""
    output = arguments.output
    arguments = with_trained_style(arguments)
    if not has_trained_style(arguments):
        raise ValueError(
            f'-output {output}: is written of a trained style; name one in -style_image, or train'
            ' it first, with a .safetensors file in -output'
        )
    for name in sorted(arguments.explicit - {'style_image', 'output'}):
        raise ValueError(f'-{name}: means nothing where a trained style is converted; omit it')
    check_writable('-output', output)
    trained = load_trained_style(arguments.style_image)
    try:
        save_onnx(trained, output)
    except ModuleNotFoundError as error:
        raise ValueError(
            f"-output {output}: needs the onnx package: pip install 'neural-style-caffe[onnx]'"
        ) from error
    warn(f'the style is in {os.path.abspath(output)}', PROGRAM)
