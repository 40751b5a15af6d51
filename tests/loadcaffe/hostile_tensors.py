"""Files of PyTorch's formats that were made to cost time or memory."""

import io
import json
import pickle
import struct
from collections import OrderedDict

import torch
from hostile_caffe import MILLION, layers_without_weights


def pickled(content, **options):
    file = io.BytesIO()
    torch.save(content, file, **options)
    return file.getvalue()


def tensors_of_one_storage():
    storage = torch.zeros(500, 1000)
    return pickled({f'a{i}.weight': storage.t() for i in range(4000)})


def tensors_of_one_storage_old():
    storage = torch.zeros(500, 1000)
    tensors = {f'a{i}.weight': storage.t() for i in range(4000)}
    return pickled(tensors, _use_new_zipfile_serialization=False)


def tensors_in_pth():
    return pickled({f'a{i}.weight': torch.zeros(1) for i in range(6_000)})


def too_many_tensors_in_pth():
    return pickled({f'a{i}.weight': torch.zeros(1) for i in range(20_000)})


class WithAttributes:
    """Pickled as an OrderedDict with attributes in the place of its methods."""

    def __reduce__(self):
        attributes = dict.fromkeys(('get', 'items', 'keys', 'values', '__len__', '__iter__'), 1)
        items = iter({'conv1.weight': torch.ones(4, 3, 1, 1)}.items())
        return OrderedDict, (), attributes, None, items


def attributes_of_a_dictionary():
    return pickled(WithAttributes())


def tensors_without_dimensions():
    names = [f'features.{i}.{blob}' for i in range(16) for blob in ('weight', 'bias')]
    return pickled({name: torch.tensor(1.0) for name in names})


def bytes_in_pth():
    return pickled({'conv1.weight': torch.zeros(4, 15 * MILLION, dtype=torch.uint8)})


def half_floats_in_pth():
    return pickled({'conv1.weight': torch.zeros(4, 15 * MILLION // 2, dtype=torch.float16)})


def long_string_in_pth():
    return pickled({'x' * 30 * MILLION: torch.zeros(1)})


def nested_lists():
    content = []
    for _ in range(400):
        content = [content, content]
    return pickled({'a': content})


def operations():
    # the magic number and the version of the old format, then a pickle of a list
    head = pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2)
    return head + b'\x80\x02' + b'](' + b'K\1' * 3 * MILLION + b'e.'


def entries_of_an_archive():
    """Return a directory of 300,000 files without content."""
    entry = (
        struct.pack('<4s6H3L5H2L', b'PK\1\2', *[20] * 2, *[0] * 4, *[0] * 3, 1, *[0] * 4, 0, 0)
        + b'a'
    )
    directory = entry * 300_000
    local = struct.pack('<4s5H3L2H', b'PK\3\4', 20, *[0] * 4, *[0] * 3, 10, 0) + b'a/data.pkl'
    end = struct.pack('<4s4H2LH', b'PK\5\6', 0, 0, *[65535] * 2, len(directory), len(local), 0)
    return local + directory + end


def safetensors(tensors, metadata=None, data=b''):
    header = tensors | ({'__metadata__': metadata} if metadata else {})
    text = json.dumps(header).encode()
    return struct.pack('<Q', len(text)) + text + data


def tensors_in_safetensors(count=199_000):
    tensor = {'dtype': 'F32', 'shape': [0], 'data_offsets': [0, 0]}
    return safetensors({f'a{i}.weight': tensor for i in range(count)})


def tensors_within_the_limit():
    return tensors_in_safetensors(6_000)


def bytes_in_safetensors():
    size = 60 * MILLION
    tensor = {'dtype': 'U8', 'shape': [4, size // 4], 'data_offsets': [0, size]}
    return safetensors({'conv1.weight': tensor}, data=bytes(size))


def half_floats_in_safetensors():
    size = 60 * MILLION
    tensor = {'dtype': 'F16', 'shape': [4, size // 8], 'data_offsets': [0, size]}
    return safetensors({'conv1.weight': tensor}, data=bytes(size))


def long_header():
    return struct.pack('<Q', 64 * MILLION) + b'{' + b' ' * (64 * MILLION - 2) + b'}'


def quotes_in_metadata():
    return safetensors({}, {'prototxt': '\\"' * 32_000})


def layers_in_metadata():
    return safetensors({}, {'prototxt': layers_without_weights().decode()})


def nested_header():
    text = b'{"a":' + b'[' * 500_000 + b']' * 500_000 + b'}'
    return struct.pack('<Q', len(text)) + text


MAKERS = {
    'pth': [
        tensors_of_one_storage, tensors_of_one_storage_old, tensors_in_pth,
        too_many_tensors_in_pth, attributes_of_a_dictionary, tensors_without_dimensions,
        bytes_in_pth, half_floats_in_pth, long_string_in_pth, nested_lists, operations,
        entries_of_an_archive,
    ],
    'safetensors': [
        tensors_in_safetensors, tensors_within_the_limit, bytes_in_safetensors,
        half_floats_in_safetensors, long_header, quotes_in_metadata,
        layers_in_metadata, nested_header,
    ],
}  # fmt: skip
