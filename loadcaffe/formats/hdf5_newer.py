"""Caffe's layout in HDF5 of 2008 and later, such as h5py writes with libver='latest'.

The HDF5 library follows the links; their number is known before any is followed. The numbers of a
blob are read as those of classic files, where the library says that they begin.
"""

import os
from collections.abc import Iterator
from typing import Any, NamedTuple

from torch import Tensor

from loadcaffe.formats.hdf5_blobs import MAX_DEPTH, BlobReader, check_is_caffes
from loadcaffe.formats.schema import CaffeFormatError, shorten

MAX_LINKS = 12_000  # the deepest networks have some 10,000: a group for a layer, and its blobs


class Link(NamedTuple):
    """A name in a group. address: of the object, which other links may share."""

    name: str
    address: int


class NewerReader:
    """A file of superblock 2 or 3. blobs: reads their numbers."""

    def __init__(self, blobs: BlobReader):
        self.blobs = blobs
        self.links_left = MAX_LINKS
        self.tensors: dict[int, Tensor] = {}

    def layers(self) -> Iterator[tuple[str, dict[int, Tensor]]]:
        """Iterate over the layers: names, and blobs by number. Raises CaffeFormatError."""
        import h5py

        try:
            file = h5py.h5f.open(os.fsencode(self.blobs.path), h5py.h5f.ACC_RDONLY)
            try:
                root = h5py.h5g.open(file, b'/')
                names = {link.name: link for link in self.links(root)}
                check_is_caffes(self.blobs.path, names)
                yield from self.layers_in('', self.open(root, names['data']), 0)
            finally:
                file.close()
        except CaffeFormatError:
            raise
        except Exception as error:  # h5py raises whatever the library met
            raise self.blobs.error(str(error)) from error

    def layers_in(
        self, name: str, group: Any, depth: int
    ) -> Iterator[tuple[str, dict[int, Tensor]]]:
        """Iterate over the layers in a group: itself, and those below, 'a/b' in the group 'a'."""
        import h5py

        if depth > MAX_DEPTH:
            raise self.blobs.error(f'it has more than {MAX_DEPTH} groups in each other')
        blobs: dict[int, Tensor] = {}
        groups: list[tuple[str, Any]] = []
        for link in self.links(group):
            is_blob = name and link.name.isdecimal() and len(link.name) < 4
            if is_blob and link.address in self.tensors:
                blobs[int(link.name)] = self.tensors[link.address]
                continue
            child = self.open(group, link)
            if isinstance(child, h5py.h5g.GroupID):
                groups.append((link.name, child))
            elif is_blob:
                where = f'layer {name!r}: blob {link.name}'
                blobs[int(link.name)] = self.tensors[link.address] = self.blob(where, child)
            else:
                raise self.blobs.error(f'layer {name!r} has a blob {shorten(link.name, 60)!r}')
        if name:
            yield name, blobs
        for child_name, child in groups:
            yield from self.layers_in(f'{name}/{child_name}'.lstrip('/'), child, depth + 1)

    def links(self, group: Any) -> list[Link]:
        """Return the links in a group, which must lead to objects of the file."""
        self.links_left -= group.get_num_objs()
        if self.links_left < 0:
            raise self.blobs.error(f'it has more than {MAX_LINKS} groups and blobs')
        links: list[Link] = []
        group.links.iterate(lambda name, info: self.append(links, name, info), info=True)
        return links

    def append(self, links: list[Link], name: bytes, info: Any) -> None:
        if info.type:
            raise self.blobs.error('it has symbolic links')
        links.append(Link(name.decode('utf-8', 'backslashreplace'), info.u))

    def open(self, group: Any, link: Link) -> Any:
        """Return the object of a link, a group or a blob.

        Objects of the classic layout are refused: the library (2.0) does not return from some
        damaged ones.
        """
        import h5py

        if self.blobs.bytes(link.address, 4) != b'OHDR':
            raise self.blobs.error(f'{shorten(link.name, 60)!r} is of another layout')
        return h5py.h5o.open(group, os.fsencode(link.name))

    def blob(self, where: str, dataset: Any) -> Tensor:
        dtype, shape, start = dataset.dtype, dataset.shape, dataset.get_offset()
        if dtype.kind != 'f' or dtype.itemsize not in (2, 4, 8):
            raise self.blobs.error(f'{where} does not hold floats')
        # Numbers that are compressed, in pieces or in another file have no offset.
        if start is None and 0 not in shape:
            raise self.blobs.not_contiguous(where)
        return self.blobs.tensor(where, start or 0, dtype, shape)
