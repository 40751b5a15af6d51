"""The painter of cameras: a process of its own, which keeps styles between frames, and no frame.

It reads requests from its input and writes answers to its output: a line of JSON each, which tells
how many bytes of a JPEG follow, or in an answer what is wrong.
"""

import functools
import io
import json
import logging
import os
import sys
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

import numpy as np
import PIL.Image
import torch
from torch import Tensor

from neural_style.command.fast import quiet_painter
from neural_style.command.preview import encode
from neural_style.errors import SettingError
from neural_style.fast.painting import Painter
from neural_style.fast.smoothing import Smoothing
from neural_style.fast.trained import TrainedPainter, TrainedStyle, is_trained_style
from neural_style.files.pillow import to_tensor
from neural_style.logs import log_level
from neural_style.memory.heap import configure_malloc
from neural_style.modes import default_modes
from neural_style.network.devices import choose_devices
from neural_style.torch7 import image
from neural_style.transfer.images import as_image
from neural_style.transfer.inputs import checked_weights
from neural_style.web.job import NICENESS

STYLES_KEPT = 4  # ready to paint with
CAMERAS_KEPT = 100  # of which statistics are remembered
# Paints a frame (3, H, W): with weights of the styles, a strength, and statistics.
Painting = Callable[[Tensor, list[float], float, Smoothing], Tensor]


def main() -> int:
    """Paint frames until there is no more input."""
    if hasattr(os, 'nice'):
        os.nice(NICENESS)
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), 'wb')
    os.dup2(2, 1)  # nothing else comes between the answers
    configure_malloc()
    # One core is for the browser: with two threads on two cores, each waits for the one without.
    torch.set_num_threads(max(1, torch.get_num_threads() - 1))
    try:
        with default_modes():
            work(LivePainter(), requests, answers)
    except BrokenPipeError:  # the page was killed
        os._exit(0)  # or Python would try once more to write what is left
    return 0


def work(painter: 'LivePainter', requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer requests as they come."""
    for line in requests:
        request = json.loads(line)
        frame = requests.read(request['bytes'])
        try:
            painted, problem = painter.paint(request, frame), ''
        except (OSError, ValueError) as error:
            painted, problem = b'', str(error)
        head = {'problem': problem, 'bytes': len(painted)}
        answers.write(json.dumps(head).encode() + b'\n' + painted)
        answers.flush()


class LivePainter:
    """Paints the frames of several cameras."""

    def __init__(self) -> None:
        with log_level(logging.ERROR):  # that there is no GPU
            self.device = choose_devices()[0]
        self._statistics: OrderedDict[str, tuple[Any, Smoothing]] = OrderedDict()
        self._painting = functools.lru_cache(STYLES_KEPT)(self._load)

    def paint(self, request: Mapping[str, Any], frame: bytes) -> bytes:
        """Paint a JPEG; returns one of the same size.  Raises OSError and ValueError.

        request: camera, the name of one; max_size, of its frames; style, a path; weights of the
        styles in that file, [] for equal ones; strength, from 0 to 1.
        """
        picture = decode(frame, request['max_size'])
        style = request['style']
        smoothing = self._smoothing(request['camera'], (style, picture.shape))
        paint = self._painting(style, max(picture.shape))
        return encode(paint(picture, request['weights'], request['strength'], smoothing))

    def _smoothing(self, camera: str, setting: Any) -> Smoothing:
        """Return the statistics of a camera's last frames, if they were painted with a setting."""
        former, smoothing = self._statistics.pop(camera, (None, Smoothing()))
        self._statistics[camera] = (setting, smoothing if former == setting else Smoothing())
        if len(self._statistics) > CAMERAS_KEPT:
            self._statistics.popitem(last=False)
        return self._statistics[camera][1]

    def _load(self, path: str, size: int) -> Painting:
        """Return a function that paints with a trained style, or in the style of a painting.

        size: of the painting's longer side, which is the frames', as in -fast.
        """
        if is_trained_style(path):
            trained = TrainedPainter(TrainedStyle.load(path), self.device)
            count = trained.network.shape.styles
            return lambda picture, weights, strength, smoothing: trained.paint(
                picture, mixture(weights, count), strength, smoothing
            )
        painter = self._painter
        style = painter.style(image.scale(as_image('style_image', path), size))
        return lambda picture, _, strength, smoothing: painter.paint(
            picture, style, strength, smoothing
        )

    @functools.cached_property
    def _painter(self) -> Painter:
        """The network for any painting, which all of them share."""
        return quiet_painter(self.device)


def mixture(weights: list[float], count: int) -> list[float]:
    """Return weights of so many styles, with a sum of 1.  Raises ValueError."""
    try:
        return checked_weights(weights or None, count)
    except SettingError as error:
        raise ValueError('give one of the styles a weight above 0') from error


def decode(frame: bytes, max_size: int) -> Tensor:
    """Decode a JPEG (3, H, W).  Raises ValueError for any other file, and for longer sides."""
    try:
        with PIL.Image.open(io.BytesIO(frame), formats=('JPEG',)) as picture:
            size = picture.size
            pixels = np.asarray(picture.convert('RGB')) if max(size) <= max_size else None
    except Exception:  # as decoders fail
        raise ValueError('this frame is no JPEG that can be read') from None
    if pixels is None:
        raise ValueError(f'this frame has {size[0]} x {size[1]} pixels; up to {max_size} are taken')
    return to_tensor(pixels, 255).to(torch.float32)


if __name__ == '__main__':
    sys.exit(main())
