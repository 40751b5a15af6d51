"""Weights in PyTorch's .pth and in .safetensors.

Tensors are named LAYER.weight and LAYER.bias, further blobs LAYER.2 and so on. A .safetensors file
of ours carries its network as a prototxt. A .pth whose tensors are called features.0.weight ... is
taken for the Caffe weights of VGG-16 or VGG-19 that jcjohnson/pytorch-vgg converted.
"""

import pickletools
import re
import struct
import warnings
import zipfile
from io import BufferedReader
from pathlib import Path
from typing import IO, Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from loadcaffe.formats.netparameter import MAX_BLOBS, NetParameter, Weights, open_file
from loadcaffe.formats.prototxt import parse_prototxt
from loadcaffe.formats.schema import CaffeFormatError, shorten
from loadcaffe.formats.vgg import vgg

BLOBS = ('weight', 'bias')
# The first tag of a pickle of protocol 2 with torch.save's magic number, up to PyTorch 1.5.
LEGACY = b'\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.'

GLOBALS = {
    'collections.OrderedDict',
    'torch._utils._rebuild_parameter',
    'torch._utils._rebuild_tensor',
    'torch._utils._rebuild_tensor_v2',
}
STORAGE = re.compile(r'torch\.(\w+Storage|storage\.(Untyped|Typed)Storage)')
# What names or calls in another way than torch.save's protocol 2.
CALLS = {'STACK_GLOBAL', 'INST', 'OBJ', 'NEWOBJ', 'NEWOBJ_EX', 'EXT1', 'EXT2', 'EXT4'}
DTYPES = {torch.float16, torch.bfloat16, torch.float32, torch.float64}
MAX_OPERATIONS = 230_000  # of a pickle; a tensor takes some 25
MAX_PICKLE = 1 << 24  # bytes
MAX_DIRECTORY = 1 << 21  # bytes of an archive's list of its files, 60 to 100 each
MAX_HEADER = 1 << 22  # bytes of a .safetensors file's header, some 100 for a tensor
WIDENING = 2  # the most by which numbers grow that become float32; the smallest have two bytes


def read_torch(path: str | Path) -> NetParameter | Weights:
    """Read a state dict.

    Nothing in the file is executed: it is read by torch.load's weights_only unpickler, and only if
    it names nothing but tensors. Raises FileNotFoundError, CaffeFormatError.
    """
    _check_pickles(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            content = torch.load(path, map_location='cpu', weights_only=True)
    except Exception as error:  # the unpickler raises whatever it met
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise CaffeFormatError(f'{path}: not a state dict of tensors: {lines[0]}') from error
    tensors = {name: tensor.float() for name, tensor in _state_dict(path, content)}
    if any(name.startswith('features.') for name in tensors):
        return vgg(path, tensors)
    return _by_layer(path, tensors)


def _state_dict(path: str | Path, content: Any) -> list[tuple[str, Tensor]]:
    """Check that a file's content is a state dict of numbers that it holds; return its items."""
    # An OrderedDict of a pickle may have attributes of any name, such as `get` and `items`.
    if isinstance(content, dict) and isinstance(dict.get(content, 'state_dict'), dict):
        content = dict.get(content, 'state_dict')
    if not isinstance(content, dict) or not dict.__len__(content):
        raise CaffeFormatError(f'{path}: not a state dict of tensors but {type(content).__name__}')
    if dict.__len__(content) > MAX_BLOBS:
        raise CaffeFormatError(f'{path}: it has more than {MAX_BLOBS} tensors')
    bytes_left = WIDENING * Path(path).stat().st_size
    items = []
    for name, tensor in dict.items(content):
        dense = isinstance(tensor, Tensor) and tensor.layout == torch.strided
        if not isinstance(name, str) or not dense or tensor.is_complex():
            raise CaffeFormatError(
                f'{path}: not a state dict of tensors: {shorten(str(name), 60)!r}'
            )
        _check_dtype(path, name, tensor)
        bytes_left -= 4 * tensor.numel()
        stored = tensor.numel() * tensor.element_size() <= tensor.untyped_storage().nbytes()
        if not stored or bytes_left < 0:
            raise CaffeFormatError(
                f'{path}: {shorten(name, 60)!r} claims more values than it holds'
            )
        items.append((name, tensor.contiguous()))
    return items


def _check_pickles(path: str | Path) -> None:
    """Refuse a file whose pickles name or do more than a state dict needs.

    The unpickler of weights_only would still make a bytearray of any length, for one. And
    torch.save's archives are not compressed: what is may grow without bounds.
    """
    with open_file(path) as file:
        try:
            if not zipfile.is_zipfile(file):
                file.seek(0)
                # Magic number, version, the machine, the state dict, the storages' names.
                for _ in range(5):
                    _check_pickle(path, file)
                return
            _check_directory(path, file)
            with zipfile.ZipFile(file) as archive:
                parts = archive.infolist()
                if any('/code/' in part.filename for part in parts):
                    raise CaffeFormatError(f'{path}: a TorchScript program: save its state_dict()')
                if any(part.compress_type or part.file_size > part.compress_size for part in parts):
                    raise CaffeFormatError(f'{path}: not of torch.save: its parts are compressed')
                for part in parts:
                    if part.filename.endswith('.pkl'):
                        if part.file_size > MAX_PICKLE:
                            raise CaffeFormatError(f'{path}: {part.filename!r} is too long')
                        _check_pickle(path, archive.open(part))
        except CaffeFormatError:
            raise
        except Exception as error:  # both readers raise whatever they met
            raise CaffeFormatError(f'{path}: damaged: {error}') from error


def _check_directory(path: str | Path, file: BufferedReader) -> None:
    """Refuse an archive of so many files that listing them takes seconds.

    Source: PKWARE, APPNOTE.TXT: end of central directory record, its zip64 locator and record.
    """
    size = file.seek(0, 2)
    tail = 56 + 20 + 22
    file.seek(max(size - tail, 0))
    zip64, locator, end = struct.unpack('<56s20s22s', file.read(tail).rjust(tail, b'\0'))
    directory = int.from_bytes(end[12:16], 'little')
    if locator.startswith(b'PK\6\7'):
        directory = int.from_bytes(zip64[40:48], 'little')
        placed = int.from_bytes(locator[8:16], 'little') == size - tail
        if not zip64.startswith(b'PK\6\6') or not placed:
            raise CaffeFormatError(f'{path}: not of torch.save: its directory is misplaced')
    if not end.startswith(b'PK\5\6') or directory > MAX_DIRECTORY:
        raise CaffeFormatError(f'{path}: not of torch.save: its directory is misplaced or too long')


def _check_pickle(path: str | Path, file: IO[bytes]) -> None:
    for count, (opcode, argument, _) in enumerate(pickletools.genops(file)):
        if opcode.name == 'GLOBAL':
            name = str(argument).replace(' ', '.')
            if not (name in GLOBALS or STORAGE.fullmatch(name)):
                raise CaffeFormatError(
                    f'{path}: not a state dict of tensors: it names {shorten(name, 60)}'
                )
        if opcode.name in CALLS:
            raise CaffeFormatError(f'{path}: not a state dict of tensors: {opcode.name} in it')
        if count > MAX_OPERATIONS:
            raise CaffeFormatError(f'{path}: not a state dict of a network: it is too long')


def read_safetensors(path: str | Path) -> NetParameter | Weights:
    """Read a .safetensors file, with the network in its metadata, if it is ours."""
    with open_file(path) as file:
        header = int.from_bytes(file.read(8), 'little')
    if header > MAX_HEADER:
        raise CaffeFormatError(f'{path}: not of a network: its header has {header} bytes')
    try:
        with safe_open(path, framework='pt') as file:
            metadata = file.metadata() or {}
            names = list(file.keys())
            if len(names) > MAX_BLOBS:
                raise CaffeFormatError(f'{path}: it has more than {MAX_BLOBS} tensors')
            tensors = {}
            for name in names:
                tensor = file.get_tensor(name)
                _check_dtype(path, name, tensor)
                tensors[name] = tensor.float()
    except (SafetensorError, OSError, RuntimeError, ValueError, KeyError) as error:
        if isinstance(error, CaffeFormatError):
            raise
        raise CaffeFormatError(f'{path}: damaged safetensors: {error}') from error
    weights = _by_layer(path, tensors)
    if 'prototxt' not in metadata:
        return weights
    net = parse_prototxt(metadata['prototxt'], path)
    for layer in net.layers:
        blobs = weights.blobs.get(layer.name, {})
        layer.blobs = [blobs[number] for number in range(len(blobs))]
    net.authoritative = True
    return net


def _check_dtype(path: str | Path, name: str, tensor: Tensor) -> None:
    """Raise CaffeFormatError unless a tensor holds floats of 2, 4 or 8 bytes."""
    if tensor.dtype not in DTYPES:
        raise CaffeFormatError(
            f'{path}: {shorten(name, 60)!r} holds numbers of type {tensor.dtype}, no floats'
        )


def _by_layer(path: str | Path, tensors: dict[str, Tensor]) -> Weights:
    """Return the tensors by layer and number: LAYER.weight, LAYER.bias, LAYER.2 ..."""
    layers: dict[str, dict[int, Tensor]] = {}
    for name, tensor in tensors.items():
        layer, _, blob = name.rpartition('.')
        number = BLOBS.index(blob) if blob in BLOBS else int(blob) if _is_number(blob) else -1
        if not layer or number < 0:
            raise CaffeFormatError(
                f'{path}: {shorten(name, 60)!r} is not a tensor LAYER.weight or LAYER.bias'
            )
        layers.setdefault(layer, {})[number] = tensor
    for name, blobs in layers.items():
        if set(blobs) != set(range(len(blobs))):
            raise CaffeFormatError(f'{path}: layer {name!r} lacks one of its tensors')
    return Weights(layers, path)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 4
