"""A loss network printed as Torch7 prints it."""

from collections.abc import Sequence

import torch
from torch import nn

from loadcaffe.graph import Graph
from neural_style.losses.base import ImageLoss
from neural_style.torch7 import nn as torch7_nn


def describe_chunks(
    chunks: Sequence[nn.Module],
    devices: Sequence[torch.device],
    image_losses: Sequence[ImageLoss],
    backend: str,
) -> str:
    """Describe a network cut into chunks, the losses of the image as its first layers.

    devices: of the chunks.  With several, each is an nn.GPU module, as in neural_style.lua.
    """
    first, *others = chunks
    first = _with_image_losses(first, image_losses)
    if not others:
        return torch7_nn.describe(first, backend)
    gpus = [
        torch7_nn.GPU((device.index or 0) + 1, chunk)
        for chunk, device in zip([first, *others], devices, strict=True)
    ]
    return torch7_nn.describe(nn.Sequential(*gpus), backend)


def _with_image_losses(chunk: nn.Module, image_losses: Sequence[ImageLoss]) -> nn.Module:
    layers = [*image_losses, *chunk.children()]
    if not isinstance(chunk, Graph):
        return nn.Sequential(*layers)
    owners = [-1] * len(image_losses) + list(range(len(chunk)))
    return chunk.rewired(layers, owners)
