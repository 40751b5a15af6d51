"""Optical flow: where each pixel of a frame was, or will be, in another one."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from neural_style.transfer.color import luminance
from neural_style.video.boundaries import sharpen_boundaries
from neural_style.video.consistency import reliability
from neural_style.video.libraries import opencv

MIN_SIDE = 16  # of a picture that DIS takes


@dataclass(frozen=True)
class Motion:
    """The motion from a frame back to an earlier one.

    backward: (2, H, W), float32: what leads from each pixel to where it was, x before y, in pixels.
    reliability: (1, H, W), float32 in [0, 1]: 0 where it cannot be trusted.
    """

    backward: Tensor
    reliability: Tensor


@dataclass(frozen=True)
class View:
    """A frame as it is compared with others: its number, and its grey values (H, W), uint8."""

    number: int
    grey: np.ndarray


# Returns the flow from a frame to another: (2, H, W), float32.
FlowFinder = Callable[[View, View], Tensor]
# Returns the motion from a frame back to an earlier one.
MotionFinder = Callable[[View, View], Motion]


def view(number: int, image: Tensor) -> View:
    """Return the view of an image (3, H, W), RGB in [0, 1], of which 16 bits count."""
    rounded = image.clamp(0, 1).mul(65535).round_().div_(65535)
    grey = luminance(rounded)[0].clamp(0, 1).mul(255).round().to(torch.uint8)
    return View(number, grey.numpy())


def dis_flow(source: np.ndarray, target: np.ndarray) -> Tensor:
    """Return the flow from one picture to another, both (H, W), uint8: (2, H, W), float32.

    It changes where the picture does.  It is rounded to float16, as it is kept: by 1/128 pixel at
    most for motions up to 32 pixels.
    Source: Kroeger et al. 2016, Fast Optical Flow using Dense Inverse Search.
    """
    cv2 = opencv()
    dis = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    dis.setFinestScale(0)
    height, width = source.shape
    rows, columns = max(MIN_SIDE - height, 0), max(MIN_SIDE - width, 0)
    padded = [np.pad(picture, ((0, rows), (0, columns)), 'edge') for picture in (source, target)]
    flow = sharpen_boundaries(dis.calc(*padded, None), *padded)[:height, :width]
    rounded = flow.astype(np.float16).astype(np.float32)
    return torch.from_numpy(np.ascontiguousarray(rounded.transpose(2, 0, 1)))


def find_flow(source: View, target: View) -> Tensor:
    """Return the flow from one frame to another by DIS."""
    return dis_flow(source.grey, target.grey)


def find_motion(current: View, previous: View, find_flow: FlowFinder = find_flow) -> Motion:
    """Return the motion of a flow, forward and backward, as far as the two agree."""
    backward = find_flow(current, previous)
    forward = find_flow(previous, current)
    return Motion(backward, reliability(backward, forward))
