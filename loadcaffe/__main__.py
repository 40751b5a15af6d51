"""python -m loadcaffe: what is in a Caffe network, and its convolutional part alone."""

import argparse
import contextlib
import io
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from torch import nn

from loadcaffe.building import build
from loadcaffe.choice import NETS
from loadcaffe.formats.netparameter import NetParameter
from loadcaffe.formats.prototxt import read_prototxt
from loadcaffe.formats.schema import CaffeFormatError
from loadcaffe.loading import read_choice
from loadcaffe.table import lines, rows
from loadcaffe.topology import resolve_inputs
from loadcaffe.writing import convolutional, write_caffemodel, write_safetensors


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog='python -m loadcaffe', description=__doc__)
    parser.add_argument('prototxt', help='the deploy prototxt; need not be there if not needed')
    parser.add_argument(
        'model', help='.caffemodel, .caffemodel.h5, .mat, .pth, .safetensors, .onnx'
    )
    parser.add_argument('--input', help='size of the input: 512x384 (width x height), or NxCxHxW')
    parser.add_argument('--net', choices=NETS, default='auto', help='which file says the layers')
    help_ = 'write the convolutional part alone, as .safetensors or .caffemodel; it loads as before'
    parser.add_argument('--conv-only', '--to', metavar='FILE', dest='to', help=help_)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a name that the console's encoding lacks
            stream.reconfigure(errors='backslashreplace')
    args = parser.parse_args(argv)
    try:
        with warnings_on_stderr():
            text = '\n'.join(show(args))
    except (CaffeFormatError, OSError) as error:
        if isinstance(error, OSError) and error.filename:
            print(f'{error.filename}: {error.strerror}', file=sys.stderr)
        else:
            print(error, file=sys.stderr)
        return 1
    return write_out(text)


@contextlib.contextmanager
def warnings_on_stderr() -> Iterator[None]:
    """Print what loadcaffe warns of."""
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(Once())
    logger = logging.getLogger('loadcaffe')
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


class Once:
    """A filter of the log that lets each line through once: two steps may look at one network."""

    def __init__(self) -> None:
        self._texts: set[str] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        text = record.getMessage()
        is_new = text not in self._texts
        self._texts.add(text)
        return is_new


def write_out(text: str) -> int:
    """Write text on stdout, if there is one; returns the exit status."""
    try:
        print(text, flush=True)
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):  # then the reader has gone, as `head` does
            print(f'stdout: {error.strerror}', file=sys.stderr)
            return 1
    return 0


def show(args: argparse.Namespace) -> Iterator[str]:
    """Write the convolutional part, if that is asked for, and yield the table of the network."""
    choice = read_choice(args.prototxt, args.model, args.net)
    layers = None
    if args.to is not None:
        part = convolutional(choice)
        yield write(part, args.to, args.model)
        layers = [layer.name for layer in part.layers]
    network = build(choice, layers)
    shape = input_shape(args.input, args.prototxt, choice.net, network)
    types = {layer.name: layer.type for layer in choice.net.layers}
    yield f'{choice.net.name or Path(args.model).name}: input {" x ".join(map(str, shape))}'
    yield from lines(rows(network, shape, types))


def write(net: NetParameter, path: str, model: str) -> str:
    """Write a network under a temporary name first: never half a file.  Returns its size."""
    writers = {'.safetensors': write_safetensors, '.caffemodel': write_caffemodel}
    if Path(path).suffix not in writers:
        raise CaffeFormatError(f'{path}: name a .safetensors or .caffemodel file')
    if Path(path).exists() and Path(path).samefile(model):
        raise CaffeFormatError(f'{path}: this is the model that is read')
    temporary = f'{path}.part'
    try:
        writers[Path(path).suffix](net, temporary)
        os.replace(temporary, path)
    except OSError as error:
        raise OSError(error.errno, f'cannot write it: {error.strerror}', path) from error
    finally:
        with contextlib.suppress(OSError):
            os.remove(temporary)
    return f'{path}: {Path(path).stat().st_size / 1e6:,.1f} MB'


def input_shape(
    text: str | None, prototxt: str, net: NetParameter, network: nn.Sequential
) -> tuple[int, ...]:
    """Return the size that is asked for, or the one in the files, or 224 x 224."""
    convolutions = (layer for layer in network if isinstance(layer, nn.Conv2d))
    channels = next((layer.in_channels for layer in convolutions), 3)
    declared = _declared_shape(net) or _shape_in(prototxt) or (1, channels, 224, 224)
    if text is None:
        return declared
    try:
        numbers = [int(number) for number in text.split('x')]
        if len(numbers) not in (2, 4) or not all(0 < number < 1 << 20 for number in numbers):
            raise ValueError
    except ValueError:
        raise CaffeFormatError(f'--input {text}: give 512x384 or 1x3x384x512') from None
    return tuple(numbers) if len(numbers) == 4 else (1, declared[1], numbers[1], numbers[0])


def _declared_shape(net: NetParameter) -> tuple[int, ...]:
    try:
        shape = resolve_inputs(net).shape
    except CaffeFormatError:
        return ()
    fits = 2 <= len(shape) <= 4 and all(0 < size < 1 << 20 for size in shape)
    return (1, *shape[1:]) if fits else ()


def _shape_in(prototxt: str) -> tuple[int, ...]:
    try:
        return _declared_shape(read_prototxt(prototxt))
    except (OSError, CaffeFormatError):
        return ()


if __name__ == '__main__':
    sys.exit(main())
