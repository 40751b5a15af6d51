"""Tensors in files: .safetensors, whole or not at all."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from neural_style.files.atomic import Chunk, write_whole

DTYPES = {
    torch.float64: 'F64',
    torch.int64: 'I64',
    torch.float32: 'F32',
    torch.float16: 'F16',
    torch.bfloat16: 'BF16',
    torch.uint8: 'U8',
}


def write_tensors(
    path: str | Path, tensors: Mapping[str, Tensor], metadata: dict[str, str]
) -> None:
    """Write a .safetensors file, whole or not at all, one tensor in host memory at a time.

    The safetensors library's save_file leaves a hidden file when the process is killed, and copies
    all tensors of a GPU at once.
    """
    # wide numbers first, so that all are aligned
    names = sorted(tensors, key=lambda name: -tensors[name].element_size())
    header = _header({name: tensors[name] for name in names}, metadata)

    def chunks() -> Iterator[Chunk]:
        yield len(header).to_bytes(8, 'little') + header
        for name in names:
            flat = tensors[name].detach().cpu().contiguous().view(-1)
            if flat.numel():
                yield flat.view(torch.uint8).numpy().data

    write_whole(path, chunks())


def _header(tensors: Mapping[str, Tensor], metadata: dict[str, str]) -> bytes:
    """Return the JSON that says where each tensor begins and ends behind it."""
    header: dict[str, object] = {'__metadata__': metadata}
    end = 0
    for name, tensor in tensors.items():
        begin, end = end, end + tensor.numel() * tensor.element_size()
        header[name] = {
            'dtype': DTYPES[tensor.dtype],
            'shape': list(tensor.shape),
            'data_offsets': [begin, end],
        }
    encoded = json.dumps(header).encode()
    return encoded + b' ' * (-len(encoded) % 8)


def read_metadata(path: str | Path) -> dict[str, str]:
    """Read the metadata of a .safetensors file alone.  Raises OSError and ValueError."""
    with open(path, 'rb'):
        pass
    try:
        with safe_open(path, framework='pt') as file:
            return file.metadata() or {}
    except SafetensorError as error:
        raise ValueError(f'{path}: damaged, or not a .safetensors file: {error}') from error


def read_tensors(path: str | Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read a .safetensors file: the tensors, each in memory of its own, and the metadata.

    Raises OSError if it cannot be opened, ValueError if it is damaged or has another format.
    """
    with open(path, 'rb'):
        pass
    try:
        with safe_open(path, framework='pt') as file:
            # mapped from the file, a vector may be aligned so that sums round differently
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}
            return tensors, file.metadata() or {}
    except SafetensorError as error:
        raise ValueError(f'{path}: damaged, or not a .safetensors file: {error}') from error
