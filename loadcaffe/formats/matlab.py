"""MATLAB's .mat files of version 5 to numbers, strings, lists and dictionaries.

As much as networks need, with every length checked and only so much memory as there is data:
scipy.io takes a damaged file's word for its sizes. Source: MathWorks, "MAT-File Format", version 5.
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
TYPES = {1: 'i1', 2: 'u1', 3: 'i2', 4: 'u2', 5: 'i4', 6: 'u4', 7: 'f4', 9: 'f8', 12: 'i8', 13: 'u8'}
TYPES |= {16: 'u1', 17: 'u2', 18: 'u4'}  # characters
DEPTH = 16
PARTS = 200_000
CHUNK = 1 << 20
# Weights hardly compress. Of what compresses better, no memory is taken.
RATIO, SPARE = 20, 1 << 24


class _Source:
    """Bytes of a file from `start` to `end`, unpacked on the way if they are compressed."""

    def __init__(self, path: str | Path, file: BufferedReader, start: int, end: int, packed: bool):
        self.path, self.file, self.at, self.end = path, file, start, end
        self.inflater = zlib.decompressobj() if packed else None
        self.limit = (end - start) * RATIO + SPARE if packed else end - start
        self.parts = PARTS

    def error(self, text: str) -> CaffeFormatError:
        return CaffeFormatError(f'{self.path}: damaged MATLAB file: {text}')

    def read(self, count: int) -> bytes | bytearray:
        self.parts -= 1
        self.limit -= count
        if self.parts < 0 or self.limit < 0:
            raise self.error(f'{count} bytes are claimed that are not there')
        if self.inflater is None:
            self.file.seek(self.at)
            content: bytes | bytearray = self.file.read(count)
            self.at += count
        else:
            content = self._inflate(count)
        if len(content) < count:
            raise self.error('it is truncated')
        return content

    def _inflate(self, count: int) -> bytearray:
        unpacked = bytearray()
        assert self.inflater is not None
        while len(unpacked) < count and not self.inflater.eof:
            packed = self.inflater.unconsumed_tail
            if not packed:
                self.file.seek(self.at)
                packed = self.file.read(min(CHUNK, self.end - self.at))
                self.at += len(packed)
            try:
                more = self.inflater.decompress(packed, min(CHUNK, count - len(unpacked)))
            except zlib.error as error:
                raise self.error(str(error)) from error
            if not more and not packed:
                break
            unpacked += more
        return unpacked


def read_mat(path: str | Path) -> dict[str, Any]:
    """The variables of a file: arrays in MATLAB's axes, str, list for a cell, {} for a struct.

    A struct array is a list of dictionaries. Raises FileNotFoundError, CaffeFormatError.
    """
    with open_file(path) as file:
        file.seek(0, 2)
        size = file.tell()
        whole = _Source(path, file, 0, size, packed=False)
        head = whole.read(128)
        if head[124:128] != b'\0\1IM':
            raise whole.error('only version 5 of a little-endian machine is read')
        variables: dict[str, Any] = {}
        while whole.at + 8 <= size:
            kind, length = np.frombuffer(whole.read(8), '<u4').tolist()
            start, end = whole.at, whole.at + length
            if end > size:
                raise whole.error('it is truncated')
            if kind in (MATRIX, COMPRESSED):
                source = _Source(path, file, start, end, kind == COMPRESSED)
                if kind == COMPRESSED:
                    kind, length, _ = _tag(source)
                if kind != MATRIX:
                    raise source.error(f'a variable of kind {kind} at byte {start}')
                name, value = _matrix(source, length, 0)
                variables[name] = value
            whole.at = end
        return variables


def _tag(source: _Source) -> tuple[int, int, bytes | bytearray | None]:
    """Kind and length of an element; up to 4 bytes of data may lie in the tag itself."""
    head = source.read(8)
    kind, length = np.frombuffer(head, '<u4').tolist()
    if kind >> 16:
        if kind >> 16 > 4:
            raise source.error(f'a small element of {kind >> 16} bytes')
        return kind & 0xFFFF, kind >> 16, head[4 : 4 + (kind >> 16)]
    return kind, length, None


def _numbers(source: _Source) -> np.ndarray:
    kind, length, data = _tag(source)
    if kind not in TYPES:
        raise source.error(f'numbers of the unknown kind {kind}')
    if data is None:
        data = source.read(length)
        source.read(-length % 8)
    dtype = np.dtype('<' + TYPES[kind])
    if length % dtype.itemsize:
        raise source.error('its values end in the middle of a number')
    return np.frombuffer(data, dtype)


def _integers(source: _Source) -> np.ndarray:
    numbers = _numbers(source)
    if numbers.dtype.kind == 'f':
        raise source.error('floats where integers are expected')
    return numbers


def _matrix(source: _Source, length: int, depth: int) -> tuple[str, Any]:
    """Name and value of an array, whose tag has been read."""
    if not length:
        return '', np.zeros((0, 0))
    if depth > DEPTH:
        raise source.error(f'nested deeper than {DEPTH}')
    flags, shape = _integers(source), _integers(source).tolist()
    if len(flags) != 2 or not shape or len(shape) > 32 or min(shape) < 0:
        raise source.error('an array of no known shape')
    kind, count = int(flags[0]) & 0xFF, 1
    for size in shape:
        count *= size
    name = _numbers(source).tobytes().decode('latin-1')
    if kind == CELL:
        return name, [_element(source, depth) for _ in _range(source, count)]
    if kind in (STRUCT, OBJECT):
        if kind == OBJECT:
            _numbers(source)  # the name of its class
        widths, names = _integers(source).tolist(), _integers(source).tobytes()
        width = widths[0] if widths else 0
        if not 0 < width <= 4096 or len(names) % width:
            raise source.error('a struct without names')
        fields = [names[i : i + width].partition(b'\0')[0] for i in range(0, len(names), width)]
        words = [field.decode('latin-1') for field in fields]
        found = [{word: _element(source, depth) for word in words} for _ in _range(source, count)]
        return name, found[0] if count == 1 else found
    if kind == SPARSE or kind > 15 or kind == 0:
        raise source.error(f'an array of class {kind}, which is not read')
    if kind == CHAR:
        return name, ''.join(chr(one) if 0 <= one < 1 << 16 else '?' for one in _integers(source))
    values = _numbers(source)
    if int(flags[0]) & 0x800:
        _numbers(source)  # the imaginary part
    if len(values) != count:
        raise source.error(f'an array of shape {shape} holds {len(values)} values')
    return name, values.reshape(shape, order='F')


def _range(source: _Source, count: int) -> range:
    if count > PARTS:
        raise source.error(f'{count} parts are claimed')
    return range(count)


def _element(source: _Source, depth: int) -> Any:
    kind, length, _ = _tag(source)
    if kind != MATRIX:
        raise source.error(f'an array is expected, not kind {kind}')
    return _matrix(source, length, depth + 1)[1]
