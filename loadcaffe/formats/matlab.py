"""MATLAB's .mat files of version 5: numbers, strings, lists and dictionaries.

As much as networks need, with every length checked and no more memory than there is data. scipy.io
(1.17) takes a file's word for its sizes: 184 bytes that claim a large cell take 2.1 GB, 1 MB of
nested cells ends the process, and 1.1 MB of packed zeros becomes 1.4 GB. A check beforehand would
have to unpack and walk the file, which is all that this module does.

Source: MathWorks, "MAT-File Format", version 5.
"""

import zlib
from io import BufferedReader
from pathlib import Path
from typing import Any

import numpy as np

from loadcaffe.formats.netparameter import open_file
from loadcaffe.formats.schema import CaffeFormatError

MAGIC = b'MATLAB 5.0 MAT-file'
MATRIX, COMPRESSED = 14, 15
CELL, STRUCT, OBJECT, CHAR, SPARSE = range(1, 6)
DTYPES = {1: 'i1', 2: 'u1', 3: 'i2', 4: 'u2', 5: 'i4', 6: 'u4', 7: 'f4', 9: 'f8', 12: 'i8'}
DTYPES |= {13: 'u8', 16: 'u1', 17: 'u2', 18: 'u4'}  # the last three for characters
COMPLEX = 0x800
MAX_DEPTH = 16
MAX_READS = 100_000  # of parts of the file; a network takes a few thousand
MAX_AXES = 32
MAX_FIELD_NAME = 64
CHUNK = 1 << 20
# Weights hardly compress. Of what compresses better, no memory is taken.
MAX_RATIO, SPARE_BYTES = 4, 1 << 24


class _Budget:
    """Counts of reads and bytes that are left for a file, all its variables together."""

    def __init__(self, size: int):
        self.reads, self.bytes = MAX_READS, size * MAX_RATIO + SPARE_BYTES


class _Source:
    """Bytes of a file from `start` to `end`, unpacked on the way if they are compressed."""

    def __init__(self, path, file: BufferedReader, start: int, end: int, budget: _Budget):
        self.path, self.file, self.position, self.end = path, file, start, end
        self.budget = budget
        self.inflater: Any = None

    def error(self, text: str) -> CaffeFormatError:
        return CaffeFormatError(f'{self.path}: damaged MATLAB file: {text}')

    def unpacked(self) -> '_Source':
        """Return a source of the same bytes, unpacked."""
        source = _Source(self.path, self.file, self.position, self.end, self.budget)
        source.inflater = zlib.decompressobj()
        return source

    def read(self, count: int) -> bytes | bytearray:
        self.budget.reads -= 1
        self.budget.bytes -= count
        beyond = self.inflater is None and self.position + count > self.end
        if self.budget.reads < 0 or self.budget.bytes < 0 or beyond:
            raise self.error(f'{count} bytes are claimed that are not there')
        if self.inflater is None:
            self.file.seek(self.position)
            content: bytes | bytearray = self.file.read(count)
            self.position += count
        else:
            content = self._inflate(count)
        if len(content) < count:
            raise self.error('it is truncated')
        return content

    def _inflate(self, count: int) -> bytearray:
        unpacked = bytearray()
        while len(unpacked) < count and not self.inflater.eof:
            packed = self.inflater.unconsumed_tail
            if not packed:
                self.file.seek(self.position)
                packed = self.file.read(min(CHUNK, self.end - self.position))
                self.position += len(packed)
            try:
                chunk = self.inflater.decompress(packed, min(CHUNK, count - len(unpacked)))
            except zlib.error as error:
                raise self.error(str(error)) from error
            if not chunk and not packed:
                break
            unpacked += chunk
        return unpacked


def read_mat(path: str | Path) -> dict[str, Any]:
    """Read the variables of a file: arrays in MATLAB's axes, str, list for a cell, {} for a struct.

    A struct array is a list of dictionaries. Raises FileNotFoundError, CaffeFormatError.
    """
    with open_file(path) as file:
        size = file.seek(0, 2)
        source = _Source(path, file, 0, size, _Budget(size))
        if source.read(128)[124:128] != b'\0\1IM':
            raise source.error('only version 5 of a little-endian machine is read')
        variables: dict[str, Any] = {}
        while source.position + 8 <= size:
            element, length = np.frombuffer(source.read(8), '<u4').tolist()
            start, end = source.position, source.position + length
            if end > size:
                raise source.error('it is truncated')
            content = _Source(path, file, start, end, source.budget)
            if element == COMPRESSED:
                content = content.unpacked()
                element, length, _ = _tag(content)
                if element != MATRIX:
                    raise source.error(f'a variable of kind {element} at byte {start}')
            if element == MATRIX:
                name, value = _matrix(content, length, 0)
                variables[name] = value
            source.position = end
        return variables


def _tag(source: _Source) -> tuple[int, int, bytes | bytearray | None]:
    """Return kind and length of an element; up to 4 bytes of data may be in the tag itself."""
    head = source.read(8)
    element, length = np.frombuffer(head, '<u4').tolist()
    if element >> 16:
        if element >> 16 > 4:
            raise source.error(f'a small element of {element >> 16} bytes')
        return element & 0xFFFF, element >> 16, head[4 : 4 + (element >> 16)]
    return element, length, None


def _numbers(source: _Source) -> np.ndarray:
    element, length, data = _tag(source)
    if element not in DTYPES:
        raise source.error(f'numbers of the unknown kind {element}')
    if data is None:
        data = source.read(length)
        source.read(-length % 8)
    dtype = np.dtype('<' + DTYPES[element])
    if length % dtype.itemsize:
        raise source.error('its values end in the middle of a number')
    return np.frombuffer(data, dtype)


def _integers(source: _Source, limit: int) -> list[int]:
    numbers = _numbers(source)
    if numbers.dtype.kind == 'f' or len(numbers) > limit:
        raise source.error(f'{len(numbers)} numbers where up to {limit} integers are expected')
    return numbers.tolist()


def _matrix(source: _Source, length: int, depth: int) -> tuple[str, Any]:
    """Return name and value of an array, whose tag has been read."""
    if not length:
        return '', np.zeros((0, 0))
    if depth > MAX_DEPTH:
        raise source.error(f'nested deeper than {MAX_DEPTH}')
    flags, shape = _integers(source, 2), _integers(source, MAX_AXES)
    if len(flags) != 2 or not shape or min(shape) < 0:
        raise source.error('an array of no known shape')
    class_, count = flags[0] & 0xFF, 1
    for size in shape:
        count *= size
    name = _numbers(source).tobytes().decode('latin-1')
    if class_ == CELL:
        return name, [_element(source, depth) for _ in _parts(source, count)]
    if class_ in (STRUCT, OBJECT):
        return name, _struct(source, class_, count, depth)
    if class_ == SPARSE or class_ > 15 or class_ == 0:
        raise source.error(f'an array of class {class_}, which is not read')
    values = _numbers(source)
    if class_ == CHAR:
        return name, values.astype('<u2').tobytes().decode('utf-16-le', 'replace')
    if flags[0] & COMPLEX:
        _numbers(source)  # the imaginary part
    if len(values) != count:
        raise source.error(f'an array of shape {shape} holds {len(values)} values')
    return name, values.reshape(shape, order='F')


def _struct(source: _Source, class_: int, count: int, depth: int) -> Any:
    if class_ == OBJECT:
        _numbers(source)  # the name of its class
    widths, names = _integers(source, 1), _numbers(source).tobytes()
    width = widths[0] if widths else 0
    if not 0 < width <= MAX_FIELD_NAME or len(names) % width:
        raise source.error('a struct without names')
    positions = (width * i for i in _parts(source, len(names) // width))
    fields = [names[i : i + width].partition(b'\0')[0].decode('latin-1') for i in positions]
    elements = [{field: _element(source, depth) for field in fields} for _ in _parts(source, count)]
    return elements[0] if count == 1 else elements


def _parts(source: _Source, count: int) -> range:
    if count > source.budget.reads:
        raise source.error(f'{count} parts are claimed')
    return range(count)


def _element(source: _Source, depth: int) -> Any:
    element, length, _ = _tag(source)
    if element != MATRIX:
        raise source.error(f'an array is expected, not kind {element}')
    return _matrix(source, length, depth + 1)[1]
