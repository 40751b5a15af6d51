"""Read the blobs of an HDF5 file, each number once, with every length checked against the file."""

import math
from collections.abc import Collection
from io import BufferedReader
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from loadcaffe.formats.blob import float_tensor
from loadcaffe.formats.netparameter import MAX_BLOBS
from loadcaffe.formats.schema import CaffeFormatError

MAX_DEPTH = 8  # of groups: a layer 'a/b' is a group in a group
MAX_READS = 200_000  # of parts of the file; a network takes a few thousand


class BlobReader:
    """An open file, and what may still be read of it."""

    def __init__(self, path: str | Path, file: BufferedReader):
        self.path, self.file = path, file
        self.size = file.seek(0, 2)
        self.reads_left = MAX_READS
        self.blobs_left = MAX_BLOBS
        self.bytes_left = self.size  # of blobs that are still to be read

    def error(self, text: str) -> CaffeFormatError:
        return CaffeFormatError(f'{self.path}: damaged HDF5: {text}')

    def not_contiguous(self, where: str) -> CaffeFormatError:
        return CaffeFormatError(
            f'{self.path}: {where} is compressed or in pieces; store it contiguously, as Caffe'
        )

    def bytes(self, start: int, length: int) -> bytes:
        self.reads_left -= 1
        if self.reads_left < 0:
            raise self.error('it has too many parts')
        if not 0 <= start <= start + length <= self.size:
            raise self.error(f'{length} bytes at {start} are beyond its end')
        self.file.seek(start)
        return self.file.read(length)

    def number(self, start: int, length: int = 8) -> int:
        return int.from_bytes(self.bytes(start, length), 'little')

    def tensor(self, where: str, start: int, dtype: np.dtype, shape: tuple[int, ...]) -> Tensor:
        """Read the numbers of a blob into memory of its own; those of overlapping blobs once."""
        count = math.prod(shape)
        if not count:
            return torch.empty([min(size, 1) for size in shape])
        self.blobs_left -= 1
        self.bytes_left -= count * dtype.itemsize
        if max(shape, default=1) >= 1 << 40 or start + count * dtype.itemsize > self.size:
            raise self.error(f'{where} is beyond its end')
        if self.blobs_left < 0 or self.bytes_left < 0:
            raise self.error(f'{where}: its blobs are more than {MAX_BLOBS}, or overlap')
        array = np.empty(count, dtype)
        self.file.seek(start)
        if self.file.readinto(array.view(np.uint8).data) < array.nbytes:
            raise self.error('it became shorter while it was read')
        return float_tensor(array, list(shape))


def check_is_caffes(path: str | Path, names: Collection[str]) -> None:
    """Raise CaffeFormatError unless the groups of a file, by their names, are Caffe's."""
    if 'data' not in names:
        raise CaffeFormatError(f'{path}: not a caffemodel: {_other_kind(set(names))}')


def _other_kind(names: set[str]) -> str:
    """Describe an HDF5 file of another program by the names of its groups."""
    if 'learned_net' in names:
        return 'it is a training state (.solverstate.h5); the weights are in a .caffemodel.h5'
    if names & {'model_weights', 'layers', 'layer_names'}:
        return "it is a network of Keras; only Caffe's are read"
    return "the group 'data' is missing"
