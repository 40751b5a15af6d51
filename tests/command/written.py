"""Files that runs have written into the current folder."""

import json
import os

import numpy as np
from PIL import Image

from neural_style.files.tensors import read_tensors, write_tensors
from neural_style.transfer import image_files


def files(folder='.'):
    return sorted(os.listdir(folder))


def pixels(path='out.png'):
    """Return the pixels of an image as they are stored."""
    with Image.open(path) as image:
        return np.asarray(image)


def content_of(path):
    """Return the bytes of a file."""
    with open(path, 'rb') as file:
        return file.read()


def recipe_of(path):
    return json.loads(image_files.comment(path))


def forget_statistics(path):
    """Take from a saved style what -fast paints from, which earlier versions did not save."""
    tensors, metadata = read_tensors(path)
    targets = {name: tensor for name, tensor in tensors.items() if '/fast:' not in name}
    assert len(targets) < len(tensors)
    write_tensors(path, targets, metadata)
