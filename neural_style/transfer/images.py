"""The images that stylize takes: tensors, NumPy arrays, Pillow's images and paths."""

import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import torch
from torch import Tensor

from neural_style.errors import SettingError
from neural_style.files.pillow import to_tensor
from neural_style.modes import free_tensor
from neural_style.torch7 import image as torch7_image
from neural_style.transfer import image_files
from neural_style.transfer.color import luminance

# One image: a tensor or an array (3, H, W) or (H, W, 3), an image of Pillow, or a path.
Image = Tensor | np.ndarray | PIL.Image.Image | str | Path
KINDS = 'give a tensor, a NumPy array, an image of Pillow or a path'
# Of numbers that scaling has rounded.
TOLERANCE = 1e-4
# What an image that is painted on may have, as the results of stylize are not clamped.
UNCLAMPED = 1.0


def as_image(name: str, image: Any, tolerance: float = TOLERANCE) -> Tensor:
    """Return an image as a tensor (3, H, W), RGB; floats as they are, others as load reads them.

    name: of the argument, for errors.  tolerance: how far values may lie outside [0, 1] without a
    warning.  Raises TypeError for what is no image, SettingError for one that cannot be used.
    """
    if isinstance(image, str | os.PathLike):
        tensor = read(name, image)
    elif isinstance(image, PIL.Image.Image):
        tensor = from_pillow(name, image)
    elif isinstance(image, Tensor):
        tensor = from_tensor(free_tensor(image).cpu())
    elif hasattr(image, '__array__'):
        tensor = from_array(name, np.asarray(image))
    else:
        raise TypeError(f'`{name}`: {type(image).__name__} is no image; {KINDS}')
    tensor = in_planes(name, tensor)
    warn_of_range(name, tensor, tolerance)
    return tensor


def as_images(name: str, images: Any) -> list[Tensor]:
    """Return several images as tensors (3, H, W); one alone is a list of one."""
    is_single = isinstance(images, str | os.PathLike | PIL.Image.Image)
    if is_single or getattr(images, 'ndim', 0) == 3:
        images = [images]
    if not isinstance(images, Sequence) and getattr(images, 'ndim', 0) != 4:
        raise TypeError(f'`{name}`: {type(images).__name__} is no list of images; {KINDS} for each')
    return [as_image(f'{name}[{number}]', image) for number, image in enumerate(images)]


def as_mask(name: str, mask: Any) -> Tensor:
    """Return a mask as a tensor (1, H, W): an image's luminance, or numbers as they are."""
    if isinstance(mask, Tensor | np.ndarray):
        tensor = mask if isinstance(mask, Tensor) else from_array(name, mask)
        tensor = tensor[None] if tensor.dim() == 2 else tensor
        if len(tensor) == 1:
            warn_of_range(name, tensor, TOLERANCE)
            return free_tensor(tensor).cpu()
    return luminance(as_image(name, mask))


def read(name: str, path: str | os.PathLike) -> Tensor:
    """Read an image file: (3, H, W); errors name the argument."""
    try:
        return image_files.read(Path(path).expanduser())
    except OSError as error:
        raise type(error)(f'`{name}`: {error}') from None
    except ValueError as error:
        raise SettingError(name, str(error)) from error


def from_pillow(name: str, image: PIL.Image.Image) -> Tensor:
    """Return (3, H, W) of an image of Pillow: without its transparency, at 8 or 16 bits."""
    try:
        numbers = image_files.deep_numbers(image)
    except ValueError as error:
        raise SettingError(name, str(error)) from None
    if numbers is not None:
        return to_tensor(*numbers)
    image = image.copy()
    image.info.pop('transparency', None)
    return to_tensor(torch7_image.to_8_bits(image), 255)


def from_tensor(image: Tensor) -> Tensor:
    """Return floats as they are, and bytes, as torchvision reads them, scaled to [0, 1]."""
    return image.double() * (1.0 / 255) if image.dtype == torch.uint8 else image


def from_array(name: str, array: np.ndarray) -> Tensor:
    """Return a tensor of an array: floats as they are, uint8 and uint16 scaled to [0, 1]."""
    if array.dtype in (np.uint8, np.uint16):
        array = array * (1.0 / np.iinfo(array.dtype).max)
    elif array.dtype == np.float16:
        array = array.astype(np.float32)
    elif array.dtype.kind == 'f' and array.dtype.itemsize > 8:
        array = array.astype(np.float64)
    elif array.dtype.kind != 'f':
        raise SettingError(name, f'{array.dtype} of shape {array.shape}; give floats, or uint8')
    native = array.dtype.newbyteorder('=')
    return torch.from_numpy(np.require(array, native, ['C', 'W']))


def in_planes(name: str, tensor: Tensor) -> Tensor:
    """Return (3, H, W) of a tensor (3, H, W) or (H, W, 3) of floats, with all bits of float32."""
    if tensor.dim() == 3 and len(tensor) != 3 and tensor.shape[2] == 3:
        tensor = tensor.permute(2, 0, 1).contiguous()
    if tensor.dim() != 3 or len(tensor) != 3 or not tensor.is_floating_point():
        shape = tuple(tensor.shape)
        raise SettingError(name, f'{tensor.dtype} of shape {shape}; give floats (3, H, W), RGB')
    if 0 in tensor.shape:
        raise SettingError(name, f'shape {tuple(tensor.shape)}: it has no pixels')
    return tensor.float() if tensor.dtype.itemsize < 4 else tensor


def warn_of_range(name: str, tensor: Tensor, tolerance: float) -> None:
    """Warn of values outside [0, 1], NaN among them."""
    low, high = map(float, tensor.aminmax())
    if -tolerance <= low and high <= 1 + tolerance:
        return
    remedy = '; divide it by 255' if 0 <= low and 2 < high <= 255 else ''
    warnings.warn(
        f'`{name}` has values from {low:g} to {high:g}, not from 0 to 1{remedy}', stacklevel=6
    )
