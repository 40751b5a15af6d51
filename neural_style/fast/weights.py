"""The weights of the network in a file, in half precision."""

import os
from importlib import resources
from pathlib import Path

import torch
from torch import Tensor

import loadcaffe
from neural_style.fast.decoder import Decoder
from neural_style.fast.encoder import Encoder
from neural_style.files.tensors import read_tensors, write_tensors

FOLDER = str(resources.files('neural_style') / 'models')
EMBEDDED = os.path.join(FOLDER, 'small_vgg16')
WEIGHTS = os.path.join(FOLDER, 'fast.safetensors')
FORMAT = 'neural_style.fast'
VERSION = '1'


def save_weights(path: str | Path, encoder: Encoder, decoder: Decoder) -> None:
    """Write the basis of an encoder, and a decoder."""
    tensors = {f'basis/{name}': matrix for name, matrix in encoder.basis.items()}
    tensors |= {f'decoder/{name}': value for name, value in decoder.state_dict().items()}
    halves = {name: value.to(torch.float16) for name, value in tensors.items()}
    write_tensors(path, halves, {FORMAT: VERSION})


def load_weights(path: str | Path = WEIGHTS) -> tuple[Encoder, Decoder]:
    """Read what save_weights has written, for the embedded network.

    Raises OSError if there is no such file, ValueError if it is another.
    """
    tensors, metadata = read_tensors(path)
    if metadata.get(FORMAT) != VERSION:
        raise ValueError(f'{path}: these are not weights of the fast network')
    decoder = Decoder()
    decoder.load_state_dict(_part(tensors, 'decoder/'))
    cnn = loadcaffe.load(EMBEDDED + '.prototxt', EMBEDDED + '.caffemodel')
    return Encoder(cnn, _part(tensors, 'basis/')), decoder


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): value.float()
        for name, value in tensors.items()
        if name.startswith(prefix)
    }
