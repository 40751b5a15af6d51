"""Images made for a test, and what a reader should make of them."""

import json
import os
import struct
import unicodedata
import zlib

import numpy as np
import PIL.Image
import pytest
from samples import SHARED

NASTY = SHARED / 'corpus' / 'images' / 'nasty'


def nasty():
    """Return parameters for the images of the corpus: a name and what to expect."""
    if not NASTY.is_dir():
        return [
            pytest.param('', {}, marks=pytest.mark.skip('needs the corpus beside the checkout'))
        ]
    lines = (SHARED / 'corpus' / 'index.jsonl').read_text().splitlines()
    entries = [entry for entry in map(json.loads, lines) if entry.get('category') == 'nasty']
    names = {unicodedata.normalize('NFC', name): name for name in os.listdir(NASTY)}
    return [
        pytest.param(names[unicodedata.normalize('NFC', entry['name'])], entry, id=entry['name'])
        for entry in entries
    ]


def stored(tmp_path, image, image_format='PNG', name='picture', **options):
    """Write an image; returns its path."""
    path = tmp_path / name
    image.save(path, image_format, **options)
    return path


def random_image(seed=0, mode='RGB', size=(7, 5)):
    """Return an image of random bytes."""
    count = size[0] * size[1] * len(PIL.Image.new(mode, (1, 1)).getbands())
    return PIL.Image.frombytes(mode, size, np.random.default_rng(seed).bytes(count))


def opened(path):
    """Return an image, decoded, its file closed."""
    with PIL.Image.open(path) as image:
        image.load()
        return image


def bytes_of(tensor):
    """Return (C, H, W) as integers from 0 to 255."""
    return np.rint(tensor.numpy() * 255).astype(int)


def expected(image):
    """Return (3, H, W), converted to RGB by Pillow."""
    return np.asarray(image.convert('RGB')).transpose(2, 0, 1)


def tiff(values, order, compressed):
    """Return a TIFF of 16-bit channels (H, W, C), which Pillow cannot write."""
    height, width, depth = values.shape
    data = values.astype(f'{order}u2').tobytes()
    data = zlib.compress(data) if compressed else data
    count, short, long = 9, 3, 4
    bits = 8 + 2 + 12 * count + 4  # where the bits of each channel stand, and then the pixels
    fields = [(256, long, 1, width), (257, long, 1, height), (258, short, depth, bits)]
    fields += [(259, short, 1, 8 if compressed else 1), (262, short, 1, 2)]
    fields += [(273, long, 1, bits + 2 * depth), (277, short, 1, depth), (278, long, 1, height)]
    fields += [(279, long, 1, len(data))]
    head = (b'II*\0' if order == '<' else b'MM\0*') + struct.pack(f'{order}IH', 8, count)
    for tag, field_type, number, value in fields:
        form = 'HHIHH' if field_type == short and number == 1 else 'HHII'
        head += struct.pack(order + form, *(tag, field_type, number, value, 0)[: len(form)])
    return head + bytes(4) + struct.pack(f'{order}{depth}H', *[16] * depth) + data
