"""Caffe's .caffemodel.h5: the group `data` holds a group for each layer with blobs 0, 1, ...

Caffe writes the classic HDF5 of 1998: superblock 0, groups as B-trees of symbol tables, contiguous
numbers. That much is read here, every offset and length checked against the file, and each number
once; newer layouts by hdf5_newer.py. The HDF5 library (2.0) does not return from 7 of 10,000
damaged classic files, whose lists of names contain each other.

Sources: support.hdfgroup.org, "HDF5 File Format Specification Version 3.0"; caffe: net.cpp, ToHDF5;
hdf5.cpp.
"""

import math
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path

import numpy as np
from torch import Tensor

from loadcaffe.formats.blob import AXES
from loadcaffe.formats.hdf5_blobs import MAX_DEPTH, BlobReader, check_is_caffes
from loadcaffe.formats.hdf5_newer import NewerReader
from loadcaffe.formats.netparameter import Weights, open_file
from loadcaffe.formats.schema import shorten

MAGIC = b'\x89HDF\r\n\x1a\n'
MAX_NAME = 512
DATASPACE, DATATYPE, LAYOUT, CONTINUATION, SYMBOL_TABLE = 1, 3, 8, 16, 17

Messages = dict[int, int]  # type of a message of an object -> the address of its content


def read_hdf5(path: str | Path) -> Weights:
    """Read the weights. What the layers are, the file does not say.

    Raises FileNotFoundError, CaffeFormatError.
    """
    with open_file(path) as file:
        reader = _Reader(path, file)
        newer = reader.number(8, 1) > 1
        layers = NewerReader(reader).layers() if newer else reader.all_layers()
        return Weights({name: blobs for name, blobs in layers if blobs}, path)


class _Reader(BlobReader):
    """A file of superblock 0 or 1. Addresses count from its start, lengths are in bytes."""

    def __init__(self, path: str | Path, file: BufferedReader):
        super().__init__(path, file)
        self.tensors: dict[tuple[int, np.dtype, tuple[int, ...]], Tensor] = {}

    def all_layers(self) -> Iterator[tuple[str, dict[int, Tensor]]]:
        """Iterate over the layers of the file: names, and blobs by number."""
        version = self.number(8, 1)
        if self.bytes(13, 2) != b'\x08\x08':
            raise self.error('its addresses are not 8 bytes long')
        addresses = 24 + 4 * version
        end = self.number(addresses + 16)
        if self.number(addresses) or end > self.size:
            raise self.error(f'it should have {end} bytes, it has {self.size}')
        root = addresses + 32  # the root group's symbol table entry
        names = self.children(self.messages(self.number(root + 8)))
        check_is_caffes(self.path, names)
        yield from self.layers('', self.messages(names['data']), 0)

    def layers(
        self, name: str, messages: Messages, depth: int
    ) -> Iterator[tuple[str, dict[int, Tensor]]]:
        """Iterate over the layers in a group: itself, and those below, 'a/b' in the group 'a'.

        A blob that a layer shares with another is missing, as Caffe writes it.
        """
        if depth > MAX_DEPTH:
            raise self.error(f'it has more than {MAX_DEPTH} groups in each other')
        blobs: dict[int, Tensor] = {}
        groups: dict[str, Messages] = {}
        for child, header in self.children(messages).items():
            child_messages = self.messages(header)
            if SYMBOL_TABLE in child_messages:
                groups[child] = child_messages
            elif name and child.isdecimal() and len(child) < 4:
                blobs[int(child)] = self.blob(f'layer {name!r}: blob {child}', child_messages)
            else:
                raise self.error(f'layer {name!r} has a blob {shorten(child, 60)!r}')
        if name:
            yield name, blobs
        for child, child_messages in groups.items():
            yield from self.layers(f'{name}/{child}'.lstrip('/'), child_messages, depth + 1)

    def messages(self, header: int) -> Messages:
        """Return the messages of an object, the last of each type."""
        if self.number(header, 1) != 1:
            raise self.error(f'the object at byte {header} is of no known version')
        left, messages = self.number(header + 2, 2), {}
        blocks = [(header + 16, self.number(header + 8, 4))]
        while blocks:
            position, size = blocks.pop(0)
            end = position + size
            while left and position + 8 <= end:
                message_type, length = self.number(position, 2), self.number(position + 2, 2)
                left -= 1
                if message_type == CONTINUATION:
                    blocks.append((self.number(position + 8), self.number(position + 16)))
                messages[message_type] = position + 8
                position += 8 + length
        return messages

    def children(self, messages: Messages) -> dict[str, int]:
        """Return the names in a group, and the address of each object's header."""
        if SYMBOL_TABLE not in messages:
            raise self.error('a group is expected where there is none')
        tree, heap = (self.number(messages[SYMBOL_TABLE] + 8 * i) for i in (0, 1))
        if self.bytes(heap, 4) != b'HEAP':
            raise self.error(f'names are expected at byte {heap}')
        size, names = self.number(heap + 8), self.number(heap + 24)
        if names + size > self.size:
            raise self.error(f'{size} bytes of names at {names} are beyond its end')
        children: dict[str, int] = {}
        for entry in self.entries(tree):
            offset = self.number(entry)
            if offset >= size:
                raise self.error(f'a name is at byte {offset} of {size}')
            name = self.bytes(names + offset, min(size - offset, MAX_NAME)).partition(b'\0')[0]
            if self.number(entry + 16, 4) > 1:  # a link to elsewhere
                raise self.error('it has symbolic links')
            children[name.decode('utf-8', 'backslashreplace')] = self.number(entry + 8)
        return children

    def entries(self, tree: int) -> Iterator[int]:
        """Iterate over the addresses of a group's symbol table entries, node by node."""
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

    def blob(self, where: str, messages: Messages) -> Tensor:
        if not {DATASPACE, DATATYPE, LAYOUT} <= messages.keys():
            raise self.error(f'{where} holds no numbers')
        space, layout = messages[DATASPACE], messages[LAYOUT]
        axes = self.number(space + 1, 1)
        if self.number(space, 1) != 1 or axes > AXES:
            raise self.error(f'{where} has a shape of no known kind')
        shape = tuple(self.number(space + 8 + 8 * i) for i in range(axes))
        dtype = self.dtype(where, messages[DATATYPE])
        if self.number(layout, 1) != 3 or self.number(layout + 1, 1) != 1:
            raise self.not_contiguous(where)
        start, length = self.number(layout + 2), self.number(layout + 10)
        count = math.prod(shape)
        if count and count * dtype.itemsize != length:
            raise self.error(f'{where}: its shape {list(shape)} does not fit its {length} bytes')
        if (start, dtype, shape) not in self.tensors:
            self.tensors[start, dtype, shape] = self.tensor(where, start, dtype, shape)
        return self.tensors[start, dtype, shape]

    def dtype(self, where: str, address: int) -> np.dtype:
        """Return the type of little- or big-endian IEEE floats of 2, 4 or 8 bytes."""
        head, size = self.number(address, 1), self.number(address + 4, 4)
        if head & 15 != 1 or size not in (2, 4, 8):
            raise self.error(f'{where} does not hold floats')
        return np.dtype(f'{">" if self.number(address + 1, 1) & 1 else "<"}f{size}')
