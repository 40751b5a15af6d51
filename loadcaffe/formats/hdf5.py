"""Caffe's .caffemodel.h5: the group `data` holds a group for each layer with blobs 0, 1, ...

Caffe writes the classic HDF5 of 1998: superblock 0, groups as B-trees of symbol tables, contiguous
numbers. That much is read here, with every offset and length checked, because the HDF5 library
takes a damaged file's word for too much (seconds were lost in it). Newer containers, whose parts
carry checksums, are left to h5py.

Sources: support.hdfgroup.org, "HDF5 File Format Specification Version 3.0"; caffe: net.cpp, ToHDF5;
hdf5.cpp.
"""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from loadcaffe.formats.blob import AXES, float_tensor
from loadcaffe.formats.netparameter import MAX_LAYERS, NetParameter, open_file, weights_only
from loadcaffe.formats.schema import CaffeFormatError

MAGIC = b'\x89HDF\r\n\x1a\n'
BLOBS = 1000  # of one layer
DEPTH = 8  # of groups: a layer 'a/b' lies in two
STEPS = 200_000  # parts of the file that are looked at; a network has a few thousand
DATASPACE, DATATYPE, LAYOUT, CONTINUATION, SYMBOL_TABLE = 1, 3, 8, 16, 17

# A layer's name, and its blobs.
Named = tuple[str, list[Tensor]]


def read_hdf5(path: str | Path) -> NetParameter:
    """Read the weights. What the layers are, the file does not say.

    Raises FileNotFoundError, CaffeFormatError.
    """
    with open_file(path) as file:
        content = np.memmap(file, np.uint8, 'r')
        classic = len(content) > 8 and content[8] < 2
        blobs = _Classic(path, content).blobs() if classic else _read_newer(path, len(content))
    return weights_only(path, blobs)


class _Classic:
    """A file of superblock 0 or 1. Addresses count from the superblock, lengths are in bytes."""

    def __init__(self, path: str | Path, content: np.ndarray):
        self.path = path
        self.content = content
        self.steps = STEPS

    def error(self, text: str) -> CaffeFormatError:
        return CaffeFormatError(f'{self.path}: damaged HDF5: {text}')

    def bytes(self, start: int, length: int) -> bytes:
        self.steps -= 1
        if self.steps < 0:
            raise self.error('it has too many parts')
        if not 0 <= start <= start + length <= len(self.content):
            raise self.error(f'{length} bytes at {start} are beyond its end')
        return self.content[start : start + length].tobytes()

    def number(self, start: int, length: int = 8) -> int:
        return int.from_bytes(self.bytes(start, length), 'little')

    def blobs(self) -> list[Named]:
        if self.bytes(13, 2) != b'\x08\x08':
            raise self.error('its addresses are not 8 bytes long')
        whole = self.number(40 + 4 * (self.number(8, 1) == 1))
        if whole > len(self.content):
            raise self.error(f'it should have {whole} bytes, it has {len(self.content)}')
        root = 24 + 4 * (self.number(8, 1) == 1) + 32  # the root group's symbol table entry
        names = self.group(self.messages(self.number(root + 8)))
        if 'data' not in names:
            raise CaffeFormatError(f"{self.path}: not a caffemodel: the group 'data' is missing")
        return list(self.walk('', self.messages(names['data']), 0))

    def walk(self, name: str, messages: dict[int, int], depth: int) -> Iterator[Named]:
        """The layers in a group: itself, if it holds blobs, and those below, 'a/b' in group 'a'."""
        blobs: dict[str, dict[int, int]] = {}
        groups: dict[str, dict[int, int]] = {}
        for child, header in self.group(messages).items():
            found = self.messages(header)
            (groups if SYMBOL_TABLE in found else blobs)[child] = found
        if depth > DEPTH or len(groups) > MAX_LAYERS or len(blobs) > BLOBS:
            raise self.error(f'it has more than {DEPTH} groups in each other, or too many')
        if set(blobs) != set(map(str, range(len(blobs)))):
            raise self.error(f'layer {name!r} has the blobs {", ".join(blobs)[:60]}')
        if name:
            where = f'layer {name!r}: blob'
            numbered = [self.blob(f'{where} {i}', blobs[str(i)]) for i in range(len(blobs))]
            yield name, numbered
        for child, found in groups.items():
            yield from self.walk(f'{name}/{child}'.lstrip('/'), found, depth + 1)

    def messages(self, header: int) -> dict[int, int]:
        """The messages of an object: type to the address of what the (last) one of it says."""
        if self.number(header, 1) != 1:
            raise self.error(f'the object at byte {header} is of no known version')
        left, found = self.number(header + 2, 2), {}
        blocks = [(header + 16, self.number(header + 8, 4))]
        while blocks:
            at, size = blocks.pop(0)
            end = at + size
            while left and at + 8 <= end:
                kind, length = self.number(at, 2), self.number(at + 2, 2)
                left -= 1
                if kind == CONTINUATION:
                    blocks.append((self.number(at + 8), self.number(at + 16)))
                found[kind] = at + 8
                at += 8 + length
        return found

    def group(self, messages: dict[int, int]) -> dict[str, int]:
        """The names in a group, and the address of each object's header."""
        if SYMBOL_TABLE not in messages:
            raise self.error('a group is expected where there is none')
        tree, heap = (self.number(messages[SYMBOL_TABLE] + 8 * i) for i in (0, 1))
        if self.bytes(heap, 4) != b'HEAP':
            raise self.error(f'names are expected at byte {heap}')
        size, names = self.number(heap + 8), self.number(heap + 24)
        self.bytes(names, size)
        found: dict[str, int] = {}
        for entry in self.entries(tree):
            offset = self.number(entry)
            if offset >= size:
                raise self.error(f'a name lies at byte {offset} of {size}')
            name = self.bytes(names + offset, min(size - offset, 4096)).partition(b'\0')[0]
            if self.number(entry + 16, 4) > 1:  # a link to elsewhere
                raise self.error('it has symbolic links')
            found[name.decode('utf-8', 'backslashreplace')] = self.number(entry + 8)
        return found

    def entries(self, tree: int) -> Iterator[int]:
        """The addresses of a group's symbol table entries, over all nodes of its B-tree."""
        nodes = [tree]
        while nodes:
            node = nodes.pop()
            if self.bytes(node, 4) == b'TREE' and self.number(node + 4, 1) == 0:
                used = self.number(node + 6, 2)
                nodes += [self.number(node + 32 + 16 * i) for i in reversed(range(used))]
            elif self.bytes(node, 4) == b'SNOD':
                yield from (node + 8 + 40 * i for i in range(self.number(node + 6, 2)))
            else:
                raise self.error(f'a list of names is expected at byte {node}')

    def blob(self, where: str, messages: dict[int, int]) -> Tensor:
        if not {DATASPACE, DATATYPE, LAYOUT} <= messages.keys():
            raise self.error(f'{where} holds no numbers')
        space, layout = messages[DATASPACE], messages[LAYOUT]
        axes = self.number(space + 1, 1)
        if self.number(space, 1) != 1 or axes > AXES:
            raise self.error(f'{where} has a shape of no known kind')
        shape = [self.number(space + 8 + 8 * i) for i in range(axes)]
        kind = self.kind(where, messages[DATATYPE])
        if self.number(layout, 1) != 3 or self.number(layout + 1, 1) != 1:
            raise CaffeFormatError(
                f'{self.path}: {where} is compressed or in pieces; store it contiguously, as Caffe'
            )
        start, length = self.number(layout + 2), self.number(layout + 10)
        if math.prod(shape) * kind.itemsize != length and math.prod(shape):
            raise self.error(f'{where}: its shape {shape} does not fit its {length} bytes')
        if max(shape, default=0) >= 1 << 40 or start + length > len(self.content):
            if math.prod(shape):
                raise self.error(f'{where} is beyond its end')
        return _tensor(self.content, start, kind, shape)

    def kind(self, where: str, at: int) -> Any:
        """Little- or big-endian IEEE floats of 2, 4 or 8 bytes."""
        head, size = self.number(at, 1), self.number(at + 4, 4)
        if head & 15 != 1 or size not in (2, 4, 8):
            raise self.error(f'{where} does not hold floats')
        return np.dtype(f'{">" if self.number(at + 1, 1) & 1 else "<"}f{size}')


def _tensor(content: np.ndarray, start: int, kind: np.dtype, shape: list[int]) -> Tensor:
    if not math.prod(shape):
        return torch.empty([min(size, 1) for size in shape])
    values = content[start : start + math.prod(shape) * kind.itemsize].view(kind)
    return float_tensor(np.array(values), shape)  # not the file itself


def _read_newer(path: str | Path, size: int) -> list[Named]:
    """A file of a later HDF5. Links to elsewhere and numbers that are not there are refused."""
    import h5py

    try:
        with h5py.File(path, 'r') as file:
            return list(_walk_newer(path, '', _hard(path, file, 'data'), size))
    except CaffeFormatError:
        raise
    except Exception as error:  # h5py raises whatever the library met
        raise CaffeFormatError(f'{path}: damaged HDF5: {error}') from error


def _walk_newer(path: str | Path, name: str, group: Any, size: int) -> Iterator[Named]:
    import h5py

    children = {child: _hard(path, group, child) for child in group}
    blobs = [child for child, found in children.items() if isinstance(found, h5py.Dataset)]
    if set(blobs) != set(map(str, range(len(blobs)))) or name.count('/') > DEPTH:
        raise CaffeFormatError(f'{path}: layer {name!r} has the blobs {", ".join(blobs)[:60]}')
    if name:
        yield name, [_dataset(path, group, str(i), size) for i in range(len(blobs))]
    for child, found in children.items():
        if child not in blobs:
            yield from _walk_newer(path, f'{name}/{child}'.lstrip('/'), found, size)


def _hard(path: str | Path, group: Any, name: str) -> Any:
    import h5py

    if not isinstance(group.get(name, getlink=True), h5py.HardLink):
        raise CaffeFormatError(f'{path}: {name!r} is missing or a link to elsewhere')
    return group[name]


def _dataset(path: str | Path, group: Any, name: str, size: int) -> Tensor:
    data = _hard(path, group, name)
    if data.dtype.kind != 'f' or data.id.get_storage_size() < data.nbytes or data.nbytes > size:
        raise CaffeFormatError(f'{path}: {data.name}: only uncompressed floats are read')
    return float_tensor(data[()], list(data.shape))
