"""Image files made byte by byte, and the stored numbers that a loaded image comes from."""

import struct
import zlib

import numpy as np

PNG_SIGNATURE = b'\x89PNG\r\n\x1a\n'


def png(width, height, depth, color_type, rows, *, chunks=b'', interlace=0):
    """Return a PNG file of rows that are filtered already."""

    def chunk(name, content):
        check = struct.pack('>I', zlib.crc32(name + content))
        return struct.pack('>I', len(content)) + name + content + check

    header = struct.pack('>IIBBBBB', width, height, depth, color_type, 0, 0, interlace)
    body = chunk(b'IHDR', header) + chunks + chunk(b'IDAT', zlib.compress(rows))
    return PNG_SIGNATURE + body + chunk(b'IEND', b'')


def write_bytes(folder, content, name='picture.png'):
    """Write a file; returns its path."""
    path = folder / name
    path.write_bytes(content)
    return path


def bytes_of(tensor, maximum=255):
    """Return the integers b of a tensor b * (1 / maximum), checked to be exactly that."""
    values = np.rint(tensor.numpy() * maximum)
    assert np.array_equal(values * (1 / maximum), tensor.numpy())
    return values.astype(int)
