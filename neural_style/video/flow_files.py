"""Flows of other programs: .flo files (Middlebury), and pictures of how far they can be trusted."""

import os
import re
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from neural_style.errors import SettingError
from neural_style.files.atomic import write_whole
from neural_style.video.consistency import reliability
from neural_style.video.flow import FlowFinder, Motion, MotionFinder, View, find_flow

MAGIC = b'PIEH'  # 202021.25
HEADER = struct.Struct('<4sii')
UNKNOWN = 1e9  # Flows above are of no known motion.
MAX_SIDE = 1 << 20
# [%d] is the frame, {%d} the one that the flow leads to, as in artistic-videos.
CURRENT, PREVIOUS = re.compile(r'\[(%0?\d*d)\]'), re.compile(r'\{(%0?\d*d)\}')


def read_flow(path: str | os.PathLike) -> Tensor:
    """Read a .flo file: (2, H, W), float32; NaN where the motion is unknown.

    Raises ValueError for another file, before anything is allocated for what its header claims.
    """
    with open(path, 'rb') as file:
        header = file.read(HEADER.size)
        magic, width, height = HEADER.unpack(header.ljust(HEADER.size, b'\0'))
        if magic != MAGIC:
            raise ValueError(f'{path}: not a .flo file')
        if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE):
            raise ValueError(f'{path}: damaged: a flow of {width} x {height} pixels')
        expected = HEADER.size + 8 * width * height
        if os.fstat(file.fileno()).st_size != expected:
            raise ValueError(
                f'{path}: damaged: not the {expected} bytes of {width} x {height} pixels'
            )
        values = np.frombuffer(file.read(), '<f4').reshape(height, width, 2)
    flow = torch.from_numpy(values.astype(np.float32).transpose(2, 0, 1).copy())
    unknown = ~(flow.abs() <= UNKNOWN).all(0)
    return flow.masked_fill_(unknown, float('nan'))


def write_flow(path: str | os.PathLike, flow: Tensor) -> None:
    """Write a flow (2, H, W) as a .flo file."""
    height, width = flow.shape[1:]
    values = flow.permute(1, 2, 0).numpy().astype('<f4').tobytes()
    write_whole(Path(path), HEADER.pack(MAGIC, width, height) + values)


def flow_file(pattern: str, current: int, previous: int) -> str:
    """Name the file of a pattern such as backward_[%d]_{%d}.flo."""
    name = CURRENT.sub(lambda match: match[1] % current, pattern)
    return PREVIOUS.sub(lambda match: match[1] % previous, name)


def check_pattern(setting: str, pattern: str) -> None:
    """Refuse a pattern that does not name the two frames."""
    if not (CURRENT.search(pattern) and PREVIOUS.search(pattern)):
        raise SettingError(
            setting,
            'give [%d] for the frame, and {%d} for the one before: backward_[%d]_{%d}.flo',
            pattern,
        )


def motion_of_files(
    flow_pattern: str,
    weight_pattern: str,
    read_weight: Callable[[str], Tensor],
    find_flow: FlowFinder = find_flow,
) -> MotionFinder:
    """Return a function that reads motions from files.

    weight_pattern: of pictures that are white where a flow can be trusted; '' compares each flow
    with the forward flow of find_flow.  read_weight: returns the luminance (1, H, W) of a picture.
    """
    check_pattern('flow_pattern', flow_pattern)
    if weight_pattern:
        check_pattern('flowWeight_pattern', weight_pattern)

    def find(current: View, previous: View) -> Motion:
        path = flow_file(flow_pattern, current.number, previous.number)
        flow = _read('flow_pattern', path, read_flow)
        _check_size('flow_pattern', path, flow, current)
        known = ~flow[:1].isnan()
        flow = flow.nan_to_num(0)
        if not weight_pattern:
            trust = reliability(flow, find_flow(previous, current))
            return Motion(flow, trust * known)
        path = flow_file(weight_pattern, current.number, previous.number)
        weight = _read('flowWeight_pattern', path, read_weight)
        _check_size('flowWeight_pattern', path, weight, current)
        return Motion(flow, weight.float() * known)

    return find


def _read(setting: str, path: str, read: Callable[[str], Tensor]) -> Tensor:
    try:
        return read(path)
    except FileNotFoundError as error:
        raise SettingError(setting, f'{path}: no such file') from error
    except (OSError, ValueError) as error:
        raise SettingError(setting, str(error)) from error


def _check_size(setting: str, path: str, values: Tensor, current: View) -> None:
    if values.shape[1:] != current.grey.shape:
        sizes = [f'{shape[1]} x {shape[0]}' for shape in (values.shape[1:], current.grey.shape)]
        raise SettingError(
            setting,
            f'{path} has {sizes[0]} pixels, and the frames are painted at {sizes[1]}; compute it'
            ' for frames of that size, or give their `image_size`',
        )
