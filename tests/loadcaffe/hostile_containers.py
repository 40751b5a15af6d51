"""HDF5 and MATLAB files that were made to cost time or memory."""

import struct
import tempfile
import zlib
from pathlib import Path

import numpy as np
from hostile_caffe import MILLION


def hdf5(write, **options):
    import h5py

    with tempfile.NamedTemporaryFile() as file:
        with h5py.File(file.name, 'w', **options) as content:
            write(content)
        return Path(file.name).read_bytes()


def links_to_one_blob(**options):
    def write(file):
        blob = file.create_dataset('blob', data=np.ones(500_000, 'f4'))
        for i in range(3000):
            file.create_group(f'data/a{i}')['0'] = blob

    return hdf5(write, **options)


def newer_links_to_one_blob():
    return links_to_one_blob(libver='latest')


def write_ones(file, names):
    """Write datasets of a 1 each.  The calls of the library take a fifth of the time of h5py's."""
    from h5py import h5d, h5p, h5s, h5t

    links, shape, one = h5p.create(h5p.LINK_CREATE), h5s.create_simple((1,)), np.ones(1, 'f4')
    links.set_create_intermediate_group(True)
    for name in names:
        dataset = h5d.create(file.id, name.encode(), h5t.IEEE_F32LE, shape, lcpl=links)
        dataset.write(h5s.ALL, h5s.ALL, one)


def layers_in_hdf5(count=4000, **options):
    names = [f'data/a{i}/0' for i in range(count)]
    return hdf5(lambda file: write_ones(file, names), **options)


def newer_layers_in_hdf5():
    return layers_in_hdf5(libver='latest')


def newer_layers_within_the_limit():
    return layers_in_hdf5(5_900, libver='latest')


def newer_groups_within_the_limit():
    def write(file):
        for i in range(11_900):
            file.create_group(f'data/a{i}')

    return hdf5(write, libver='latest')


def too_many_newer_layers():
    return layers_in_hdf5(20_000, libver='latest')


def blobs_of_a_layer():
    return hdf5(lambda file: write_ones(file, [f'data/a/{i}' for i in range(4000)]))


def groups_in_circles():
    def write(file):
        group = file.create_group('data/a')
        for i in range(100):
            group[f'{i}x'] = file['data']

    return hdf5(write)


def overlapping_blobs():
    """Datasets whose shapes differ, so that each reads the same bytes anew."""
    size = 1 << 18

    def write(file):
        for i in range(1000):
            shape = (size >> i % 18, 1 << i % 18, *[1] * (i // 18 % 20))
            file.create_dataset(f'data/a{i}/0', shape, 'f4')
        file.create_dataset('data/b/0', data=np.ones(size, 'f4'))

    content = bytearray(hdf5(write))
    start = content.find(np.ones(64, 'f4').tobytes())
    # The layout of a dataset that has no memory yet says so with an address of ones.
    return content.replace(b'\3\1' + b'\xff' * 8, b'\3\1' + struct.pack('<Q', start))


def element(data_type, data):
    return struct.pack('<II', data_type, len(data)) + data + b'\0' * (-len(data) % 8)


def array(data_type, shape, content, name=b''):
    head = element(6, struct.pack('<II', data_type, 0)) + element(
        5, struct.pack(f'<{len(shape)}i', *shape)
    )
    return element(14, head + element(1, name) + content)


def mat(*elements):
    return b'MATLAB 5.0 MAT-file'.ljust(124) + b'\0\1IM' + b''.join(elements)


def large_cell():
    return mat(array(1, (1 << 14, 1 << 14), b'', b'layers'))


def nested_cells():
    """20,000 cells in each other."""
    heads, length = [], 0
    for _ in range(20_000):
        head = (
            element(6, struct.pack('<II', 1, 0))
            + element(5, struct.pack('<ii', 1, 1))
            + element(1, b'')
        )
        heads.append(struct.pack('<II', 14, len(head) + length) + head)
        length += len(heads[-1])
    return mat(*reversed(heads))


def packed_zeros(size=1 << 30):
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    head = (
        element(6, struct.pack('<II', 7, 0))
        + element(5, struct.pack('<ii', 1, size // 4))
        + element(1, b'a')
    )
    head = struct.pack('<II', 14, size + len(head) + 8) + head + struct.pack('<II', 7, size)
    # Of zlib's format: after a full flush, equal blocks have equal bytes.
    content = packer.compress(head) + packer.flush(zlib.Z_FULL_FLUSH)
    zeros = packer.compress(bytes(MILLION)) + packer.flush(zlib.Z_FULL_FLUSH)
    content = b'\x78\xda' + content + zeros * (size >> 20) + packer.flush()
    low, high = zlib.adler32(head) & 0xFFFF, zlib.adler32(head) >> 16
    high = (high + low * size) % 65521  # a zero adds the sum of the bytes before it
    content += struct.pack('>HH', high, low)
    return mat(struct.pack('<II', 15, len(content)) + content)


def packed_variables():
    """Variables of 15 MB of zeros each: all together 1.5 GB."""
    variable = packed_zeros(15 * MILLION)[128:]
    return mat(*[variable] * 100)


def small_arrays():
    small = array(6, (1, 1), element(9, bytes(8)))
    return mat(array(1, (1, 60_000), small * 60_000, b'layers'))


def long_text():
    return mat(array(4, (1, 8 * MILLION), element(17, bytes(16 * MILLION)), b'layers'))


def field_names():
    names = element(5, struct.pack('<i', 1)) + element(1, b'abcdefgh' * MILLION)
    return mat(array(2, (1, 1), names, b'layers'))


def struct_of(**values):
    names = b''.join(name.encode().ljust(8, b'\0') for name in values)
    content = element(5, struct.pack('<i', 8)) + element(1, names) + b''.join(values.values())
    return array(2, (1, 1), content)


def text(string):
    return array(4, (1, len(string)), element(16, string.encode()))


def long_padding():
    pad = array(9, (1, 2 * MILLION), element(2, bytes(2 * MILLION)))
    pool = struct_of(name=text('a'), type=text('pool'), method=text('max'), pool=pad, pad=pad)
    return mat(array(1, (1, 1), pool, b'layers'))


def layers_in_mat():
    relu = struct_of(name=text('a'), type=text('relu'))
    return mat(array(1, (1, 9_000), relu * 9_000, b'layers'))


MAKERS = {
    'caffemodel.h5': [
        links_to_one_blob, newer_links_to_one_blob, layers_in_hdf5, newer_layers_in_hdf5,
        newer_layers_within_the_limit, newer_groups_within_the_limit, too_many_newer_layers,
        blobs_of_a_layer, groups_in_circles, overlapping_blobs,
    ],
    'mat': [
        large_cell, nested_cells, packed_zeros, packed_variables, small_arrays, long_text,
        field_names, long_padding, layers_in_mat,
    ],
}  # fmt: skip
