"""Weights in PyTorch's .pth and in .safetensors, as a NetParameter.

Tensors are named LAYER.weight and LAYER.bias, further blobs LAYER.2 and so on. A .safetensors file
of ours carries its network as a prototxt. A .pth whose tensors are called features.0.weight ... is
taken for the Caffe weights of VGG-16 or VGG-19 that jcjohnson/pytorch-vgg converted.
"""

import pickletools
import re
import warnings
import zipfile
from pathlib import Path
from typing import IO

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from loadcaffe.formats.netparameter import MAX_LAYERS, NetParameter, open_file, weights_only
from loadcaffe.formats.prototxt import parse_prototxt
from loadcaffe.formats.schema import CaffeFormatError
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
OPERATIONS = 200_000


def read_torch(path: str | Path) -> NetParameter:
    """Read a state dict. Nothing in the file is executed: torch.load's weights_only unpickler, for
    a file that names nothing but tensors.

    Raises FileNotFoundError, CaffeFormatError.
    """
    _check_pickles(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            found = torch.load(path, map_location='cpu', weights_only=True)
    except Exception as error:  # the unpickler raises whatever it met
        words = str(error).strip().splitlines() or [type(error).__name__]
        raise CaffeFormatError(f'{path}: not a state dict of tensors: {words[0]}') from error
    if isinstance(found, dict) and isinstance(found.get('state_dict'), dict):
        found = found['state_dict']
    if not isinstance(found, dict) or not found:
        raise CaffeFormatError(f'{path}: not a state dict of tensors but {type(found).__name__}')
    for name, tensor in found.items():
        dense = isinstance(tensor, Tensor) and tensor.layout == torch.strided
        if not isinstance(name, str) or not dense or tensor.numel() > 1 << 40:
            raise CaffeFormatError(f'{path}: not a state dict of tensors: {str(name)[:60]!r}')
        if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
            raise CaffeFormatError(f'{path}: {name!r} claims more values than it holds')
    tensors = {name: tensor.float().contiguous() for name, tensor in found.items()}
    if any(name.startswith('features.') for name in tensors):
        return vgg(path, tensors)
    return _by_name(path, tensors)


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
            with zipfile.ZipFile(file) as archive:
                parts = archive.infolist()
                if any(one.compress_type or one.file_size > one.compress_size for one in parts):
                    raise CaffeFormatError(f'{path}: not of torch.save: its parts are compressed')
                for one in parts:
                    if one.filename.endswith('.pkl'):
                        _check_pickle(path, archive.open(one))
        except CaffeFormatError:
            raise
        except Exception as error:  # both readers raise whatever they met
            raise CaffeFormatError(f'{path}: damaged: {error}') from error


def _check_pickle(path: str | Path, file: IO[bytes]) -> None:
    for count, (opcode, argument, _) in enumerate(pickletools.genops(file)):
        named = str(argument).replace(' ', '.')
        if opcode.name == 'GLOBAL' and not (named in GLOBALS or STORAGE.fullmatch(named)):
            raise CaffeFormatError(f'{path}: not a state dict of tensors: it names {named[:60]}')
        if opcode.name in CALLS or count > OPERATIONS:
            raise CaffeFormatError(f'{path}: not a state dict of tensors: {opcode.name} in it')


def read_safetensors(path: str | Path) -> NetParameter:
    """Read a .safetensors file, with the network in its metadata, if it is ours."""
    with open_file(path):
        pass
    try:
        with safe_open(path, framework='pt') as file:
            metadata = file.metadata() or {}
            names = list(file.keys())
            if len(names) > 20 * MAX_LAYERS:
                raise CaffeFormatError(f'{path}: it has {len(names)} tensors')
            tensors = {name: file.get_tensor(name).float() for name in names}
    except (SafetensorError, OSError, RuntimeError, ValueError, KeyError) as error:
        if isinstance(error, CaffeFormatError):
            raise
        raise CaffeFormatError(f'{path}: damaged safetensors: {error}') from error
    weights = _by_name(path, tensors)
    if 'prototxt' not in metadata:
        return weights
    net = parse_prototxt(metadata['prototxt'], path)
    held = {layer.name: layer.blobs for layer in weights.layers}
    for layer in net.layers:
        layer.blobs = held.get(layer.name, [])
    net.authoritative = True
    return net


def _by_name(path: str | Path, tensors: dict[str, Tensor]) -> NetParameter:
    """Layers with their blobs in order, and nothing else about them."""
    found: dict[str, dict[int, Tensor]] = {}
    for name, tensor in tensors.items():
        layer, _, blob = name.rpartition('.')
        number = BLOBS.index(blob) if blob in BLOBS else int(blob) if blob.isdecimal() else -1
        if not layer or not 0 <= number < 1000:
            raise CaffeFormatError(
                f'{path}: {name[:60]!r} is not a tensor LAYER.weight or LAYER.bias'
            )
        found.setdefault(layer, {})[number] = tensor
    for name, blobs in found.items():
        if set(blobs) != set(range(len(blobs))):
            raise CaffeFormatError(f'{path}: layer {name!r} lacks one of its tensors')
    lists = ((name, [blobs[i] for i in range(len(blobs))]) for name, blobs in found.items())
    return weights_only(path, lists)
