"""Conversion between RGB images and what a Caffe VGG expects."""

from torch import Tensor

# The mean pixel of ImageNet, BGR, on the scale of 0 to 255 (neural_style.lua: preprocess).
MEAN_PIXEL = (103.939, 116.779, 123.68)


def preprocess(image: Tensor) -> Tensor:
    """Turn an RGB image, or a batch, into what a Caffe VGG expects.

    image: (3, H, W) or (N, 3, H, W), RGB, in [0, 1].  Returns as much, BGR, scaled by 256, mean
    pixel subtracted, in the image's own precision (the command works in float64 up to here).
    The scale is 256, not 255, as in neural_style.lua: preprocess.
    """
    return image.flip(-3).mul_(256.0).sub_(_mean_pixel(image))


def deprocess(image: Tensor) -> Tensor:
    """Undo preprocess: (3, H, W) BGR minus mean pixel → (3, H, W) RGB, not clamped.

    Give it float64 for the original's bytes (neural_style.lua: deprocess takes img:double()).
    """
    return image.flip(0).add_(_mean_pixel(image).flip(0)).div_(256.0)


def _mean_pixel(image: Tensor) -> Tensor:
    return image.new_tensor(MEAN_PIXEL).view(3, 1, 1)
