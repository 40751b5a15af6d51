"""Warping: a picture, or a flow, as it looks from where another flow leads."""

import numpy as np
import torch
from torch import Tensor

from neural_style.video.libraries import scipy_ndimage


def warp(values: Tensor, flow: Tensor, order: int = 1) -> Tensor:
    """Fetch every pixel of values (C, H, W) from where a flow leads.

    flow: (2, H, W), x before y, in pixels; it may lead between pixels, and beyond the last ones,
    where their values go on.  order: of the splines, 1 to 5; 1 is bilinear interpolation.
    """
    ndimage = scipy_ndimage()
    x, y = positions(flow)
    places = torch.stack((y, x)).numpy()
    warped = np.empty(values.shape, values.numpy().dtype)
    for source, target in zip(values.numpy(), warped, strict=True):
        ndimage.map_coordinates(source, places, target, order=order, mode='nearest')
    return torch.from_numpy(warped)


def warp_picture(image: Tensor, flow: Tensor) -> Tensor:
    """Return how an image (3, H, W), RGB in [0, 1], looks from where a flow leads.

    By cubic splines: from frame to frame, bilinear interpolation would blur it more and more.
    """
    return warp(image, flow, order=3).clamp_(0, 1)


def positions(flow: Tensor) -> tuple[Tensor, Tensor]:
    """Return x and y of where a flow leads, in pixels from the first one's centre."""
    height, width = flow.shape[1:]
    x = torch.arange(width, dtype=flow.dtype, device=flow.device)
    y = torch.arange(height, dtype=flow.dtype, device=flow.device)
    return x + flow[0], y[:, None] + flow[1]
