"""Weights in PyTorch's .pth and in .safetensors, as a NetParameter.

Tensors are named LAYER.weight and LAYER.bias, further blobs LAYER.2 and so on. A .safetensors file
of ours carries its network as a prototxt. A .pth whose tensors are called features.0.weight ... is
taken for the Caffe weights of VGG-16 or VGG-19 that jcjohnson/pytorch-vgg converted.
"""

import warnings
import zipfile
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from loadcaffe import schema
from loadcaffe.netparameter import LAYERS, Layer, NetParameter, open_file, parse_prototxt
from loadcaffe.schema import CaffeFormatError
from loadcaffe.vgg import vgg

BLOBS = ('weight', 'bias')
# The first tag of a pickle of protocol 2 with torch.save's magic number, up to PyTorch 1.5.
LEGACY = b'\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.'


def read_torch(path: str | Path) -> NetParameter:
    """Read a state dict. Nothing in the file is executed: torch.load's weights_only unpickler.

    Raises FileNotFoundError, CaffeFormatError.
    """
    _refuse_packed(path)
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


def _refuse_packed(path: str | Path) -> None:
    """torch.save stores without compression; anything else may grow without bounds."""
    with open_file(path) as file:
        if file.read(2) != b'PK':
            return
        try:
            with zipfile.ZipFile(file) as archive:
                packed = any(one.compress_type or one.file_size > one.compress_size
                             for one in archive.infolist())  # fmt: skip
        except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError) as error:
            raise CaffeFormatError(f'{path}: a damaged archive: {error}') from error
    if packed:
        raise CaffeFormatError(f'{path}: not a file of torch.save: its parts are compressed')


def read_safetensors(path: str | Path) -> NetParameter:
    """Read a .safetensors file, with the network in its metadata, if it is ours."""
    with open_file(path):
        pass
    try:
        with safe_open(path, framework='pt') as file:
            metadata = file.metadata() or {}
            names = list(file.keys())
            if len(names) > 20 * LAYERS:
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
    net.settled = True
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
    layers = []
    for name, blobs in found.items():
        if set(blobs) != set(range(len(blobs))):
            raise CaffeFormatError(f'{path}: layer {name!r} lacks one of its tensors')
        param = schema.LayerParameter(name=name)
        layers.append(Layer(name, '', '', param, [blobs[i] for i in range(len(blobs))]))
    return NetParameter('', 2, [], [], [], layers, path, weights_only=True)
